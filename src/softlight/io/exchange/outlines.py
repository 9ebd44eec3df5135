"""Cells as polygons along the edges of their pixels, exactly.

Corners have whole coordinates: the pixel in row r and column c is the square from (c, r) to
(c + 1, r + 1). Every corner of a cell joins one edge along the rows and one down the columns, so
sorting the corners along either gives the ends of all edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int64]  # (n, 2) corners x, y; the first is not repeated at the end
Points = list[tuple[int, int]]


class _Found(NamedTuple):
    """One ring of a cell, with twice the area within it, below 0 for a hole."""

    cell: int
    area: int
    points: Points


_FALLING, _RISING = 9, 6  # only upper left and lower right are in the cell; only the other two


@dataclass(frozen=True)
class Piece:
    """One connected part of a cell: its outer ring and its holes, which run the other way."""

    outer: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outer ring and the holes."""
        return (self.outer, *self.holes)


def trace(labels: NDArray[np.integer[Any]], *, diagonal: bool) -> Iterator[tuple[int, list[Piece]]]:
    """The label of each cell, in order, with its pieces, the largest first.

    Args:
        labels: (Y, X), 0 = background.
        diagonal: whether pixels that share only a corner are one piece. Then a ring may touch
            itself at a corner; else every ring is simple, as GeoJSON wants it.
    """
    cell, x, y, code = _corners(labels)
    twice = np.flatnonzero((code == _FALLING) | (code == _RISING))
    every = np.concatenate([np.arange(len(cell)), twice])
    second = np.arange(len(every)) >= len(cell)
    cell, x, y, code = cell[every], x[every], y[every], code[every]
    # Where the cell touches itself, two edges meet twice. The first copy has the edge from the
    # left, the second that to the right; which goes up decides whether the pixels stay joined.
    up_second = second ^ (code == (_FALLING if diagonal else _RISING))
    across = _partners(np.lexsort((second, x, y, cell)))
    along = _partners(np.lexsort((up_second, y, x, cell)))
    rings: list[_Found] = []
    for number, points in _walk(cell, x, y, across, along):
        parts = [points] if diagonal else _simple(points)
        rings += [_turned(number, ring, labels) for ring in parts]
    yield from _grouped(rings)


def _corners(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[Any], ...]:
    """Cell, x, y and kind of every corner: which of the four pixels around it are in the cell."""
    around = np.pad(labels, 1)
    quads = (around[:-1, :-1], around[:-1, 1:], around[1:, :-1], around[1:, 1:])
    a, b, c, d = quads
    ys, xs = np.nonzero(~(((a == b) & (c == d)) | ((a == c) & (b == d))))
    values = np.stack([quad[ys, xs] for quad in quads], axis=1)
    found = []
    for at in range(4):
        cell = values[:, at]
        mine = (cell > 0) & ~(values[:, :at] == cell[:, None]).any(axis=1)
        code = ((values[mine] == cell[mine, None]) * np.array([1, 2, 4, 8])).sum(axis=1)
        bend = np.isin(code, (3, 5, 10, 12), invert=True)  # two side by side are a straight edge
        found.append((cell[mine][bend], xs[mine][bend], ys[mine][bend], code[bend]))
    cells, x, y, codes = (np.concatenate(part) for part in zip(*found, strict=True))
    return cells.astype(np.int64), x, y, codes


def _partners(order: NDArray[np.int64]) -> list[int]:
    """The other end of each corner's edge, where edges are consecutive pairs in this order."""
    partner = np.empty_like(order)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    found: list[int] = partner.tolist()
    return found


def _walk(
    cell: NDArray[np.int64],
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    across: list[int],
    along: list[int],
) -> Iterator[tuple[int, Points]]:
    """Every ring with its cell, in the order of the cells."""
    visited = [False] * len(cell)
    xs, ys, of = x.tolist(), y.tolist(), cell.tolist()
    for start in np.lexsort((x, y, cell)).tolist():
        at, ring = start, []
        while not visited[at]:
            other = across[at]
            visited[at] = visited[other] = True
            ring += [(xs[at], ys[at]), (xs[other], ys[other])]
            at = along[other]
        if ring:
            yield of[start], ring


def _simple(ring: Points) -> list[Points]:
    """The rings into which one falls that meets itself in a corner."""
    if len(set(ring)) == len(ring):
        return [ring]
    found: list[Points] = []
    path: Points = []
    place: dict[tuple[int, int], int] = {}
    for point in ring:
        if point in place:
            at = place[point]
            found.append(path[at:])
            for gone in path[at:]:
                del place[gone]
            del path[at:]
        place[point] = len(path)
        path.append(point)
    return [*found, path]


def _turned(number: int, points: Points, labels: NDArray[np.integer[Any]]) -> _Found:
    """The ring with the sign of its turn: above 0 for an outer one, below for a hole.

    The pixel below and right of a ring's first corner, in reading order, is inside the ring.
    """
    x, y = min(points, key=lambda point: (point[1], point[0]))
    area = sum(
        a * d - b * c for (a, b), (c, d) in zip(points, points[1:] + points[:1], strict=True)
    )
    if (area > 0) != bool(labels[y, x] == number):
        return _Found(number, -area, points[::-1])
    return _Found(number, area, points)


def _grouped(rings: list[_Found]) -> Iterator[tuple[int, list[Piece]]]:
    """The rings of each cell as pieces: each hole with the piece around it."""
    at = 0
    while at < len(rings):
        number, end = rings[at].cell, at
        while end < len(rings) and rings[end].cell == number:
            end += 1
        found = sorted(rings[at:end], key=lambda ring: ring.area, reverse=True)
        outers = [np.array(ring.points, np.int64) for ring in found if ring.area > 0]
        inside: list[list[Ring]] = [[] for _ in outers]
        for hole in (np.array(ring.points, np.int64) for ring in found if ring.area < 0):
            around = [nth for nth, ring in enumerate(outers) if _is_around(ring, hole)]
            inside[around[-1]].append(hole)  # the smallest
        yield (
            number,
            [Piece(outer, tuple(held)) for outer, held in zip(outers, inside, strict=True)],
        )
        at = end


def _is_around(outer: Ring, hole: Ring) -> bool:
    """Whether the pixel above the first corner of the hole, in reading order, is in the ring."""
    x, y = min(hole.tolist(), key=lambda point: (point[1], point[0]))
    column, row = x + 0.5, y - 0.5
    ends = np.roll(outer, -1, axis=0)
    crossed = ((outer[:, 1] < row) != (ends[:, 1] < row)) & (outer[:, 0] < column)
    return bool(crossed.sum() % 2)
