"""Masks of a cell in the frames before and after, brought to where it should be in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Labels = NDArray[np.int32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAST_PART = 0.3  # of what is expected of a cell, or a mask is not parted
TOUCHING_PX = 3  # pieces of one cell are no farther apart
PIECES = 5  # neighbours of a piece that may be the rest of its cell


@dataclass(frozen=True, slots=True)
class Patch:
    """Values for some pixels of a box."""

    box: tuple[slice, slice]
    where: Bools
    values: Labels

    def write(self, plane: Labels) -> None:
        """Put the values into this plane."""
        plane[self.box][self.where] = self.values[self.where]


@dataclass(frozen=True, slots=True)
class Outlines:
    """A cell's pixels of the frame before and of the one after, moved to the frame between."""

    track_id: int
    before: Ints  # (n, 2)
    after: Ints

    @property
    def area(self) -> float:
        """The expected area."""
        return (len(self.before) + len(self.after)) / 2

    def covered_by(self, plane: Labels, share: float) -> int:
        """The label that holds at least this share of the expected pixels, both times; or 0."""
        found = []
        for pixels in (self.before, self.after):
            values = plane[tuple(_inside(pixels, plane.shape).T)]
            values = values[values > 0]
            if not values.size:
                return 0
            label = int(np.bincount(values).argmax())
            if (values == label).sum() < share * len(pixels):
                return 0
            found.append(label)
        return found[0] if found[0] == found[1] else 0

    def support(self, mask: Bools) -> float:
        """The share of a mask that the outlines cover."""
        drawn = np.zeros(mask.shape, bool)
        for pixels in (self.before, self.after):
            drawn[tuple(_inside(pixels, mask.shape).T)] = True
        return float((drawn & mask).sum() / max(mask.sum(), 1))


def _inside(pixels: Ints, shape: tuple[int, ...]) -> Ints:
    good = ((pixels >= 0) & (pixels < np.asarray(shape))).all(1)
    return pixels[good]


