"""Cells that were not found for some frames: the end of one piece and the beginning of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlight.track.candidates import near_pairs
from softlight.track.costs import Costs, border_share
from softlight.track.detections import Detections
from softlight.track.events import NOBODY, Events
from softlight.track.link import Links, link_gain, reach_px
from softlight.track.merges import P_HIDDEN, Merges
from softlight.track.motion import Motion
from softlight.track.settings import LinkSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def by_frame(cells: Detections, which: Ints) -> list[Ints]:
    """These cells (in order), for each frame that holds cells."""
    return np.split(which, np.searchsorted(which, cells.starts[1:-1]))


def gap_pairs(
    motion: Motion, costs: Costs, links: Links, *, settings: LinkSettings
) -> tuple[Ints, Ints]:
    """Open ends, and open beginnings near them that come up to the longest gap later."""
    cells = motion.cells
    ends = by_frame(cells, np.flatnonzero(links.after < 0))
    begins = by_frame(cells, np.flatnonzero(links.before < 0))
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for number in range(len(cells.frames)):
        for later in range(number + 2, len(cells.frames)):
            elapsed = float(cells.frames[later] - cells.frames[number])
            if elapsed > settings.max_gap_frames + 1:
                break
            early, late = ends[number], begins[later]
            expected = motion.expected(early, costs, elapsed)
            reach = reach_px(costs, elapsed, settings)
            one, two = near_pairs(expected, motion.places[late], reach_px=reach)
            found.append((early[one], late[two]))
    source, target = (np.concatenate(column) for column in zip(*found, strict=True))
    if settings.max_distance_px is not None:
        far = np.sqrt(((motion.places[source] - motion.places[target]) ** 2).sum(1))
        near = far <= settings.max_distance_px * (cells.frame[target] - cells.frame[source])
        source, target = source[near], target[near]
    return source, target


def gap_events(motion: Motion, costs: Costs, pairs: tuple[Ints, Ints], *, merges: Merges) -> Events:
    """Those of the pairs that gain over two tracks."""
    cells, (source, target) = motion.cells, pairs
    missed = missed_frames(cells, source, target)
    gain = link_gain(motion, costs, source=source, target=target)
    unseen = log_missed(cells, costs, source, target)
    hidden = merges.into[source] >= 0
    gain += missed * np.where(hidden, np.maximum(unseen, np.log(P_HIDDEN)), unseen)
    count = len(source)
    nobody, one_open = np.full(count, NOBODY), np.zeros(count, bool)
    return Events(source, target, nobody, one_open, gain, missed).take(gain > 0)


def missed_frames(cells: Detections, source: Ints, target: Ints) -> Ints:
    """How many frames with cells lie between these."""
    number = np.searchsorted(cells.frames, cells.frame[target])
    result: Ints = number - np.searchsorted(cells.frames, cells.frame[source]) - 1
    return result


def log_missed(cells: Detections, costs: Costs, source: Ints, target: Ints) -> Floats:
    """Log-probability that this cell is not seen in a frame; near the border it may be outside."""
    shares = [
        border_share(cells.places[index], cells.radii(index, costs.radius_px), costs.field)
        for index in (source, target)
    ]
    result: Floats = np.log(costs.p_miss + (1 - costs.p_miss) * np.minimum(*shares))
    return result
