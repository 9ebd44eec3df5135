"""How large an error is on average, with an interval that rather promises too little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

LEVEL = 0.95  # errors are skewed: the upper end is passed more often than one time in forty
_DRAWS = 2000


class Bounded(NamedTuple):
    """A mean and where the true one lies 19 times in 20; nan with fewer than two groups."""

    mean: float
    low: float
    high: float


def bounded_mean(
    values: npt.ArrayLike, groups: Sequence[object], *, seed: int = 0, level: float = LEVEL
) -> Bounded:
    """The mean over groups of their mean, with the wider of two intervals.

    One is drawn by the bootstrap over groups, one is Student's: with few groups the bootstrap
    promises too much, with skewed errors the other does. One group has no interval.

    Args:
        values: one error each, none of them missing.
        groups: what each belongs to; those of one group are alike.
        seed: of the bootstrap.
        level: share of the intervals that hold the truth.
    """
    numbers = np.asarray(values, np.float64)
    _, place = np.unique([str(group) for group in groups], return_inverse=True)
    if not len(numbers):
        return Bounded(math.nan, math.nan, math.nan)
    means = np.bincount(place, numbers) / np.bincount(place)
    mean, count = float(means.mean()), len(means)
    if count < 2 or not np.isfinite(means).all():
        return Bounded(mean, math.nan, math.nan)
    half = float(student.ppf((1 + level) / 2, count - 1) * means.std(ddof=1) / math.sqrt(count))
    drawn = np.random.default_rng(seed).choice(means, (_DRAWS, count)).mean(axis=1)
    low, high = (float(v) for v in np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2)))
    return Bounded(mean, min(low, mean - half), max(high, mean + half))


def bounded_bias(
    values: npt.ArrayLike, groups: Sequence[object], *, seed: int = 0, level: float = LEVEL
) -> Bounded:
    """The size of the mean of signed errors, which chance takes off and a bias does not."""
    signed = bounded_mean(values, groups, seed=seed, level=level)
    far = max(abs(signed.low), abs(signed.high))
    near = 0.0 if signed.low <= 0 <= signed.high else min(abs(signed.low), abs(signed.high))
    return Bounded(abs(signed.mean), near, far)
