"""What is said of classes over many images, beside the scores of each image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from softlight.evaluate.classes import counted_together
from softlight.recipes.score import Scored


def confusion_of(scored: Sequence[Scored]) -> npt.NDArray[np.int64]:
    """Pixels of all images by true class (row) and predicted class (column), where known."""
    pairs = []
    for item in scored:
        known = np.s_[...] if item.annotated.valid is None else item.annotated.valid
        pairs.append((item.predicted[known], item.truth[known]))
    return counted_together(pairs, classes=len(scored[0].classes))
