"""Intervals for the true count and covered area of a new image, from errors on held-out images.

An error is the log of true over predicted count, or the difference of two logits of covered area.
The count's error shrinks with the number of cells, but not to nothing: whole images are wrong in
one direction. With few images held out, Student's distribution makes the interval as wide as that
little knowledge deserves; from nine on, it is never narrower than what the ranks of the errors
alone say (conformal prediction).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import t as student

from softlight.config import ErrorConfig
from softlight.evaluate.pixel import ScoreError

Floats = npt.NDArray[np.float64]
LEVEL = 0.9
_LEAST_SHARE = 0.002  # of an image covered: below it, logits say more than anybody can see
_LEAST_PER_CELL = 0.05  # expected variance of one cell, however good the held-out images look
_LEAST_LOGIT_SD = 0.05


def fit_count_error(
    expected: npt.ArrayLike, true: npt.ArrayLike, groups: Sequence[str], *, per_cell: float
) -> ErrorConfig | None:
    """The errors of counts; None with fewer than two groups, since then nothing is known.

    Args:
        expected: the number of right cells expected of each held-out image.
        true: the number of annotated cells of each.
        groups: the well or movie of each.
        per_cell: variance of the log count of one cell alone, as its chance to be missed or false.
    """
    guess, truth = np.asarray(expected, np.float64), np.asarray(true, np.float64)
    noise = max(per_cell, _LEAST_PER_CELL) / (guess + 1)
    return _fit(np.log1p(truth) - np.log1p(guess), groups, noise, max(per_cell, _LEAST_PER_CELL))


def fit_confluence_error(
    predicted: npt.ArrayLike, true: npt.ArrayLike, groups: Sequence[str]
) -> ErrorConfig | None:
    """The errors of covered areas (0 to 1); None with fewer than two groups."""
    residuals = _logit(true) - _logit(predicted)
    return _fit(residuals, groups, np.zeros(len(residuals)), 0.0)


def count_interval(expected: float, error: ErrorConfig | None) -> tuple[float, float]:
    """(lowest, highest) true count, whole numbers, that holds nine times in ten; nan if unknown."""
    if error is None or not math.isfinite(expected):
        return math.nan, math.nan
    half = _half_width(error, error.per_cell / (expected + 1))
    middle = math.log1p(expected) + error.centre
    low, high = math.expm1(middle - half), math.expm1(min(middle + half, 700.0))
    return float(max(0, math.floor(low))), float(math.ceil(high)) if high < 1e9 else math.inf


def confluence_interval(predicted: float, error: ErrorConfig | None) -> tuple[float, float]:
    """(lowest, highest) share truly covered that holds nine times in ten; nan if unknown."""
    if error is None or not math.isfinite(predicted):
        return math.nan, math.nan
    half = _half_width(error, 0.0)
    middle = float(_logit(predicted)) + error.centre
    low, high = float(expit(middle - half)), float(expit(middle + half))
    nothing, all_of_it = _LEAST_SHARE, 1 - _LEAST_SHARE
    return (0.0 if low <= nothing else low), (1.0 if high >= all_of_it else high)


def _fit(
    residuals: Floats, groups: Sequence[str], noise: Floats, per_cell: float
) -> ErrorConfig | None:
    names, member = np.unique(np.asarray(groups, str), return_inverse=True)
    if len(residuals) != len(groups):
        raise ScoreError(f"{len(residuals)} images have {len(groups)} groups; give one for each.")
    if len(names) < 2:
        return None
    means = np.bincount(member, residuals) / np.bincount(member)
    without = (means.sum() - means) / (len(means) - 1)
    share = 1 / (len(names) * np.bincount(member)[member])  # each group weighs the same
    # Each image is judged by the others: a mean that holds its own error would look too good.
    apart = (residuals - without[member]) / math.sqrt(len(names) / (len(names) - 1))
    least = 0.0 if per_cell else _LEAST_LOGIT_SD**2
    per_image = max(least, float((share * (apart**2 - noise)).sum()))
    units = np.abs(apart) / np.sqrt(noise + per_image)
    seen = float((share * units**2).sum())
    free = len(names) - 1
    spread = math.sqrt(max(seen, (free * seen + 1) / (free + 1)))  # few good ones prove little
    return ErrorConfig(
        centre=float(means.mean()),
        spread=spread,
        images=len(residuals),
        groups=len(names),
        per_cell=per_cell,
        per_image=per_image,
        reach_90=_conformal(units, LEVEL),
    )


def _conformal(units: Floats, level: float) -> float | None:
    """The error that a new image stays within so often, by ranks alone; None with too few."""
    rank = math.ceil((len(units) + 1) * level)
    return None if rank > len(units) else float(np.sort(units)[rank - 1])


def _half_width(error: ErrorConfig, noise: float) -> float:
    new = math.sqrt(1 + 1 / error.groups)  # the centre is not known exactly either
    reach = float(student.ppf(0.5 + LEVEL / 2, error.groups - 1)) * error.spread
    return new * max(reach, error.reach_90 or 0.0) * math.sqrt(noise + error.per_image)


def _logit(share: npt.ArrayLike) -> Floats:
    inside = np.clip(np.asarray(share, np.float64), _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.asarray(logit(inside), np.float64)
