"""How surely the cells of an image are counted, and what they cover."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from softlight.config import ModelSpec
from softlight.evaluate.intervals import confluence_interval, count_interval
from softlight.recipes.divide import right_cells


class Bounds(NamedTuple):
    """Intervals of what one frame truly holds, nan where nobody knows."""

    count_low: float
    count_high: float
    confluence_low: float
    confluence_high: float


def bounds(
    scores: npt.NDArray[np.float64], confluence: float, spec: ModelSpec, *, known: bool
) -> Bounds:
    """What a frame truly holds, nine times in ten, by the errors of images that were held out.

    Args:
        scores: of the cells that were found.
        confluence: share of the frame that was called cell.
        spec: of the model; nan where nothing was held out in its training.
        known: whether the movie is like the training images; of another, nobody knows how wrong
            the model is.
    """
    trust = spec.trust if known else None
    counts = count_interval(right_cells(scores, spec), None if trust is None else trust.count)
    shares = confluence_interval(confluence, None if trust is None else trust.confluence)
    return Bounds(*counts, *shares)


def holding(found: Bounds, *, count: float, confluence: float) -> dict[str, float]:
    """Whether what is truly there lies within: 1 or 0, nan where there is no interval.

    Means over images that were not trained on are how often the intervals hold.
    """
    return {
        "count_within": _within(found.count_low, count, found.count_high),
        "confluence_within": _within(found.confluence_low, confluence, found.confluence_high),
    }


def _within(low: float, true: float, high: float) -> float:
    return float(low <= true <= high) if math.isfinite(low) else math.nan
