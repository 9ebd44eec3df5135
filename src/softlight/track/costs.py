"""What a link, an end, a beginning, a gap and a division are worth, as log-likelihoods.

Every figure here is learned from the movie (``learn``) or follows from one that is. A link between
two cells gains over leaving both open

    log f(displacement) + features + log(1 - p_end) - log p_end(i) - log density_of_starts(j)

where f is a two-dimensional Student t distribution, whose scale and tails are the movie's, and a
feature is the logarithm of how much likelier the later cell's size is given the earlier one than
among all cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

UNLIKE = 0.05  # share of true links whose size says nothing, since masks fail
FEATURE_CAP = 4.0
OUTLYING = 0.2  # share of sizes that are far from the usual
CUT_SHARE = 0.3  # of a radius: how far the border may push the centroid of a cell that it cuts
OVERLAP_EDGES = np.array([1e-9, 0.1, 0.25, 0.4, 0.55, 0.7])
SUM_SCALE = 0.45  # spread of log(area of the daughters together / area of the mother)
BALANCE_SCALE = 0.4  # and of log(area of one / area of the other)
LARGER = (-0.6, 0.45)  # log(area of the larger daughter / of the mother), its middle and spread ...
UNDIVIDED = (0.05, 0.3)  # ... and of a cell that goes on while another comes in beside it
LARGER_CAPS = (-4.0, 2.0)


@dataclass(frozen=True, slots=True)
class Trait:
    """A logarithm of area or intensity: how it changes along a cell and varies among cells."""

    change: float  # spread between frames
    middle: float  # of all cells
    spread: float  # of all cells


@dataclass(frozen=True, slots=True)
class Field:
    """The field of view: where cells can come and go."""

    low: tuple[float, float]
    high: tuple[float, float]
    reach_px: float  # how far from the border that is likely
    density: float  # cells per square pixel
    share: float = 0.1  # of cells that touch the border, so many go, and have come, in a frame

    @property
    def area(self) -> float:
        """In square pixels."""
        return (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])


@dataclass(frozen=True, slots=True)
class Costs:
    """The movie's own scales and rates."""

    step_px: float  # scale of a displacement per frame and axis
    steady_px: float  # and of what a cell's own last step leaves unexplained
    persistence: float  # share of its last step that a cell does again; 0 = none
    tail: float  # degrees of freedom: small = a few cells go much farther
    growth: float  # a displacement over n frames is n ** growth times as large
    radius_px: float  # of a typical cell, half the distance of neighbours where areas are unknown
    field: Field
    area: Trait | None = None
    intensity: Trait | None = None
    overlap: tuple[float, ...] | None = None  # gain by class of overlap
    p_end: float = 0.01  # a cell ends within the field, per frame
    p_start: float = 0.01  # and a new one begins, per cell and frame
    p_miss: float = 0.02  # a cell is not found in a frame
    p_divide: float = 0.01  # per cell and frame

    def with_rates(self, **rates: float) -> Costs:
        """The same with other rates."""
        return replace(self, **rates)  # type: ignore[arg-type]


def log_displacement(
    squared: Floats,
    costs: Costs,
    elapsed: Floats | float = 1.0,
    *,
    steady: Bools | bool = False,
    extra_px: Floats | float = 0.0,
) -> Floats:
    """The log density of displacements of these squared lengths over so many frames.

    Args:
        squared: distances to where the cell was, or where it is expected.
        costs: of the movie.
        elapsed: frames.
        steady: whether its last step was known and is in what was expected.
        extra_px: widens it where a centroid is not the cell's own, as the border cuts it.
    """
    scale = np.where(steady, costs.steady_px, costs.step_px) * np.power(elapsed, costs.growth)
    variance = scale**2 + np.square(extra_px)
    nu = costs.tail
    result: Floats = -np.log(2 * np.pi * variance) - (nu + 2) / 2 * np.log1p(
        squared / (nu * variance)
    )
    return result


