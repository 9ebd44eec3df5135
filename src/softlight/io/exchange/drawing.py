"""Polygons as pixels: a pixel belongs to the polygon that its middle lies in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.exchange.movie import ExchangeError, LazyFrames
from softlight.io.planes import check_claim

_MAX_CROSSINGS = 100_000_000
_FARTHEST = 1_000_000.0  # px from the origin


@dataclass(frozen=True)
class Drawn:
    """The pixels of one polygon within its box."""

    inside: NDArray[np.bool_]
    top: int
    left: int

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return int(self.inside.sum())


def check_ring(ring: Any, what: str) -> NDArray[np.float64]:
    """The (n, 2) points of a ring; an ExchangeError where they are no ring near an image."""
    try:
        points = np.asarray(ring, np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1] < 2 or len(points) < 3:
        raise ExchangeError(f"{what} has an outline that is not at least three x, y points.")
    points = points[:, :2]
    if not (np.isfinite(points).all() and (np.abs(points) < _FARTHEST).all()):
        raise ExchangeError(f"{what} has a point of its outline that lies nowhere near an image.")
    return points


def draw(rings: Sequence[NDArray[Any]], height: int, width: int) -> Drawn:
    """The pixels of an image whose middles lie in an odd number of these rings."""
    starts = np.concatenate(rings).astype(np.float64)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]).astype(np.float64)
    low, high = starts.min(axis=0), starts.max(axis=0)
    left, right = (int(np.clip(math.floor(at), 0, width)) for at in (low[0], high[0] + 1))
    top, bottom = (int(np.clip(math.floor(at), 0, height)) for at in (low[1], high[1] + 1))
    inside = np.zeros((max(bottom - top, 0), max(right - left, 0)), np.bool_)
    if not inside.size:
        return Drawn(inside, top, left)
    row, column = _crossings(starts, ends, top, bottom)
    flips = np.zeros((inside.shape[0], inside.shape[1] + 1), np.int32)
    np.add.at(flips, (row - top, np.clip(column - left, 0, inside.shape[1])), 1)
    inside[...] = (np.cumsum(flips[:, :-1], axis=1) & 1).astype(np.bool_)
    return Drawn(inside, top, left)


def _crossings(
    starts: NDArray[np.float64], ends: NDArray[np.float64], top: int, bottom: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and first column right of every place where an edge crosses the middle of a row."""
    upper, lower = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    first = np.clip(np.ceil(upper - 0.5), top, bottom).astype(np.int64)
    count = np.clip(np.ceil(lower - 0.5), top, bottom).astype(np.int64) - first
    total = int(count.sum())
    if total > _MAX_CROSSINGS:
        raise ExchangeError("An outline winds too often to be a cell; simplify it.")
    edge = np.repeat(np.arange(len(starts)), count)
    begins = np.cumsum(count) - count
    row = first[edge] + np.arange(total) - begins[edge]
    share = (row + 0.5 - starts[edge, 1]) / (ends[edge, 1] - starts[edge, 1])
    x = starts[edge, 0] + share * (ends[edge, 0] - starts[edge, 0])
    return row, np.ceil(x - 0.5).astype(np.int64)


Outline = tuple[int, Sequence[NDArray[Any]]]  # a label and the rings that enclose its pixels


def drawn_frames(
    outlines: Sequence[Sequence[Outline]], height: int, width: int, name: str
) -> LazyFrames:
    """Label images of the outlines of each frame, each drawn when it is asked for.

    Where outlines overlap the smaller is on top; of equal ones the later.
    """
    check_claim(name, height, width, samples=1, item_bytes=16)

    def make(t: int) -> NDArray[np.int32]:
        labels = np.zeros((height, width), np.int32)
        drawn = [(label, draw(rings, height, width)) for label, rings in outlines[t]]
        for label, cell in sorted(drawn, key=lambda item: item[1].area, reverse=True):
            rows, columns = cell.inside.shape
            place = labels[cell.top : cell.top + rows, cell.left : cell.left + columns]
            place[cell.inside] = label
        return labels

    return LazyFrames(len(outlines), make)


def room_for(outlines: Sequence[Sequence[Outline]]) -> tuple[int, int]:
    """The height and width of the smallest image that holds these outlines."""
    ends = [ring.max(axis=0) for frame in outlines for _, rings in frame for ring in rings]
    if not ends:
        return 1, 1
    width, height = np.max(ends, axis=0)[:2]
    return max(1, math.ceil(height)), max(1, math.ceil(width))
