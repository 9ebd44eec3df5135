"""How large the annotated cells are."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_SPECK_PX = 9  # smaller pieces are slips of the annotation


def median_cell_diameter(labels: npt.NDArray[np.int32]) -> float:
    """Median diameter in pixels of circles as large as the annotated cells; nan without any.

    Labels are taken as cells; in a mask of one value each connected piece is.
    """
    pieces = ndimage.label(labels)[0] if labels.max(initial=0) <= 1 else labels
    areas = np.bincount(pieces.ravel())[1:]
    areas = areas[areas > _SPECK_PX]
    return float(np.sqrt(np.median(areas) * 4 / np.pi)) if areas.size else math.nan
