"""Mothers and their two daughters: candidates around every open beginning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlight.track.candidates import Overlaps, near_pairs
from softlight.track.costs import (
    Costs,
    daughters_gain,
    log_division,
    log_end,
    log_start,
    overlap_gain,
)
from softlight.track.detections import Detections
from softlight.track.events import Events, all_events
from softlight.track.gaps import by_frame
from softlight.track.link import Links
from softlight.track.settings import LinkSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOTHERS = 6  # neighbours of an open beginning that may be its mother
REACH = 3.0  # in cell radii, and in steps
LEAST_OVERLAP_GAIN = -1.0  # daughters move apart, so that little overlap says little


def division_candidates(
    cells: Detections,
    places: Floats,
    costs: Costs,
    links: Links,
    *,
    overlaps: Overlaps | None,
    settings: LinkSettings,
) -> Events:
    """Divisions that would explain an open beginning, seen at once or some frames late.

    The mother is linked to one daughter already and the other is open, or both are open.
    """
    begins = by_frame(cells, np.flatnonzero(links.before < 0))
    parts = []
    for number in range(1, len(cells.frames)):
        for earlier in range(number - 1, -1, -1):
            elapsed = float(cells.frames[number] - cells.frames[earlier])
            if elapsed > settings.max_gap_frames + 1 or not len(begins[number]):
                break
            mother, daughter = _near_mothers(
                cells, places, costs, cells.at(earlier), begins[number], elapsed
            )
            missed = number - earlier - 1
            families = (
                _with_linked_sister(links, mother, daughter),
                _with_open_sister(links, mother, daughter),
            )
            parts += [
                _judged(cells, places, costs, links, family, missed=missed, overlaps=overlaps)
                for family in families
            ]
    return all_events(parts)


def _near_mothers(
    cells: Detections, places: Floats, costs: Costs, one: slice, begins: Ints, elapsed: float
) -> tuple[Ints, Ints]:
    """Pairs of a possible mother and an open beginning near it."""
    reach = REACH * (costs.radius_px + costs.step_px * elapsed**costs.growth)
    if cells.radius is not None:
        reach = max(reach, REACH * float(np.median(cells.radius[begins])))
    near, far = near_pairs(places[begins], places[one], reach_px=reach, count=MOTHERS)
    return far + one.start, begins[near]


Family = tuple[Ints, Ints, Ints, bool]  # mother, daughter, sister, whether the sister is open


def _with_linked_sister(links: Links, mother: Ints, daughter: Ints) -> Family:
    linked = links.after[mother] >= 0
    mother, daughter = mother[linked], daughter[linked]
    return mother, daughter, links.after[mother], False


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
        return nobody, nobody, nobody, True
    first, second, third = (np.concatenate(column) for column in zip(*found, strict=True))
    return first, second, third, True


def _judged(
    cells: Detections,
    places: Floats,
    costs: Costs,
    links: Links,
    family: Family,
    *,
    missed: int,
    overlaps: Overlaps | None,
) -> Events:
    """The families that gain over what is: one daughter, or both, left open."""
    mother, daughter, sister, is_open = family
    elapsed = (cells.frame[daughter] - cells.frame[mother]).astype(float)
    r_mother, r_daughter, r_sister = (
        cells.radii(index, costs.radius_px) for index in (mother, daughter, sister)
    )
    gain = log_division(
        places[mother],
        places[daughter],
        places[sister],
        costs,
        radius=np.maximum(r_mother, costs.radius_px),
        elapsed=elapsed,
    )
    gain += np.log(costs.p_divide) + missed * np.log(costs.p_miss)
    gain -= log_end(cells.places[mother], r_mother, costs)
    gain -= log_start(cells.places[daughter], r_daughter, costs)
    gain -= log_start(cells.places[sister], r_sister, costs)
    if cells.log_area is not None and costs.area is not None:
        logs = cells.log_area
        cut = cells.cut[mother] | cells.cut[daughter] | cells.cut[sister]
        sizes = daughters_gain(logs[mother], logs[daughter], logs[sister], costs.area)
        gain += np.where(cut, 0.0, sizes)
    if overlaps is not None and not missed:
        together = overlaps.of_both(mother, daughter, sister)
        gain += np.maximum(overlap_gain(together, costs), LEAST_OVERLAP_GAIN)
    if not is_open:
        gain -= links.gain[mother]
    good = gain > 0
    return Events(
        source=mother[good],
        first=daughter[good],
        second=sister[good],
        second_open=np.full(int(good.sum()), is_open),
        gain=gain[good],
        missed=np.full(int(good.sum()), missed),
    )
