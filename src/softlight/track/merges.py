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

INSIDE = 0.5  # of a cell that must lie in the mask that swallows it
NEAR_AREA = 0.35  # |log(area of the mask / area of the cells before)|, at most
P_HIDDEN = 0.5  # a swallowed cell stays hidden for another frame
P_DIVIDES_MERGED = 0.02  # how much likelier a mask that was two comes apart than divides


@dataclass(frozen=True, slots=True)
class Merges:
    """Which cells were swallowed, and which masks swallowed them."""

    into: Ints  # for each cell the mask of the next frame that swallows it with others; or -1
    merged: Bools  # for each mask

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
    return Merges(np.full(count, -1, np.int64), np.zeros(count, bool))


def find_merges(overlaps: Overlaps) -> Merges:
    """The merges of a movie: two cells or more lie in one mask, as large as they are together."""
    source, target = np.divmod(overlaps.key, max(overlaps.size, 1))
    inside = overlaps.shared >= INSIDE * overlaps.areas[source]
    source, target = source[inside], target[inside]
    count = np.bincount(target, minlength=overlaps.size)
    together = np.bincount(target, weights=overlaps.areas[source], minlength=overlaps.size)
    off = np.log(np.maximum(overlaps.areas, 1) / np.maximum(together, 1))
    merged = (count > 1) & (np.abs(off) <= NEAR_AREA)
    found = no_merges(overlaps.size)
    swallowed = merged[target]
    found.into[source[swallowed]] = target[swallowed]
    return Merges(found.into, merged)


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
