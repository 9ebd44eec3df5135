"""Polygons as pixels: a pixel belongs to the polygon that its middle lies in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.exchange.movie import ExchangeError
from softlight.io.labels import LazyFrames
from softlight.io.planes import check_claim

_MAX_CROSSINGS = 100_000_000
_FARTHEST = 1_000_000.0  # px from the origin

Outline = tuple[int, Sequence[NDArray[Any]]]  # a label and the rings that enclose its pixels
OfFrames = Mapping[int, Sequence[Outline]]  # only the frames that have any
Ints = NDArray[np.int64]


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


def draw_labels(outlines: Sequence[Outline], height: int, width: int) -> NDArray[np.int32]:
    """The label image of these outlines: pixels whose middles lie in an odd number of its rings.

    Where outlines overlap the smaller is on top; of equal ones the later.
    """
    labels = np.zeros(height * width, np.int32)
    if not outlines:
        return labels.reshape(height, width)
    cell, row, first, last = _runs(outlines, height, width)
    length = last - first
    area = np.bincount(cell, length, len(outlines))
    place = np.empty(len(outlines), np.int64)
    place[np.argsort(-area, kind="stable")] = np.arange(len(outlines))
    order = np.argsort(place[cell], kind="stable")
    length = length[order]
    begins = np.cumsum(length) - length
    pixel = np.repeat((row * width + first)[order] - begins, length) + np.arange(length.sum())
    numbers = np.array([label for label, _ in outlines], np.int32)
    labels[pixel] = np.repeat(numbers[cell[order]], length)  # of several values the last one stays
    return labels.reshape(height, width)


def _runs(outlines: Sequence[Outline], height: int, width: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Cell, row, first column and the one after the last of every run of pixels."""
    rings = [ring for _, held in outlines for ring in held]
    starts = np.concatenate(rings).astype(np.float64)[:, :2]
    sizes = np.array([len(ring) for ring in rings])
    following = np.arange(1, len(starts) + 1)
    following[np.cumsum(sizes) - 1] = np.cumsum(sizes) - sizes  # a ring ends where it begins
    ends = starts[following]
    of_ring = np.repeat(np.arange(len(outlines)), [len(held) for _, held in outlines])
    cell = np.repeat(of_ring, sizes)
    upper, lower = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    top = np.clip(np.ceil(upper - 0.5), 0, height).astype(np.int64)
    count = np.clip(np.ceil(lower - 0.5), 0, height).astype(np.int64) - top
    total = int(count.sum())
    if total > _MAX_CROSSINGS:
        raise ExchangeError("The outlines wind too often to be cells; simplify them.")
    edge = np.repeat(np.arange(len(starts)), count)
    row = top[edge] + np.arange(total) - (np.cumsum(count) - count)[edge]
    share = (row + 0.5 - starts[edge, 1]) / (ends[edge, 1] - starts[edge, 1])
    x = starts[edge, 0] + share * (ends[edge, 0] - starts[edge, 0])
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    # A closed ring crosses every row an even number of times, so that crossings pair to runs.
    order = np.lexsort((column, row, cell[edge]))
    into, out = order[0::2], order[1::2]
    return cell[edge][into], row[into], column[into], column[out]


def drawn_frames(outlines: OfFrames, shape: tuple[int, int, int], name: str) -> LazyFrames:
    """Label images of the outlines of each frame, each drawn when it is asked for."""
    frames, height, width = shape
    check_claim(name, height, width, samples=1, item_bytes=8)
    return LazyFrames(frames, lambda t: draw_labels(outlines.get(t, ()), height, width))


def room_for(outlines: OfFrames) -> tuple[int, int]:
    """The height and width of the smallest image that holds these outlines."""
    held = (rings for frame in outlines.values() for _, rings in frame)
    ends = [ring.max(axis=0) for rings in held for ring in rings]
    if not ends:
        return 1, 1
    width, height = np.max(ends, axis=0)[:2]
    return max(1, math.ceil(height)), max(1, math.ceil(width))
