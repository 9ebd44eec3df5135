"""The scales of a movie, learned from links that explain each other: a few rounds from a sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from softlight.track.assign import best_links
from softlight.track.candidates import Overlaps
from softlight.track.costs import Costs, Field, Trait
from softlight.track.detections import Detections
from softlight.track.link import pair_links
from softlight.track.motion import Motion, motion
from softlight.track.overlap_table import overlap_table
from softlight.track.settings import LinkSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLE_PAIRS = 60  # frame pairs ...
RUN = 3
SAMPLE_CELLS = 20_000  # ... and cells, at most
ROUNDS = 4
TAILS = (2.0, 3.0, 5.0, 9.0)  # never normal: some cell jumps in every movie
SMALLEST_STEP_PX = 0.3  # a centroid is not known better than this
PRIOR_LINKS = 4.0  # what is assumed of a movie that shows little weighs so much
PRIOR_CELLS = 30.0
FEWEST_CHAINS = 20  # links one after the other, before a last step says anything
WORTHWHILE = 0.95  # it is used where it leaves no more of the displacement than this


def learn_costs(
    cells: Detections,
    places: Floats,
    *,
    overlaps: Overlaps | None,
    shape: tuple[int, int] | None,
    settings: LinkSettings,
) -> Costs:
    """The movie's costs.

    Args:
        cells: of the movie.
        places: their positions, drift corrected.
        overlaps: of masks in consecutive frames.
        shape: of the field, where known.
        settings: what is to be used.
    """
    radius = _typical_radius(cells)
    field = _field(cells, radius, shape)
    pairs = _sample(cells)
    step = _first_step(cells, places, pairs, radius)
    costs = Costs(
        step_px=step,
        steady_px=step,
        persistence=0.0,
        tail=5.0,
        growth=0.7,
        radius_px=radius,
        field=_with_reach(field, step, settings),
        area=_trait(cells.log_area, None) if settings.size else None,
        intensity=_trait(cells.log_intensity, None) if settings.intensity else None,
    )
    for last in [False] * (ROUNDS - 1) + [True]:
        costs = _refined(cells, places, pairs, costs, overlaps if last else None, settings)
    return costs


def _typical_radius(cells: Detections) -> float:
    if cells.radius is not None and len(cells):
        return float(np.median(cells.radius))
    nearest = []
    for number in _sample(cells) if len(cells.frames) > 1 else range(len(cells.frames)):
        here = cells.places[cells.at(int(number))]
        if len(here) > 1:
            nearest.append(cKDTree(here).query(here, k=[2])[0].ravel())
    return float(np.median(np.concatenate(nearest))) / 3 if nearest else 5.0


def _field(cells: Detections, radius: float, shape: tuple[int, int] | None) -> Field:
    if shape is not None:
        low, high = np.zeros(2), np.asarray(shape, float)
    elif len(cells):
        low, high = cells.places.min(0) - radius, cells.places.max(0) + radius
    else:
        low, high = np.zeros(2), np.ones(2)
    per_frame = max(len(cells) / max(len(cells.frames), 1), 1.0)
    area = max(float(np.prod(high - low)), 1.0)
    return Field(
        low=(float(low[0]), float(low[1])),
        high=(float(high[0]), float(high[1])),
        reach_px=1.0,
        density=per_frame / area,
    )


def _with_reach(field: Field, step: float, settings: LinkSettings) -> Field:
    return replace(field, reach_px=settings.border_px or 2 * step)


def _with_share(field: Field, cells: Detections, source: Ints, target: Ints, pairs: Ints) -> Field:
    """The field with how many cells at the border come and go, of those that it cuts."""
    one = np.concatenate([np.arange(*cells.starts[n : n + 2]) for n in pairs])
    two = np.concatenate([np.arange(*cells.starts[n + 1 : n + 3]) for n in pairs])
    at_border = int(cells.cut[one].sum() + cells.cut[two].sum())
    linked = int(cells.cut[source].sum() + cells.cut[target].sum())
    share = (at_border - linked + PRIOR_CELLS * field.share) / (at_border + PRIOR_CELLS)
    return replace(field, share=float(np.clip(share, 0.02, 0.5)))


def _sample(cells: Detections) -> Ints:
    """Numbers of frames, whose link to the next is looked at: runs of three, evenly spread."""
    last = len(cells.frames) - 1
    if last < 1:
        return np.empty(0, np.int64)
    usual = int(np.diff(cells.frames).min())
    good = np.flatnonzero(np.diff(cells.frames) == usual)
    count = int(np.clip(SAMPLE_CELLS / (len(cells) / len(cells.frames)), 3, SAMPLE_PAIRS))
    if len(good) <= count:
        return good
    first = np.linspace(0, len(good) - RUN, count // RUN).round().astype(int)
    return good[np.unique(first[:, None] + np.arange(RUN))]


def _first_step(cells: Detections, places: Floats, pairs: Ints, radius: float) -> float:
    """A first scale of displacements: of cells that are each other's nearest."""
    squared = [np.full(1, 2 * (0.3 * radius) ** 2)]
    for number in pairs:
        one, two = places[cells.at(number)], places[cells.at(number + 1)]
        there, forward = cKDTree(two).query(one)
        _, back = cKDTree(one).query(two)
        mutual = back[forward] == np.arange(len(one))
        squared.append(there[mutual] ** 2)
    scale = np.sqrt(np.median(np.concatenate(squared)) / (2 * np.log(2)))
    return max(float(scale), SMALLEST_STEP_PX)


