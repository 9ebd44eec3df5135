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
    values, areas = _areas(labels)
    if len(values) == 1:
        _, areas = _areas(ndimage.label(labels)[0])
    areas = areas[areas > _SPECK_PX]
    return float(np.sqrt(np.median(areas) * 4 / np.pi)) if areas.size else math.nan


def _areas(labels: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """The labels above 0 and the pixels of each; a label may be as large as its type allows."""
    values, counts = np.unique(labels, return_counts=True)
    return values[values > 0], counts[values > 0]
