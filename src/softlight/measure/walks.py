"""How walking cells displace: the persistent random walk, and what localisation adds to it.

A cell whose velocity has mean square S² and is forgotten at the rate 1 / P moves in time t by

    MSD(t) = 2 S² P (t - P (1 - exp(-t / P)))                       (Fürth 1920)

and an error of standard deviation σ in each coordinate of each position adds 4 σ² to it, whatever
t is. The two differ where t goes to 0, which is how σ is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from softlight.measure.runs import Floats

FEWEST_LAGS = 4


@dataclass(frozen=True, slots=True)
class Walk:
    """What an ensemble's mean squared displacements say; nan where they do not determine it."""

    speed: float  # root mean square speed S
    persistence: float  # P
    localisation_sd: float  # σ
    diffusion: float  # D, apparent, at one frame interval
    alpha: float  # exponent of the MSD: 1 = diffusion, 2 = straight lines


def furth(time: Floats, speed: float, persistence: float) -> Floats:
    """Mean squared displacement of a persistent random walk in the plane."""
    u = time / persistence
    # u - (1 - exp(-u)), without loss of digits where u is small
    gone = np.where(u < 1e-3, u**2 / 2 - u**3 / 6, u + np.expm1(-u))
    msd: Floats = 2 * speed**2 * persistence**2 * gone
    return msd


def fit_walk(
    time: Floats, msd: Floats, pairs: Floats, *, localisation_sd: float | None = None
) -> Walk:
    """The walk that fits an ensemble's MSD; σ is fitted too unless it is given.

    Lags count by their pairs, divided by the lag twice over: long displacements scatter more and
    overlap more.
    """
    known = (pairs > 0) & np.isfinite(msd)
    time, msd, pairs = time[known], msd[known], pairs[known]
    if len(time) < FEWEST_LAGS or not (msd > 0).all():
        sigma = np.nan if localisation_sd is None else localisation_sd
        return Walk(np.nan, np.nan, sigma, np.nan, np.nan)
    weight = np.sqrt(pairs / time) / msd
    fixed = None if localisation_sd is None else 4 * localisation_sd**2
    speed, persistence, added = _fit_furth(time, msd, weight, fixed)
    diffusion, alpha = power_law(
        time[None], np.maximum(msd - added, 0)[None], (pairs / time)[None], float(time[0])
    )
    return Walk(speed, persistence, float(np.sqrt(added / 4)), float(diffusion[0]), float(alpha[0]))


def _fit_furth(
    time: Floats, msd: Floats, weight: Floats, fixed: float | None
) -> tuple[float, float, float]:
    """(S, P, 4 σ²) of the best fit from several starts."""
    best: Any = None
    first, last = float(time[0]), float(time[-1])

    def off(values: NDArray[np.float64]) -> Floats:
        added = np.exp(values[2]) if fixed is None else fixed
        rest: Floats = weight * (furth(time, np.exp(values[0]), np.exp(values[1])) + added - msd)
        return rest

    for persistence in (first, np.sqrt(first * last), last):
        shape = furth(time, 1.0, persistence)
        speed = np.sqrt(max(float(msd[-1] / shape[-1]), 1e-12))
        start = [np.log(speed), np.log(persistence), np.log(0.05 * msd[0])]
        low = [-np.inf, np.log(first / 20), np.log(1e-9 * msd[0])]
        high = [np.inf, np.log(20 * last), np.log(float(msd[0]))]
        size = 3 if fixed is None else 2
        fit = optimize.least_squares(off, start[:size], bounds=(low[:size], high[:size]))
        if best is None or fit.cost < best.cost:
            best = fit
    added = float(np.exp(best.x[2])) if fixed is None else fixed
    return float(np.exp(best.x[0])), float(np.exp(best.x[1])), added


def power_law(time: Floats, msd: Floats, weight: Floats, first: float) -> tuple[Floats, Floats]:
    """(D, alpha) of MSD = 4 D t (t / first)^(alpha - 1), one fit a row, by weighted least squares.

    The fit is a straight line in logarithms; lags whose MSD is not above 0 do not count, and with
    fewer than three lags there is no fit (nan).
    """
    use = (weight > 0) & (msd > 0)
    w = np.where(use, weight, 0)
    x = np.log(np.where(use, time, first) / first)
    y = np.log(np.where(use, msd, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        total = w.sum(axis=1)
        mean_x, mean_y = (w * x).sum(axis=1) / total, (w * y).sum(axis=1) / total
        dx = x - mean_x[:, None]
        alpha = (w * dx * y).sum(axis=1) / (w * dx**2).sum(axis=1)
        diffusion = np.exp(mean_y - alpha * mean_x) / (4 * first)
    few = use.sum(axis=1) < 3
    alpha[few] = diffusion[few] = np.nan
    return diffusion, alpha


def persistence_from_correlation(correlation: Floats, interval: float) -> Floats:
    """The persistence time at which successive displacements of a walk correlate so much.

    0 where they do not correlate: the cell turns faster than it is looked at.
    """
    u = np.geomspace(1e-3, 1e3, 4000)  # interval over persistence time
    expected = np.expm1(-u) ** 2 / (2 * (u + np.expm1(-u)))  # falls from 1 to 0
    ratio = np.interp(-correlation, -expected, u, left=0.0, right=np.inf)
    with np.errstate(divide="ignore"):
        time: Floats = interval / ratio
    return np.where(np.isnan(correlation), np.nan, time)