def log_normal(value: Floats, scale: Floats | float) -> Floats:
    """The log density of a normal distribution around 0."""
    result: Floats = -0.5 * (value / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    return result


def log_among(value: Floats, trait: Trait) -> Floats:
    """The log density of a trait among all cells; wide tails, since fragments are many."""
    off = value - trait.middle
    usual = np.log(1 - OUTLYING) + log_normal(off, trait.spread)
    return np.asarray(np.logaddexp(usual, np.log(OUTLYING) + log_normal(off, 4 * trait.spread)))


def trait_gain(
    before: Floats, after: Floats, trait: Trait, elapsed: Floats | float = 1.0
) -> Floats:
    """How much likelier this trait is after that one than in any cell, as a logarithm."""
    any_cell = log_among(after, trait)
    this_cell = log_normal(after - before, trait.change * np.sqrt(elapsed))
    mixed = np.logaddexp(np.log1p(-UNLIKE) + this_cell, np.log(UNLIKE) + any_cell)
    return np.asarray(np.minimum(mixed - any_cell, FEATURE_CAP))


def overlap_gain(iou: Floats, costs: Costs) -> Floats:
    """The gain of an overlap (intersection over union); 0 where overlap was not learned."""
    if costs.overlap is None:
        return np.zeros(len(iou))
    return np.asarray(costs.overlap)[np.digitize(iou, OVERLAP_EDGES)]


def border_share(places: Floats, radius: Floats | float, field: Field) -> Floats:
    """The share of cells at these places that leave in a frame, or have just come."""
    low, high = np.asarray(field.low), np.asarray(field.high)
    nearest = np.minimum(places - low, high - places).min(axis=1)
    gap = np.maximum(nearest - radius, 0.0)
    result: Floats = field.share * np.exp(-0.5 * (gap / field.reach_px) ** 2)
    return result


def log_end(places: Floats, radius: Floats | float, costs: Costs) -> Floats:
    """Log-probability that a cell at these places has no next."""
    return np.log(costs.p_end + (1 - costs.p_end) * border_share(places, radius, costs.field))


def log_start(places: Floats, radius: Floats | float, costs: Costs) -> Floats:
    """Log density of cells that begin at these places."""
    share = costs.p_start + border_share(places, radius, costs.field)
    return np.log(costs.field.density * share)


def gate_px(costs: Costs, elapsed: float = 1.0) -> float:
    """No link over so many frames that is longer than this can gain anything."""
    bonus = FEATURE_CAP * ((costs.area is not None) + (costs.intensity is not None))
    bonus = min(bonus, 1.5 * FEATURE_CAP)
    if costs.overlap is not None:
        bonus += max(costs.overlap[0], 0.0)  # longer ones are among those that overlap
    floor = np.log(costs.p_end) + np.log(costs.field.density * costs.p_start)
    top = float(log_displacement(np.zeros(1), costs, elapsed)[0])
    room = max(top + bonus - floor, 0.0)
    variance = (max(costs.step_px, costs.steady_px) * elapsed**costs.growth) ** 2
    return float(np.sqrt(costs.tail * variance * np.expm1(2 * room / (costs.tail + 2))))


def log_division(
    mother: Floats,
    first: Floats,
    second: Floats,
    costs: Costs,
    *,
    radius: Floats | float,
    elapsed: Floats | float = 1.0,
) -> Floats:
    """Log density of two daughters at these places, for a mother that divides: (N, 2) each.

    Their middle is near the mother, and they are about a cell apart.
    """
    moved = costs.step_px * np.power(elapsed, costs.growth)
    middle = (first + second) / 2 - mother
    half = (first - second) / 2
    off = np.sqrt(moved**2 + (0.25 * np.asarray(radius)) ** 2)
    apart = np.sqrt(moved**2 + (0.8 * np.asarray(radius)) ** 2)
    log_middle = -np.log(2 * np.pi * off**2) - 0.5 * (middle**2).sum(1) / off**2
    log_half = -np.log(2 * np.pi * apart**2) - 0.5 * (half**2).sum(1) / apart**2
    # Four: from middle and half to the two places; two: which daughter is which.
    result: Floats = log_middle + log_half + np.log(2 / 4)
    return result


def daughters_gain(mother: Floats, first: Floats, second: Floats, trait: Trait) -> Floats:
    """How much likelier two areas are as daughters of this mother than as any two cells."""
    together = np.logaddexp(first, second) - mother
    family = log_normal(together, SUM_SCALE) + log_normal(first - second, BALANCE_SCALE)
    strangers = log_among(first, trait) + log_among(second, trait)
    mixed = np.logaddexp(np.log1p(-UNLIKE) + family, np.log(UNLIKE) + strangers)
    return np.asarray(np.minimum(mixed - strangers, 2 * FEATURE_CAP))


def cut_daughters_gain(mother: Floats, first: Floats, second: Floats) -> Floats:
    """The same where the border cuts one of them: the larger daughter is less than her mother."""
    ratio = np.maximum(first, second) - mother
    family = log_normal(ratio - LARGER[0], LARGER[1])
    gain: Floats = np.clip(family - log_normal(ratio - UNDIVIDED[0], UNDIVIDED[1]), *LARGER_CAPS)
    return gain