class Seen:
    """The tracked cells with their masks: three frames at a time are in memory."""

    def __init__(
        self,
        labels: Sequence[Labels],
        objects: pd.DataFrame,
        tracks: pd.DataFrame,
        drift: pd.DataFrame,
    ) -> None:
        table = objects[["track_id", "frame", "label", "y_px", "x_px"]].sort_values(
            ["track_id", "frame"], ignore_index=True
        )
        self._labels = labels
        self._track = table["track_id"].to_numpy(np.int64)
        self._frame = table["frame"].to_numpy(np.int64)
        self._label = table["label"].to_numpy(np.int64)
        self._places = table[["y_px", "x_px"]].to_numpy(np.float64)
        self._shift = {
            int(frame): np.array([dy, dx]) for frame, dy, dx in drift.itertuples(index=False)
        }
        self._row = {
            pair: row
            for row, pair in enumerate(zip(self._frame.tolist(), self._label.tolist(), strict=True))
        }
        ends = _both_ends(self._track)
        self._first = {int(self._track[low]): low for low, _ in ends}
        self._last = {int(self._track[low]): high for low, high in ends}
        self._mother = dict(zip(tracks["track_id"], tracks["parent_id"], strict=True))
        self._children: dict[int, list[int]] = {}
        for child, mother in self._mother.items():
            self._children.setdefault(int(mother), []).append(int(child))
        self._planes: dict[int, Labels] = {}
        self._boxes: dict[int, list[tuple[slice, slice] | None]] = {}

    def doubtful_frames(self) -> list[int]:
        """Frames that some track leaves out, or where one is seen in this frame only."""
        gaps = self._frame[self._gap_rows()] + 1
        single = [
            self._frame[row] for track, row in self._first.items() if self._last[track] == row
        ]
        found = sorted({*map(int, gaps), *map(int, single)})
        return [frame for frame in found if 0 < frame < len(self._labels) - 1]

    def _gap_rows(self) -> Ints:
        same = self._track[1:] == self._track[:-1]
        return np.flatnonzero(same & (np.diff(self._frame) == 2))

    def missing(self, frame: int) -> Iterator[Outlines]:
        """The tracks that are in the frames before and after this one, but not in it."""
        rows = self._gap_rows()
        for row in rows[self._frame[rows] == frame - 1]:
            yield self._outlines(int(row), int(row) + 1, frame)

    def fleeting(self, frame: int) -> list[int]:
        """The labels of cells that are seen in this frame only and have no daughters."""
        return sorted(
            int(self._label[row])
            for track, row in self._first.items()
            if self._last[track] == row and self._frame[row] == frame
            if not self._children.get(track)
        )

    def whole(self, frame: int, label: int) -> Outlines | None:
        """The outlines of a cell of this frame, if it is in those before and after too.

        What counts as the same cell is its track, and its mother or daughter where the track
        begins or ends here: a piece taken for a daughter makes a division that is none.
        """
        row = self._row.get((frame, label))
        if row is None:
            return None
        track = int(self._track[row])
        before, after = row - 1, row + 1
        if row == self._first[track]:
            before = self._last.get(int(self._mother.get(track, 0)), -1)
        if row == self._last[track]:
            children = self._children.get(track, [])
            after = self._first[children[0]] if len(children) == 1 else -1
        if min(before, after) < 0 or after >= len(self._frame):
            return None
        if self._frame[before] != frame - 1 or self._frame[after] != frame + 1:
            return None
        return self._outlines(before, after, frame)

    def around(self, frame: int, label: int) -> list[int]:
        """The labels of the nearest cells in this frame, nearest first."""
        here = np.flatnonzero(self._frame == frame)
        row = self._row[frame, label]
        _, near = cKDTree(self._places[here]).query(
            self._places[row], k=[*range(1, min(PIECES + 1, len(here)) + 1)]
        )
        return [int(self._label[here[n]]) for n in near if here[n] != row]

    def _outlines(self, before: int, after: int, frame: int) -> Outlines:
        rows = (before, after)
        steady = [self._places[row] - self._shift[int(self._frame[row])] for row in rows]
        middle = (steady[0] + steady[1]) / 2 + self._shift_at(frame)
        parts = [
            self._pixels(row) + np.rint(middle - self._places[row]).astype(np.int64) for row in rows
        ]
        return Outlines(int(self._track[before]), parts[0], parts[1])

    def _shift_at(self, frame: int) -> Floats:
        shift = self._shift.get(frame)
        return np.zeros(2) if shift is None else shift

    def _pixels(self, row: int) -> Ints:
        frame, label = int(self._frame[row]), int(self._label[row])
        plane = self.plane(frame)
        box = self._boxes[frame][label - 1] if label <= len(self._boxes[frame]) else None
        if box is None:
            return np.empty((0, 2), np.int64)
        inside = np.argwhere(plane[box] == label)
        pixels: Ints = inside + np.array([side.start for side in box])
        return pixels

    def plane(self, frame: int) -> Labels:
        """The label image of a frame."""
        if frame not in self._planes:
            self._planes[frame] = np.asarray(self._labels[frame])
            self._boxes[frame] = ndimage.find_objects(self._planes[frame])
        return self._planes[frame]

    def forget_before(self, frame: int) -> None:
        """Let go of what later frames do not need."""
        for old in [number for number in self._planes if number < frame]:
            del self._planes[old], self._boxes[old]

    def area(self, frame: int, label: int) -> int:
        """Pixels of a cell."""
        return len(self._pixels(self._row[frame, label])) if (frame, label) in self._row else 0

    def highest_label(self, frame: int) -> int:
        """The largest label of a frame."""
        return int(self.plane(frame).max())


def _both_ends(track: Ints) -> list[tuple[int, int]]:
    """First and last row of each run of equal numbers."""
    starts = np.flatnonzero(np.r_[True, track[1:] != track[:-1]]) if len(track) else track
    ends = np.r_[starts[1:], len(track)] - 1 if len(track) else track
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def part_among(
    plane: Labels, label: int, cells: Sequence[Outlines], names: Sequence[int]
) -> Patch | None:
    """A mask parted among cells, each pixel to the cell whose outlines are nearest.

    None where a cell would get much less than is expected of it: then the outlines do not fit.
    """
    found = ndimage.find_objects((plane == label).astype(np.uint8))[0]
    box = (found[0], found[1])
    where = plane[box] == label
    corner = np.array([side.start for side in box])
    depths = []
    for cell in cells:
        depth = np.zeros(where.shape)
        for pixels in (cell.before, cell.after):
            drawn = np.zeros(where.shape, bool)
            drawn[tuple(_inside(pixels - corner, where.shape).T)] = True
            if not drawn.any():
                return None
            depth += ndimage.distance_transform_edt(~drawn)
            depth -= ndimage.distance_transform_edt(drawn)
        depths.append(depth)
    nearest = np.argmin(depths, axis=0)
    for number, cell in enumerate(cells):
        if ((nearest == number) & where).sum() < LEAST_PART * cell.area:
            return None
    return Patch(box, where, np.asarray(names, np.int32)[nearest])


def pieces_touch(plane: Labels, one: int, other: int) -> bool:
    """Whether two masks are at most a few pixels apart."""
    first, second = (np.argwhere(plane == label) for label in (one, other))
    distance, _ = cKDTree(first).query(second, k=[1])
    return bool(distance.min() <= TOUCHING_PX)
