"""Mothers and their two daughters: candidates around every open beginning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from softlight.track.candidates import Overlaps, near_pairs
from softlight.track.costs import (
    Costs,
    cut_daughters_gain,
    daughters_gain,
    log_division,
    log_end,
    log_start,
    overlap_gain,
)
from softlight.track.detections import Detections
from softlight.track.events import Events
from softlight.track.gaps import by_frame, missed_frames
from softlight.track.link import Links
from softlight.track.merges import P_DIVIDES_MERGED
from softlight.track.motion import Motion
from softlight.track.settings import LinkSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOTHERS = 6  # neighbours of an open beginning that may be its mother
REACH = 3.0  # in cell radii, and in steps
LEAST_OVERLAP_GAIN = -1.0  # daughters move apart, so that little overlap says little


@dataclass(frozen=True, slots=True)
class Families:
    """Possible mothers with two daughters each: the first open, the second open or linked."""

    mother: Ints
    daughter: Ints
    sister: Ints
    sister_open: NDArray[np.bool_]


def families(motion: Motion, costs: Costs, links: Links, *, settings: LinkSettings) -> Families:
    """Divisions that would explain an open beginning, seen at once or some frames late.

    The mother is linked to one daughter already and the other is open, or both are open.
    """
    cells = motion.cells
    begins = by_frame(cells, np.flatnonzero(links.before < 0))
    trees: dict[int, cKDTree] = {}
    found = []
    for number in range(1, len(cells.frames)):
        trees.pop(number - settings.max_gap_frames - 2, None)
        if not len(begins[number]):
            continue
        for earlier in range(number - 1, -1, -1):
            elapsed = float(cells.frames[number] - cells.frames[earlier])
            if elapsed > settings.max_gap_frames + 1:
                break
            one = cells.at(earlier)
            if earlier not in trees:
                trees[earlier] = cKDTree(motion.places[one])
            near, far = near_pairs(
                motion.places[begins[number]],
                trees[earlier],
                reach_px=_reach_px(cells, costs, begins[number], elapsed),
                count=MOTHERS,
            )
            mother, daughter = far + one.start, begins[number][near]
            found.append(_with_linked_sister(links, mother, daughter))
            found.append(_with_open_sister(links, mother, daughter))
    if not found:
        nobody = np.empty(0, np.int64)
        return Families(nobody, nobody, nobody, np.empty(0, bool))
    return Families(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _reach_px(cells: Detections, costs: Costs, begins: Ints, elapsed: float) -> float:
    reach = REACH * (costs.radius_px + costs.step_px * float(elapsed**costs.growth))
    if cells.radius is None:
        return reach
    return max(reach, REACH * float(np.median(cells.radius[begins])))


Family = tuple[Ints, Ints, Ints, NDArray[np.bool_]]  # the columns of Families


def _with_linked_sister(links: Links, mother: Ints, daughter: Ints) -> Family:
    linked = links.after[mother] >= 0
    mother, daughter = mother[linked], daughter[linked]
    return mother, daughter, links.after[mother], np.zeros(len(mother), bool)


def _with_open_sister(links: Links, mother: Ints, daughter: Ints) -> Family:
    """Mothers that end, with any two open beginnings near them."""
    ended = links.after[mother] < 0
    mother, daughter = mother[ended], daughter[ended]
    order = np.lexsort((daughter, mother))
    mother, daughter = mother[order], daughter[order]
    found: list[tuple[Ints, Ints, Ints]] = []
    for step in range(1, MOTHERS):
        if len(mother) <= step:
            break
        same = np.flatnonzero(mother[step:] == mother[:-step])
        found.append((mother[same], daughter[same], daughter[same + step]))
    if not found:
        nobody = np.empty(0, np.int64)
        return nobody, nobody, nobody, np.empty(0, bool)
    first, second, third = (np.concatenate(column) for column in zip(*found, strict=True))
    return first, second, third, np.ones(len(first), bool)


def division_events(
    motion: Motion,
    costs: Costs,
    links: Links,
    some: Families,
    *,
    overlaps: Overlaps | None,
    merged: NDArray[np.bool_],
) -> Events:
    """The families that gain over what is: one daughter, or both, left open.

    Args:
        motion: of the cells.
        costs: of the movie.
        links: from frame to frame.
        some: the families to judge.
        overlaps: of masks.
        merged: masks that cover, or lately covered, two cells: they rather come apart.
    """
    cells, places = motion.cells, motion.places
    mother, daughter, sister = some.mother, some.daughter, some.sister
    missed = missed_frames(cells, mother, daughter)
    radius = cells.radii(mother, costs.radius_px)
    gain = log_division(
        places[mother],
        places[daughter],
        places[sister],
        costs,
        radius=np.maximum(radius, costs.radius_px),
        elapsed=(cells.frame[daughter] - cells.frame[mother]).astype(float),
    )
    gain += np.log(costs.p_divide) + missed * np.log(costs.p_miss)
    gain -= log_end(cells.places[mother], radius, costs)
    for index in (daughter, sister):
        gain -= log_start(cells.places[index], cells.radii(index, costs.radius_px), costs)
    if cells.log_area is not None and costs.area is not None:
        cut = cells.cut[mother] | cells.cut[daughter] | cells.cut[sister]
        sizes = daughters_gain(
            cells.log_area[mother], cells.log_area[daughter], cells.log_area[sister], costs.area
        )
        partly = cut_daughters_gain(
            cells.log_area[mother], cells.log_area[daughter], cells.log_area[sister]
        )
        gain += np.where(cut, partly, sizes)
    if overlaps is not None:
        together = overlap_gain(overlaps.of_both(mother, daughter, sister), costs)
        gain += np.where(missed == 0, np.maximum(together, LEAST_OVERLAP_GAIN), 0.0)
    gain += np.where(merged[mother], np.log(P_DIVIDES_MERGED), 0.0)
    gain -= np.where(some.sister_open, 0.0, links.gain[mother])
    found = Events(mother, daughter, sister, some.sister_open, gain, missed)
    return found.take(gain > 0)
