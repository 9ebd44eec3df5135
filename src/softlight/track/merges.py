"""Masks that cover two cells of the frame before: the cells are not gone, only not told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.track.candidates import Overlaps
from softlight.track.detections import Detections
from softlight.track.link import Links

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAST_PART = 0.15  # of the mask that each cell in it must have
INSIDE = 0.6  # of a cell that must lie in the mask that swallows it
NEAR_AREA = 0.25  # |log(area of the mask / area of the cells before)|, at most
P_HIDDEN = 0.5  # a swallowed cell stays hidden for another frame
P_DIVIDES_MERGED = 0.02  # how much likelier a mask that was two comes apart than divides


@dataclass(frozen=True, slots=True)
class Merges:
    """Which cells were swallowed, and which masks swallowed them."""

    into: Ints  # for each cell the mask of the next frame that swallows it with others; or -1
    merged: Bools  # for each mask
    brief: Bools  # the merged that come apart again in the next frame: no cell's own mask

    def lately(self, links: Links, frames: int) -> Bools:
        """Masks that are merged, or were so many frames ago or less."""
        recent, current = self.merged.copy(), np.flatnonzero(self.merged)
        for _ in range(frames):
            current = links.after[current]
            current = current[current >= 0]
            recent[current] = True
        return recent


def no_merges(count: int) -> Merges:
    """None, among so many cells."""
    nowhere = np.zeros(count, bool)
    return Merges(np.full(count, -1, np.int64), nowhere, nowhere)


def find_merges(overlaps: Overlaps) -> Merges:
    """The merges of a movie: two cells or more lie in one mask, as large as they are together."""
    source, target = np.divmod(overlaps.key, max(overlaps.size, 1))
    into, merged = _covering(overlaps, source, target)
    _, apart = _covering(overlaps, target, source)
    return Merges(into, merged, merged & apart)


def _covering(overlaps: Overlaps, part: Ints, whole: Ints) -> tuple[Ints, Bools]:
    """For each cell the mask that covers it with others, and the masks that do so."""
    size, areas = overlaps.size, overlaps.areas
    inside = (overlaps.shared >= INSIDE * areas[part]) & (areas[part] >= LEAST_PART * areas[whole])
    part, whole = part[inside], whole[inside]
    count = np.bincount(whole, minlength=size)
    together = np.bincount(whole, weights=areas[part], minlength=size)
    off = np.log(np.maximum(areas, 1) / np.maximum(together, 1))
    covering = np.asarray((count > 1) & (np.abs(off) <= NEAR_AREA))
    into = np.full(size, -1, np.int64)
    covered = covering[whole]
    into[part[covered]] = whole[covered]
    return into, covering


def merge_table(cells: Detections, merges: Merges) -> pd.DataFrame:
    """``frame``, ``label``, ``labels_before``: the masks that cover several cells."""
    return pd.DataFrame(list(_rows(cells, merges)), columns=["frame", "label", "labels_before"])


def _rows(cells: Detections, merges: Merges) -> Iterator[tuple[int, int, str]]:
    swallowed = np.flatnonzero(merges.into >= 0)
    order = swallowed[np.argsort(merges.into[swallowed], kind="stable")]
    for group in np.split(order, np.flatnonzero(np.diff(merges.into[order])) + 1):
        if len(group):
            mask = int(merges.into[group[0]])
            names = " ".join(map(str, cells.label[group]))
            yield int(cells.frame[mask]), int(cells.label[mask]), names
