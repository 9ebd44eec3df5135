"""Distances along paths that stay inside a cell, for all cells of an image at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

_STEP, _DIAGONAL = 70, 99  # a straight and a slanted step: whole numbers in a ratio near root 2
_FAR = 1 << 30  # longer than every path
_APART = 1 << 32  # so much that no path from another run of a row is ever the shortest


class _Grid(NamedTuple):
    """What a step costs: ``_FAR`` where it would leave the piece."""

    straight: Integers  # (Y - 1, X) between a pixel and the one below it
    falling: Integers  # (Y - 1, X - 1) between a pixel and the one below to the right
    rising: Integers  # (Y - 1, X - 1) between a pixel's right neighbour and the one below it
    ramp: Integers  # (Y, X) cost along the row, with a cliff wherever the piece changes


def path_lengths(
    pieces: npt.NDArray[np.int32], start: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """How far in pixels (Y, X) each pixel is from its piece's start pixels; inf where it has none.

    Paths go from pixel to pixel by sides and corners. Rows are relaxed one after the other, each
    with all its columns at once, downward and upward in turn until no path becomes shorter: about
    as often as the most winding path turns between up and down.
    """
    lengths = np.where(start, 0, _FAR).astype(np.int64)
    grid = _grid(pieces)
    while True:
        before = lengths.copy()
        _relax_downward(lengths, grid)
        _relax_upward(lengths, grid)
        if np.array_equal(lengths, before):
            break
    pixels = (lengths / _STEP).astype(np.float32)
    pixels[lengths >= _FAR] = np.inf
    return pixels


def _grid(pieces: npt.NDArray[np.int32]) -> _Grid:
    upper, lower = pieces[:-1], pieces[1:]
    changes = np.zeros(pieces.shape, np.int64)
    changes[:, 1:] = pieces[:, 1:] != pieces[:, :-1]
    return _Grid(
        straight=np.where(upper == lower, _STEP, _FAR).astype(np.int64),
        falling=np.where(upper[:, :-1] == lower[:, 1:], _DIAGONAL, _FAR).astype(np.int64),
        rising=np.where(upper[:, 1:] == lower[:, :-1], _DIAGONAL, _FAR).astype(np.int64),
        ramp=_APART * np.cumsum(changes, axis=1) + _STEP * np.arange(pieces.shape[1]),
    )


def _relax_downward(lengths: Integers, grid: _Grid) -> None:
    _relax_row(lengths[0], grid.ramp[0])
    for row in range(1, len(lengths)):
        here, above = lengths[row], lengths[row - 1]
        np.minimum(here, above + grid.straight[row - 1], out=here)
        np.minimum(here[1:], above[:-1] + grid.falling[row - 1], out=here[1:])
        np.minimum(here[:-1], above[1:] + grid.rising[row - 1], out=here[:-1])
        _relax_row(here, grid.ramp[row])


def _relax_upward(lengths: Integers, grid: _Grid) -> None:
    for row in range(len(lengths) - 2, -1, -1):
        here, below = lengths[row], lengths[row + 1]
        np.minimum(here, below + grid.straight[row], out=here)
        np.minimum(here[:-1], below[1:] + grid.falling[row], out=here[:-1])
        np.minimum(here[1:], below[:-1] + grid.rising[row], out=here[1:])
        _relax_row(here, grid.ramp[row])


def _relax_row(here: Integers, ramp: Integers) -> None:
    """Shorten what the other pixels of the row shorten, from the left and from the right."""
    here -= ramp
    np.minimum.accumulate(here, out=here)
    here += 2 * ramp
    backward = here[::-1]
    np.minimum.accumulate(backward, out=backward)
    here -= ramp
