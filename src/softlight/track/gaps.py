"""Cells that were not found for some frames: the end of one piece and the beginning of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlight.track.candidates import near_pairs
from softlight.track.costs import Costs, border_share
from softlight.track.detections import Detections
from softlight.track.events import NOBODY, Events, all_events
from softlight.track.link import Links, link_gain, reach_px
from softlight.track.motion import Motion
from softlight.track.settings import LinkSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def by_frame(cells: Detections, which: Ints) -> list[Ints]:
    """These cells (in order), for each frame that holds cells."""
    return np.split(which, np.searchsorted(which, cells.starts[1:-1]))


def gap_candidates(motion: Motion, costs: Costs, links: Links, *, settings: LinkSettings) -> Events:
    """Open ends with open beginnings that come up to the longest gap later."""
    cells = motion.cells
    ends = by_frame(cells, np.flatnonzero(links.after < 0))
    begins = by_frame(cells, np.flatnonzero(links.before < 0))
    parts = []
    for number in range(len(cells.frames)):
        for later in range(number + 2, len(cells.frames)):
            elapsed = float(cells.frames[later] - cells.frames[number])
            if elapsed > settings.max_gap_frames + 1:
                break
            if len(ends[number]) and len(begins[later]):
                missed = later - number - 1
                parts.append(_between(motion, costs, ends[number], begins[later], missed, settings))
    return all_events(parts)


def log_missed(cells: Detections, costs: Costs, source: Ints, target: Ints) -> Floats:
    """Log-probability that this cell is not seen in a frame; near the border it may be outside."""
    shares = [
        border_share(
            cells.places[index],
            cells.radii(index, costs.radius_px),
            costs.field,
        )
        for index in (source, target)
    ]
    return np.log(costs.p_miss + (1 - costs.p_miss) * np.minimum(*shares))


def _between(
    motion: Motion,
    costs: Costs,
    ends: Ints,
    begins: Ints,
    missed: int,
    settings: LinkSettings,
) -> Events:
    cells = motion.cells
    elapsed = float(cells.frame[begins[0]] - cells.frame[ends[0]])
    reach = reach_px(costs, elapsed, settings)
    expected = motion.expected(ends, costs, elapsed)
    one, two = near_pairs(expected, motion.places[begins], reach_px=reach)
    source, target = ends[one], begins[two]
    if settings.max_distance_px is not None:
        step = motion.places[source] - motion.places[target]
        near = (step**2).sum(1) <= (settings.max_distance_px * elapsed) ** 2
        source, target = source[near], target[near]
    gain = link_gain(motion, costs, source=source, target=target)
    gain += missed * log_missed(cells, costs, source, target)
    good = gain > 0
    source, target, gain = source[good], target[good], gain[good]
    return Events(
        source=source,
        first=target,
        second=np.full(len(source), NOBODY),
        second_open=np.zeros(len(source), bool),
        gain=gain,
        missed=np.full(len(source), missed),
    )
