"""Pairs of cells that may be one cell: neighbours in place, and masks that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from softlight.track.detections import Detections
from softlight.track.settings import TrackError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEIGHBOURS = 8  # a cell has at most so many candidates, however dense the field


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Pairs of masks in consecutive frames that overlap, sorted by ``source * size + target``."""

    key: Ints
    shared: Ints  # pixels
    areas: Ints  # of every cell's mask

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.areas)

    def of(self, source: Ints, target: Ints) -> Floats:
        """The intersection over union of these pairs; 0 where they do not overlap."""
        shared = self._shared(source, target)
        union = self.areas[source] + self.areas[target] - shared
        return np.asarray(shared / np.maximum(union, 1))

    def of_both(self, source: Ints, first: Ints, second: Ints) -> Floats:
        """The same of a cell with two others together."""
        shared = self._shared(source, first) + self._shared(source, second)
        union = self.areas[source] + self.areas[first] + self.areas[second] - shared
        return np.asarray(shared / np.maximum(union, 1))

    def _shared(self, source: Ints, target: Ints) -> Ints:
        if not len(self.key):
            return np.zeros(len(source), np.int64)
        key = source * self.size + target
        at = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where(self.key[at] == key, self.shared[at], 0)

    def between(self, one: slice, two: slice) -> tuple[Ints, Ints]:
        """The overlapping pairs of these two frames."""
        low, high = np.searchsorted(self.key, [one.start * self.size, one.stop * self.size])
        source, target = np.divmod(self.key[low:high], self.size)
        inside = (target >= two.start) & (target < two.stop)
        return source[inside], target[inside]


def near_pairs(
    places: Floats, among: Floats | cKDTree, *, reach_px: float, count: int = NEIGHBOURS
) -> tuple[Ints, Ints]:
    """For each place the nearest of the others within reach, at most ``count``: index pairs."""
    tree = among if isinstance(among, cKDTree) else cKDTree(among)
    if not len(places) or not tree.n:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    ranks = [*range(1, min(count, tree.n) + 1)]
    distance, near = tree.query(places, k=ranks, distance_upper_bound=reach_px)
    source, rank = np.nonzero(np.isfinite(distance))
    return source.astype(np.int64), near[source, rank].astype(np.int64)


def mask_overlaps(
    cells: Detections, labels: Sequence[NDArray[np.int32]], shift: Floats
) -> Overlaps:
    """The overlaps of all frames that hold cells with the next such, the field's shift undone.

    Args:
        cells: of the movie.
        labels: by frame number.
        shift: (F, 2) where the field lies in each frame of ``cells.frames``.
    """
    size = len(cells)
    keys, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    areas = np.zeros(size, np.int64)
    before: NDArray[np.int32] | None = None
    for number in range(len(cells.frames)):
        plane = frame_labels(labels, int(cells.frames[number]))
        two = cells.at(number)
        areas[two] = _areas(plane, cells.label[two])
        if before is not None:
            _same_size(before, plane, int(cells.frames[number]))
            step = np.rint(shift[number] - shift[number - 1]).astype(int)
            one = cells.at(number - 1)
            first, second, shared = _overlap(
                before, plane, step, cells.label[one], cells.label[two]
            )
            keys.append((first + one.start) * size + second + two.start)
            counts.append(shared)
        before = plane
    key = np.concatenate(keys)
    order = np.argsort(key)
    return Overlaps(key[order], np.concatenate(counts)[order], areas)


def _same_size(before: NDArray[np.int32], plane: NDArray[np.int32], frame: int) -> None:
    if before.shape != plane.shape:
        raise TrackError(
            f"The label image of frame {frame} is {plane.shape[0]}×{plane.shape[1]} where the one "
            f"before is {before.shape[0]}×{before.shape[1]}; the frames of a movie have one size."
        )


def frame_labels(labels: Sequence[NDArray[np.int32]], frame: int) -> NDArray[np.int32]:
    """The label image of a frame, or a TrackError where there is none."""
    if frame >= len(labels):
        raise TrackError(
            f"The objects table has a cell in frame {frame}, but there are {len(labels)} label "
            "images; give those of the whole movie, frames counted from 0."
        )
    plane = np.asarray(labels[frame])
    if plane.ndim != 2 or plane.dtype.kind not in "iu":
        raise TrackError(
            f"The label image of frame {frame} is {plane.dtype} of shape {plane.shape}; labels "
            "are whole numbers (Y, X)."
        )
    return plane


def _overlap(
    before: NDArray[np.int32], after: NDArray[np.int32], step: Ints, ids_a: Ints, ids_b: Ints
) -> tuple[Ints, Ints, Ints]:
    """Positions in ``ids_a`` and ``ids_b`` of masks that overlap, and by how many pixels."""
    sides = [_shifted(int(s), n) for s, n in zip(step, before.shape, strict=True)]
    a = before[sides[0][0], sides[1][0]]
    b = after[sides[0][1], sides[1][1]]
    both = (a > 0) & (b > 0)
    pairs, shared = np.unique(
        a[both].astype(np.int64) << 32 | b[both].astype(np.int64), return_counts=True
    )
    first, second = pairs >> 32, pairs & 0xFFFFFFFF
    at_a, at_b = (
        np.minimum(np.searchsorted(ids, values), len(ids) - 1)
        for ids, values in ((ids_a, first), (ids_b, second))
    )
    known = (ids_a[at_a] == first) & (ids_b[at_b] == second)
    return at_a[known].astype(np.int64), at_b[known].astype(np.int64), shared[known]


def _areas(plane: NDArray[np.int32], ids: Ints) -> Ints:
    values, counts = np.unique(plane[plane > 0], return_counts=True)
    at = np.minimum(np.searchsorted(values, ids), max(len(values) - 1, 0))
    return np.where(values[at] == ids, counts[at], 0) if len(values) else np.zeros_like(ids)


def _shifted(step: int, length: int) -> tuple[slice, slice]:
    """The part of the earlier frame, and of the later, that both show after this step."""
    step = max(-length, min(length, step))
    return slice(max(0, -step), length - max(0, step)), slice(max(0, step), length - max(0, -step))
