"""Dose and response: the four-parameter curve, with an interval or a reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from softlight.measure.errors import MeasureError
from softlight.measure.runs import Floats

FEWEST_DOSES = 4
STEEPNESS = np.geomspace(0.3, 6.0, 40)  # Hill coefficients that are tried
PLACES = 240  # EC50s that are tried
BEYOND = 3.0  # how far outside the doses an EC50 may lie, as a factor
NO_EFFECT = 0.05


@dataclass(frozen=True, slots=True)
class DoseResponse:
    """response = at_infinity + (at_zero - at_infinity) / (1 + (dose / ec50) ** hill).

    Everything is nan where the data do not determine it; ``note`` says why. An end of the
    interval beyond the doses is 0 or infinite.
    """

    at_zero: float
    at_infinity: float
    ec50: float
    ec50_low: float
    ec50_high: float
    hill: float
    residual_sd: float
    p_effect: float  # of no effect of the dose at all
    points: int
    doses: int
    note: str
    level: float

    def response(self, dose: Floats) -> Floats:
        """The curve at these doses."""
        with np.errstate(divide="ignore", over="ignore"):
            share = 1 / (1 + (np.asarray(dose, np.float64) / self.ec50) ** self.hill)
        curve: Floats = self.at_infinity + (self.at_zero - self.at_infinity) * share
        return curve


def fit_dose_response(dose: Floats, response: Floats, *, level: float = 0.95) -> DoseResponse:
    """The four-parameter curve through all wells; dose 0 is the control.

    For each EC50 and steepness the two plateaus follow by linear least squares, so that no start
    has to be guessed and no fit can diverge. The interval of the EC50 is that of the profile
    likelihood: all EC50s that fit not significantly worse than the best (F test).

    Args:
        dose: one per well, in any unit, 0 or more.
        response: one per well; nan is left out.
        level: of the interval.
    """
    dose, response = _checked(dose, response)
    distinct = np.unique(dose)
    points, freedom = len(dose), len(dose) - 4
    nothing = (np.nan,) * 8

    def undetermined(note: str, p: float = np.nan) -> DoseResponse:
        return DoseResponse(*nothing[:7], p, points, len(distinct), note, level)

    if len(distinct) < FEWEST_DOSES or freedom < 1:
        return undetermined(
            f"{points} wells at {len(distinct)} doses; a curve needs 5 at {FEWEST_DOSES} doses"
        )
    positive = distinct[distinct > 0]
    places = np.geomspace(positive.min() / BEYOND, positive.max() * BEYOND, PLACES)
    squares, _ = _grid(dose, response, places, STEEPNESS)
    ec50, hill = _polished(dose, response, places, squares)
    sharp, plateaus = _grid(dose, response, np.array([ec50]), np.array([hill]))
    least = float(sharp[0, 0])
    flat = float(((response - response.mean()) ** 2).sum())
    floor = 1e-20 * max(flat, float((response**2).sum()), 1e-300)
    f_value = (flat - least) / 3 / max(least / freedom, floor)
    p_effect = float(stats.f.sf(f_value, 3, freedom)) if flat > floor else 1.0
    if p_effect > NO_EFFECT:
        return undetermined(f"no effect of the dose is seen (p = {p_effect:.2g})", p_effect)
    profile = squares.min(axis=1)
    allowed = least * (1 + stats.f.ppf(level, 1, freedom) / freedom) + floor
    low, high, note = _ends(places, profile <= max(allowed, float(profile.min())))
    zero, infinity = plateaus[0, 0]
    outside = not places[1] < ec50 < places[-2]
    if outside:
        note = "the EC50 lies outside the doses; widen them"
    return DoseResponse(
        at_zero=float(zero),
        at_infinity=float(infinity),
        ec50=np.nan if outside else ec50,
        ec50_low=low,
        ec50_high=high,
        hill=hill,
        residual_sd=float(np.sqrt(least / freedom)),
        p_effect=p_effect,
        points=points,
        doses=len(distinct),
        note=note,
        level=level,
    )


def _checked(dose: Floats, response: Floats) -> tuple[Floats, Floats]:
    dose, response = np.asarray(dose, np.float64), np.asarray(response, np.float64)
    if dose.shape != response.shape or dose.ndim != 1:
        raise MeasureError(
            f"There are {dose.size} doses for {response.size} responses; give one for each well."
        )
    known = np.isfinite(dose) & np.isfinite(response)
    dose, response = dose[known], response[known]
    if (dose < 0).any():
        raise MeasureError(
            f"A dose is {dose.min()}; doses are numbers from 0, not their logarithms."
        )
    return dose, response


def _polished(
    dose: Floats, response: Floats, places: Floats, squares: Floats
) -> tuple[float, float]:
    """(EC50, Hill coefficient) of the best fit, from the best of the grid."""
    place, steep = np.unravel_index(np.argmin(squares), squares.shape)
    scale = max(float(squares[place, steep]), 1e-300)

    def off(values: Floats) -> float:
        found, _ = _grid(dose, response, np.exp(values[:1]), np.exp(values[1:]))
        return float(found[0, 0]) / scale

    start = np.log([places[place], STEEPNESS[steep]])
    limits = [tuple(np.log([grid[0], grid[-1]])) for grid in (places, STEEPNESS)]
    best = optimize.minimize(off, start, method="Nelder-Mead", bounds=limits)
    ec50, hill = np.exp(best.x)
    return float(ec50), float(hill)


def _grid(
    dose: Floats, response: Floats, places: Floats, steepness: Floats
) -> tuple[Floats, Floats]:
    """Sums of squares (places, steepness) and the best plateaus (places, steepness, 2)."""
    with np.errstate(divide="ignore", over="ignore"):
        power = (dose / places[:, None, None]) ** steepness[:, None]
    share = 1 / (1 + power)
    middle = share - share.mean(axis=-1, keepdims=True)
    spread = (middle**2).sum(axis=-1)
    off = response - response.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(spread > 1e-9, (middle * off).sum(axis=-1) / spread, 0.0)
    squares = ((off - slope[..., None] * middle) ** 2).sum(axis=-1)
    infinity = response.mean() - slope * share.mean(axis=-1)
    return squares, np.stack([infinity + slope, infinity], axis=-1)


def _ends(places: Floats, fits: np.ndarray) -> tuple[float, float, str]:
    """(low, high, note) of the EC50s that fit; 0 or infinity where they reach beyond the doses."""
    found = np.flatnonzero(fits)
    low = 0.0 if found[0] == 0 else float(places[found[0] - 1])
    high = np.inf if found[-1] == len(places) - 1 else float(places[found[-1] + 1])
    open_ends = (found[0] == 0) + (found[-1] == len(places) - 1)
    return low, high, "the doses do not bound the EC50" if open_ends else ""
