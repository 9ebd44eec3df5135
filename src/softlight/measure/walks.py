"""How walking cells displace: the persistent random walk, and what localisation adds to it.

A cell whose velocity has mean square S² and is forgotten at the rate 1 / P moves in time t by

    MSD(t) = 2 S² P (t - P (1 - exp(-t / P)))                       (Fürth 1920)

and an error of standard deviation σ in each coordinate of each position adds 4 σ² to it, whatever
t is. The two differ where t goes to 0, which is how σ is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from softlight.measure.runs import Floats

FEWEST_LAGS = 4
SHORTEST, LONGEST = 1 / 20, 20  # persistence times to try, of the first and of the last lag


@dataclass(frozen=True, slots=True)
class Walk:
    """What an ensemble's mean squared displacements say; nan where they do not determine it."""

    speed: float  # root mean square speed S
    persistence: float  # P
    localisation_sd: float  # σ
    diffusion: float  # D, apparent, at one frame interval
    alpha: float  # exponent of the MSD: 1 = diffusion, 2 = straight lines
    added: float  # 4 σ² as fitted: by chance it may be below 0, where σ is 0
    edge: int = 0  # -1 / 1: S and P are the shortest / longest tried, and mean no more than that
    note: str = ""  # why there is no fit


def furth(time: Floats, speed: float, persistence: float | Floats) -> Floats:
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
    few, still = len(time) < FEWEST_LAGS, not (msd > 0).all()
    if few or still:
        sigma = np.nan if localisation_sd is None else localisation_sd
        note = f"fewer than {FEWEST_LAGS} lags to fit" if few else "nothing moved"
        return Walk(np.nan, np.nan, sigma, np.nan, np.nan, 4 * sigma**2, note=note)
    weight = np.sqrt(pairs / time) / msd
    fixed = None if localisation_sd is None else 4 * localisation_sd**2
    speed, persistence, added, edge = _fit_furth(time, msd, weight, fixed)
    if added < 0:  # there is no such error; the walk is the one that fits without any
        speed, persistence, _, edge = _fit_furth(time, msd, weight, 0.0)
    diffusion, alpha = power_law(
        time[None], (msd - max(added, 0.0))[None], (pairs / time)[None], float(time[0])
    )
    return Walk(
        speed=speed,
        persistence=persistence,
        localisation_sd=float(np.sqrt(max(added, 0.0) / 4)),
        diffusion=float(diffusion[0]),
        alpha=float(alpha[0]),
        added=added,
        edge=edge,
    )


def _fit_furth(
    time: Floats, msd: Floats, weight: Floats, fixed: float | None
) -> tuple[float, float, float, int]:
    """(S, P, 4 σ², -1 or 1 where P is the shortest or longest that was tried) of the best fit.

    Given P, the two others enter linearly, so that it is enough to try many P: no start to guess,
    no fit that fails.
    """
    first, last = float(time[0]), float(time[-1])
    shortest, longest = SHORTEST * first, LONGEST * last
    persistence = np.geomspace(shortest, longest, 120)
    for _ in range(3):
        squares, speed2, added = _linear_parts(time, msd, weight, persistence, fixed)
        best = int(np.argmin(squares))
        found = float(persistence[best]), float(speed2[best]), float(added[best])
        low, high = persistence[max(best - 1, 0)], persistence[min(best + 1, len(persistence) - 1)]
        persistence = np.geomspace(low, high, 25)
    edge = int(found[0] >= longest * (1 - 1e-9)) - int(found[0] <= shortest * (1 + 1e-9))
    return float(np.sqrt(found[1])), found[0], found[2], edge


def _linear_parts(
    time: Floats, msd: Floats, weight: Floats, persistence: Floats, fixed: float | None
) -> tuple[Floats, Floats, Floats]:
    """(weighted squares, S², 4 σ²) of the best fit at each persistence time."""
    form = weight * furth(time, 1.0, persistence[:, None])
    seen = weight * msd
    ff, f1, fy = (form**2).sum(axis=1), (form * weight).sum(axis=1), (form * seen).sum(axis=1)
    one, y1 = float((weight**2).sum()), float((seen * weight).sum())
    if fixed is not None:
        added = np.full(len(persistence), fixed)
    else:
        determinant = np.maximum(ff * one - f1**2, 1e-12 * ff * one)
        # With no speed at all, the whole MSD would be error; as much below 0 says nothing either.
        added = np.clip((ff * y1 - f1 * fy) / determinant, -y1 / one, y1 / one)
    speed2 = np.maximum((fy - added * f1) / ff, 0)
    off = speed2[:, None] * form + added[:, None] * weight - seen
    return (off**2).sum(axis=1), speed2, added


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
