"""One frame's true and predicted cells: where they lie, which are scored, which match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.evaluate.matching import Overlap, overlap_of
from softlight.evaluate.pixel import ScoreError
from softlight.evaluate.track_graph import TrackingError

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """The cells of one label image by rising label: their centres and whether they are scored."""

    label: Ints
    y: Floats
    x: Floats
    scored: Flags  # False: wholly in the border that the Challenge does not look at


@dataclass(frozen=True)
class FrameOverlap:
    """Both sides' cells and the pairs of them that share pixels."""

    truth: Cells
    predicted: Cells
    pairs: Overlap

    def matched(self) -> Flags:
        """Which pairs match as the Challenge has it: more than half of the true cell is shared."""
        pairs = self.pairs
        both = self.truth.scored[pairs.truth_index] & self.predicted.scored[pairs.predicted_index]
        return both & (2 * pairs.shared > pairs.truth_area[pairs.truth_index])


def overlap_frame(
    truth: NDArray[Any], predicted: NDArray[Any], *, border_px: int = 0, where: str = "The frame"
) -> FrameOverlap:
    """The cells of two label images (Y, X) and the pixels that each pair shares.

    Args:
        truth: true labels of any integer type, 0 = background.
        predicted: labels of the same size.
        border_px: cells with no pixel further inside than this are not scored.
        where: how an error names the frame.
    """
    try:
        pairs = overlap_of(truth, predicted)
    except ScoreError as error:
        raise TrackingError(f"{where}: {error}") from error
    if border_px < 0 or (border_px and 2 * border_px >= min(truth.shape)):
        raise TrackingError(
            f"A border of {border_px} px leaves nothing of {truth.shape[0]} × {truth.shape[1]} "
            "pixels; give 0 or more, less than half of the shorter side."
        )
    return FrameOverlap(
        _cells(truth, pairs.truth, border_px), _cells(predicted, pairs.predicted, border_px), pairs
    )


def _cells(labels: NDArray[Any], found: Ints, border_px: int) -> Cells:
    row, column = np.nonzero(labels)
    index = np.searchsorted(found, labels[row, column])
    height, width = labels.shape
    inner = (row >= border_px) & (row < height - border_px)
    inner &= (column >= border_px) & (column < width - border_px)
    scored = np.zeros(len(found), dtype=bool)
    scored[index[inner]] = True
    area = np.bincount(index, minlength=len(found))
    return Cells(
        found,
        np.bincount(index, row, len(found)) / area,
        np.bincount(index, column, len(found)) / area,
        scored,
    )