def _trait(values: Floats | None, changes: Floats | None) -> Trait | None:
    """How a trait varies; the change is a guess where there are no links yet."""
    if values is None or not len(values):
        return None
    middle = float(np.median(values))
    spread = max(1.4826 * float(np.median(np.abs(values - middle))), 0.1)
    if changes is None:
        return Trait(change=0.7 * spread, middle=middle, spread=spread)
    squared = (np.median(np.abs(changes)) * 1.4826) ** 2 if len(changes) else spread**2
    weight = len(changes) / (len(changes) + PRIOR_LINKS)
    change = np.sqrt(weight * squared + (1 - weight) * spread**2)
    return Trait(change=float(np.clip(change, 0.02, spread)), middle=middle, spread=spread)


# Cells end within the field more seldom than this, whatever the interval; a higher rate would let
# the search for cells that went far stop too near.
HIGHEST_END = 0.02


def _refined(
    cells: Detections,
    places: Floats,
    pairs: Ints,
    costs: Costs,
    overlaps: Overlaps | None,
    settings: LinkSettings,
) -> Costs:
    """The costs after linking the sample with those of the round before."""
    moving = motion(cells, places)
    found: list[tuple[Ints, Ints]] = []
    rivals: list[tuple[Ints, Ints]] = []
    seen = 0
    for number in pairs:
        one, two = cells.at(number), cells.at(number + 1)
        source, target, gain = pair_links(
            moving, costs, one=one, two=two, overlaps=overlaps, settings=settings
        )
        chosen = best_links(source, target, gain)
        found.append((source[chosen], target[chosen]))
        moving.went(*found[-1])
        seen += one.stop - one.start
        near = ~chosen & (gain > 0)
        rivals.append((source[near], target[near]))
    if not found:
        return costs
    source, target = (np.concatenate(column) for column in zip(*found, strict=True))
    if overlaps is not None:
        before, after = (np.concatenate(column) for column in zip(*rivals, strict=True))
        table = overlap_table(overlaps, places, links=(source, target), rivals=(before, after))
        costs = replace(costs, overlap=table)
    open_share = 1 - len(source) / max(seen, 1)
    rate = (open_share * seen + 0.01 * PRIOR_CELLS) / (seen + PRIOR_CELLS)
    rate = float(np.clip(rate, 0.002, HIGHEST_END))
    costs = _with_steps(costs, moving, source, target)
    return replace(
        costs,
        field=_with_reach(
            _with_share(costs.field, cells, source, target, pairs), costs.step_px, settings
        ),
        area=_relearned(costs.area, cells.log_area, source, target),
        intensity=_relearned(costs.intensity, cells.log_intensity, source, target),
        p_end=rate,
        p_start=rate,
    )


def _with_steps(costs: Costs, moving: Motion, source: Ints, target: Ints) -> Costs:
    """The costs with the scales of displacement, and how far cells keep their direction."""
    elapsed = float(np.diff(moving.cells.frames).min())
    per_frame = elapsed**costs.growth
    step = moving.places[target] - moving.places[source]
    scale, tail = fit_steps((step**2).sum(1) / per_frame**2, prior=costs.step_px)
    chained = moving.known[source] & moving.known[target]
    costs = replace(costs, step_px=scale, steady_px=scale, tail=tail, persistence=0.0)
    if elapsed != 1 or chained.sum() < FEWEST_CHAINS:
        return costs
    now, before = step[chained], moving.steps[source[chained]]
    size = (now**2).sum(1) + (before**2).sum(1)
    usual = size <= np.quantile(size, 0.95)
    both = ((now + before)[usual] ** 2).sum(1)
    single = np.median((now[usual] ** 2).sum(1))
    growth = 0.5 * np.log2(max(np.median(both), 1e-9) / max(single, 1e-9))
    share = (now * before)[usual].sum() / max((before[usual] ** 2).sum(), 1e-9)
    share = float(np.clip(share, 0, 0.95)) * len(now) / (len(now) + PRIOR_CELLS)
    rest = ((now - share * before) ** 2).sum(1)
    steady, _ = fit_steps(rest, prior=scale, tails=(tail,))
    if steady > WORTHWHILE * scale:
        share, steady = 0.0, scale
    return replace(
        costs, steady_px=steady, persistence=share, growth=float(np.clip(growth, 0.5, 1.0))
    )


def _relearned(
    trait: Trait | None, values: Floats | None, source: Ints, target: Ints
) -> Trait | None:
    if trait is None or values is None:
        return None
    return _trait(values, values[target] - values[source])


def fit_steps(
    squared: Floats, *, prior: float, tails: tuple[float, ...] = TAILS
) -> tuple[float, float]:
    """Scale and tail of the Student t distribution that suits these squared displacements best."""
    values = np.append(squared, 2 * prior**2)
    weights = np.append(np.ones(len(squared)), PRIOR_LINKS)
    best = (-np.inf, prior, tails[-1])
    for nu in tails:
        variance = max(float(np.median(values)) / (2 * np.log(2)), SMALLEST_STEP_PX**2)
        for _ in range(30):
            pull = weights * (nu + 2) / (nu + values / variance)
            variance = max(float((pull * values).sum() / (2 * weights.sum())), SMALLEST_STEP_PX**2)
        fit = -np.log(variance) - (nu + 2) / 2 * np.log1p(values / (nu * variance))
        likelihood = float((weights * fit).sum())
        if likelihood > best[0]:
            best = (likelihood, float(np.sqrt(variance)), nu)
    return best[1], best[2]
