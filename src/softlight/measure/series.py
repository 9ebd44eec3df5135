"""The slope of a series whose noise remembers: random steps that stay, and errors that do not.

The logarithm of a count wanders: a division more today is a cell more for ever. Least squares
would take such a path's smoothness for certainty. Here the noise is a random walk (births, deaths,
cells that come and go) plus an error of each frame's own (cells missed in that frame). What share
of the noise is which is not known from a few dozen frames, so that all shares are tried and count
as much as the data make them likely: the slope is a mixture of Student's t distributions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize, stats

from softlight.measure.runs import Floats

SHARES = np.array([0.0, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1.0])


@dataclass(frozen=True, slots=True)
class Slopes:
    """The slope at each share of remembering noise, and how likely each share is."""

    slope: Floats  # (M,)
    error: Floats  # (M,) standard errors
    chance: Floats  # (M,) sums to 1
    freedom: int
    weights: Floats  # (T,) slope = weights @ values, at the likeliest shares

    @property
    def estimate(self) -> float:
        """The mean of the mixture."""
        return float(self.chance @ self.slope)

    def interval(self, level: float = 0.95, least_error: float = 0.0) -> tuple[float, float]:
        """The interval that holds so much of the mixture; nan without degrees of freedom."""
        if self.freedom < 1:
            return np.nan, np.nan
        error = np.maximum(self.error, least_error)
        if not error.max() > 0:
            return self.estimate, self.estimate
        error = np.maximum(error, 1e-9 * error.max())
        tails = (0.5 - level / 2, 0.5 + level / 2)
        reach = float(stats.t.ppf(tails[1], self.freedom)) * error
        low, high = float((self.slope - reach).min()), float((self.slope + reach).max())

        def below(value: float, share: float) -> float:
            return (
                float(self.chance @ stats.t.cdf((value - self.slope) / error, self.freedom)) - share
            )

        pad = 0.01 * (high - low)
        ends = [
            float(
                optimize.brentq(
                    below, low - pad, high + pad, args=(tail,), xtol=1e-7 * (high - low)
                )
            )
            for tail in tails
        ]
        return ends[0], ends[1]


def fit_slope(time: Floats, value: Floats, noise: Floats, *, bend: bool = False) -> Slopes:
    """The slope of ``value`` against ``time``; with ``bend``, of its quadratic term instead.

    Args:
        time: ascending.
        value: usually logarithms.
        noise: relative variance of each value's noise, such as 1 / count; its scale is fitted.
        bend: fit a parabola and give the coefficient of its square, time centred.
    """
    steps, rise = np.diff(time), np.diff(value)
    design = steps[:, None]
    if bend:
        centred = time - time.mean()
        design = np.stack([steps, np.diff(centred**2)], axis=1)
    freedom = len(rise) - design.shape[1]
    unit = float(steps.mean()) if len(steps) else 1.0
    noise = noise / noise.mean()
    fits = [_at_share(share, design, rise, steps / unit, noise, freedom) for share in SHARES]
    slope, error, log_chance = (np.array(part) for part in list(zip(*fits, strict=True))[:3])
    chance = np.exp(log_chance - log_chance.max())
    chance /= chance.sum()
    on_rise = chance @ np.array([fit[3] for fit in fits])
    weights = np.concatenate([[0.0], on_rise]) - np.concatenate([on_rise, [0.0]])
    return Slopes(slope, error, chance, freedom, weights)


def _at_share(
    share: float, design: Floats, rise: Floats, steps: Floats, noise: Floats, freedom: int
) -> tuple[float, float, float, Floats]:
    """(slope, its error, log likelihood, weights of the rises) at one share of lasting noise.

    Differences of the series have a covariance of three diagonals.
    """
    middle = (noise[1:] + noise[:-1]) / 2
    band = np.zeros((2, len(rise)))
    band[0] = share * steps * middle + (1 - share) * (noise[1:] + noise[:-1])
    band[1, :-1] = -(1 - share) * noise[1:-1]
    factor = linalg.cholesky_banded(band, lower=True)
    solved = linalg.cho_solve_banded((factor, True), np.column_stack([design, rise]))
    size = design.shape[1]
    normal = design.T @ solved[:, :size]
    inverse = np.linalg.inv(normal)
    coefficients = inverse @ (design.T @ solved[:, size])
    left = rise - design @ coefficients
    squares = max(float(left @ (solved[:, size] - solved[:, :size] @ coefficients)), 0.0)
    weights = (inverse @ solved[:, :size].T)[-1]
    if freedom < 1:
        return float(coefficients[-1]), np.nan, 0.0, weights
    determinant = 2 * float(np.log(factor[0]).sum()) + float(np.linalg.slogdet(normal)[1])
    floor = 1e-24 * max(float(rise @ rise), 1e-24)
    log_chance = -0.5 * determinant - 0.5 * freedom * np.log(max(squares, floor))
    error = np.sqrt(squares / freedom * inverse[-1, -1])
    return float(coefficients[-1]), float(error), log_chance, weights
