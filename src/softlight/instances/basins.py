"""Watersheds without a queue: every pixel climbs to its peak at once, then basins are joined.

Pixels touch by sides and corners. Pointers to the highest neighbour are followed by doubling, so
the work does not depend on how many cells there are; only the passes between basins are put in
order, and there are few.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softlight.instances.clean import Labels, touching

Height = NDArray[np.float32]
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_EARLIER = 4  # of the neighbours, in raster order


class Passes(NamedTuple):
    """The pairs of touching parts, those with the highest way from one to the other first."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    height: NDArray[np.float32]  # the highest place where they touch


def basins(height: Height, foreground: NDArray[np.bool_]) -> Labels:
    """A number for all pixels that climb to the same peak, 0 outside of the foreground.

    Each goes to the highest of its eight neighbours, of equal ones to the first, as long as that is
    higher than it; on level ground to an earlier one.
    """
    inside = np.flatnonzero(np.pad(foreground, 1)).astype(np.int32)
    padded = np.pad(np.where(foreground, height, -np.inf).astype(np.float32), 1)
    for border in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        padded[border] = -np.inf
    rank = np.empty(padded.size, np.int32)
    rank[inside] = np.arange(inside.size, dtype=np.int32)
    pointer = rank[_steepest(padded, inside)]
    while True:
        farther = pointer[pointer]
        if np.array_equal(farther, pointer):
            break
        pointer = farther
    number = np.zeros(inside.size, np.int32)
    peaks = np.flatnonzero(pointer == np.arange(inside.size))
    number[peaks] = np.arange(1, peaks.size + 1)
    found = np.zeros(foreground.shape, np.int32)
    found[foreground] = number[pointer]
    return found


def _steepest(padded: Height, inside: NDArray[np.int32]) -> NDArray[np.int32]:
    """The flat index of the pixel that each one inside climbs to, itself on a peak."""
    flat, width = padded.ravel(), padded.shape[1]
    best = np.full(inside.size, -np.inf, np.float32)
    target = inside.copy()
    own = flat[inside]
    for index, (down, right) in enumerate(_NEIGHBOURS):  # of equal ones the first prevails
        beside = inside + np.int32(down * width + right)
        value = flat[beside]
        higher = value > best
        higher &= value >= own if index < _EARLIER else value > own
        np.copyto(best, value, where=higher)
        np.copyto(target, beside, where=higher)
    return target


def passes(parts: Labels, height: Height) -> Passes:
    """Each pair of touching parts with the highest pixel pair of their border."""
    one, other = touching(parts)
    values, labels = height.ravel(), parts.ravel()
    way = np.minimum(values[one], values[other])
    p, q = labels[one], labels[other]
    size = np.int64(labels.max(initial=0)) + 1
    pair = np.minimum(p, q) * size + np.maximum(p, q)
    order = np.argsort(pair)
    pair, way = pair[order], way[order]
    new = np.flatnonzero(np.diff(pair, prepend=-1))
    pair = pair[new]
    way = np.maximum.reduceat(way, new) if len(new) else way
    order = np.argsort(-way, kind="stable")
    first, second = np.divmod(pair[order], size)
    return Passes(first, second, way[order])


def join_shallow(
    parts: Labels,
    height: Height,
    joins: Callable[[Any, Any], Any],
    *,
    min_area_px: int = 0,
) -> Labels:
    """The parts with those joined that no deep pass divides, the highest passes first.

    Args:
        parts: of the foreground, 0 is background.
        height: (Y, X).
        joins: whether two parts are one, by the lower one's peak and the height of the pass; for
            numbers and arrays alike, and never true for a higher peak if it is not for a lower.
        min_area_px: a smaller part is joined to what it touches, by the highest pass.
    """
    count = int(parts.max(initial=0))
    area = np.bincount(parts.ravel(), minlength=count + 1)
    peak = largest(height, parts)
    first, second, way = passes(parts, height)
    lower = np.minimum(peak[first], peak[second])
    small = np.minimum(area[first], area[second]) < min_area_px
    possible = small | joins(lower, way)  # peaks and areas only grow, so no other pair ever joins
    columns = (first[possible].tolist(), second[possible].tolist(), way[possible].tolist())
    pairs = zip(*columns, strict=True)
    return _united(pairs, peak.tolist(), area.tolist(), joins, min_area_px)[parts]


def largest(values: Height, labels: Labels) -> Height:
    """The largest value of each label 0 to n, by its number; -inf where there is no such label."""
    found = np.full(int(labels.max(initial=0)) + 1, -np.inf, np.float32)
    outside = labels == 0
    found[0] = values.max(where=outside, initial=-np.inf)
    inside = np.flatnonzero(~outside)
    np.maximum.at(found, labels.ravel().take(inside), values.ravel().take(inside))
    return found


def _united(
    pairs: Any, peak: list[float], area: list[int], joins: Callable[[Any, Any], Any], least: int
) -> Labels:
    """For each part the number of the part that it becomes one with."""
    parent = list(range(len(peak)))

    def root(part: int) -> int:
        while parent[part] != part:
            parent[part] = parent[parent[part]]
            part = parent[part]
        return part

    for first, second, way in pairs:
        a, b = root(first), root(second)
        if a != b and (min(area[a], area[b]) < least or joins(min(peak[a], peak[b]), way)):
            parent[b] = a
            area[a] += area[b]
            peak[a] = max(peak[a], peak[b])
    return np.array([root(part) for part in range(len(parent))], np.int32)
