"""Links from each frame to the next, by gated sparse assignment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softlight.track.assign import best_links
from softlight.track.candidates import Overlaps, near_pairs
from softlight.track.costs import (
    CUT_SHARE,
    Costs,
    gate_px,
    log_displacement,
    log_end,
    log_start,
    overlap_gain,
    trait_gain,
)
from softlight.track.detections import Detections
from softlight.track.motion import Motion
from softlight.track.settings import LinkSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Links:
    """For each cell the next and the one before (-1 = none), and what the link to next gains."""

    after: Ints
    before: Ints
    gain: Floats


def pair_links(
    motion: Motion,
    costs: Costs,
    *,
    one: slice,
    two: slice,
    overlaps: Overlaps | None,
    settings: LinkSettings,
) -> tuple[Ints, Ints, Floats]:
    """The candidates between two frames that hold cells, and what each gains."""
    cells = motion.cells
    elapsed = float(cells.frame[two.start] - cells.frame[one.start])
    reach = reach_px(costs, elapsed, settings)
    expected = motion.expected(one, costs, elapsed)
    source, target = near_pairs(expected, motion.places[two], reach_px=reach)
    source, target = source + one.start, target + two.start
    if overlaps is not None:
        source, target = _joined(source, target, overlaps.between(one, two), len(cells))
    if settings.max_distance_px is not None:
        step = motion.places[source] - motion.places[target]
        near = (step**2).sum(1) <= (settings.max_distance_px * elapsed) ** 2
        source, target = source[near], target[near]
    gain = link_gain(motion, costs, source=source, target=target)
    if overlaps is not None and costs.overlap is not None:
        cut = cells.cut[source] | cells.cut[target]
        shared = overlap_gain(overlaps.of(source, target), costs)
        gain = gain + np.where(cut, np.maximum(shared, 0.0), shared)
    return source, target, gain


def reach_px(costs: Costs, elapsed: float, settings: LinkSettings) -> float:
    """How far from where they are expected cells are looked for."""
    reach = gate_px(costs, elapsed)
    if settings.max_distance_px is None:
        return reach
    return min(reach, 2 * settings.max_distance_px * elapsed)  # expected may be half of it away


def link_gain(motion: Motion, costs: Costs, *, source: Ints, target: Ints) -> Floats:
    """What linking these cells gains over leaving both open, overlap apart."""
    cells = motion.cells
    elapsed = (cells.frame[target] - cells.frame[source]).astype(float)
    expected = motion.expected(source, costs, elapsed)
    cut = cells.cut[source] | cells.cut[target]
    gain = log_displacement(
        ((motion.places[target] - expected) ** 2).sum(1),
        costs,
        elapsed,
        steady=motion.steady(source, costs),
        extra_px=np.where(cut, CUT_SHARE * costs.radius_px, 0.0),
    )
    gain += np.where(cut, 0.0, trait_gains(cells, costs, source, target))
    gain += np.log1p(-costs.p_end)
    gain -= log_end(cells.places[source], cells.radii(source, costs.radius_px), costs)
    gain -= log_start(cells.places[target], cells.radii(target, costs.radius_px), costs)
    return gain


def trait_gains(cells: Detections, costs: Costs, source: Ints, target: Ints) -> Floats:
    """What area and intensity say for these links."""
    elapsed = (cells.frame[target] - cells.frame[source]).astype(float)
    gain = np.zeros(len(source))
    for values, trait in (
        (cells.log_area, costs.area),
        (cells.log_intensity, costs.intensity),
    ):
        if values is not None and trait is not None:
            gain += trait_gain(values[source], values[target], trait, elapsed)
    return gain


def _joined(source: Ints, target: Ints, others: tuple[Ints, Ints], size: int) -> tuple[Ints, Ints]:
    """Both sets of pairs, each pair once, in order."""
    key = np.concatenate([source * size + target, others[0] * size + others[1]])
    first, second = np.divmod(np.unique(key), size)
    return first, second


def link_frames(
    motion: Motion,
    costs: Costs,
    *,
    overlaps: Overlaps | None,
    settings: LinkSettings,
    aside: Bools | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Links:
    """Every frame linked to the next that holds cells, if it is not farther than a gap may be.

    Args:
        motion: of the cells; their steps are filled in.
        costs: of the movie.
        overlaps: of masks.
        settings: how cells are linked.
        aside: masks that are no cell's own and get no link.
        progress: told (frames done, frames in all).
    """
    cells = motion.cells
    after = np.full(len(cells), -1, np.int64)
    before = np.full(len(cells), -1, np.int64)
    gains = np.zeros(len(cells))
    for number in range(len(cells.frames) - 1):
        if cells.frames[number + 1] - cells.frames[number] <= settings.max_gap_frames + 1:
            one, two = cells.at(number), cells.at(number + 1)
            source, target, gain = pair_links(
                motion, costs, one=one, two=two, overlaps=overlaps, settings=settings
            )
            if aside is not None:
                gain = np.where(aside[source] | aside[target], 0.0, gain)
            chosen = best_links(source, target, gain)
            source, target = source[chosen], target[chosen]
            after[source], before[target] = target, source
            gains[source] = gain[chosen]
            motion.went(source, target)
        if progress is not None:
            progress(number + 1, len(cells.frames) - 1)
    return Links(after, before, gains)
