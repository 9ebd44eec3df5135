"""The cells of a label image as runs of pixels along rows: a few numbers in place of many pixels.

All sums over a cell's pixels have a closed form on a run, so that the shape of every cell of a
frame comes from a handful of array operations, whatever the number of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.measure.errors import MeasureError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs ordered by cell, then by row, then by column; a cell is its index in ``labels``."""

    labels: Ints  # (N,) the label of each cell, ascending
    cell: Ints  # (R,) index of the cell
    row: Ints  # (R,)
    first: Ints  # (R,) first column
    last: Ints  # (R,) last column
    shape: tuple[int, int]

    @property
    def length(self) -> Ints:
        """Pixels in each run."""
        length: Ints = self.last - self.first + 1
        return length

    def total(self, values: Floats | Ints) -> Floats:
        """The sum of the runs' values over each cell."""
        return sums(self.cell, values, len(self.labels))

    def starts(self) -> Ints:
        """The index of each cell's first run."""
        found: Ints = np.searchsorted(self.cell, np.arange(len(self.labels)))
        return found

    def pixels(self) -> tuple[Ints, Ints]:
        """(cell, flat index into the image) of every pixel of every cell, in the runs' order."""
        length = self.length
        before = np.concatenate([[0], np.cumsum(length)[:-1]]) if len(length) else length
        begin = self.row * self.shape[1] + self.first
        flat = np.repeat(begin - before, length) + np.arange(int(length.sum()))
        return np.repeat(self.cell, length), flat


def sums(cell: Ints, values: NDArray[Any] | None, count: int) -> Floats:
    """The sum of the values, or their number, over each of so many cells; float also for none."""
    return np.bincount(cell, weights=values, minlength=count).astype(np.float64)


def runs_of(labels: NDArray[np.integer | np.bool_]) -> Runs:
    """The runs of a (Y, X) label image; 0 is background, values may be sparse and large."""
    plane = checked_labels(labels)
    height, width = plane.shape
    flat = plane.ravel()
    begins = np.empty(flat.size, bool)
    if flat.size:
        begins[0] = True
        np.not_equal(flat[1:], flat[:-1], out=begins[1:])
        begins[::width] = True  # a run ends with its row
    start = np.flatnonzero(begins)
    stop = np.append(start[1:], flat.size)
    value = flat[start]
    start, stop, value = start[value > 0], stop[value > 0], value[value > 0]
    names, cell = np.unique(value, return_inverse=True)
    order = np.argsort(cell, kind="stable")
    start, stop = start[order], stop[order]
    return Runs(
        labels=names.astype(np.int64),
        cell=cell[order].astype(np.int64),
        row=start // max(width, 1),
        first=start % max(width, 1),
        last=(stop - 1) % max(width, 1),
        shape=(height, width),
    )


def checked_labels(labels: NDArray[np.integer | np.bool_]) -> NDArray[np.integer]:
    """The labels if they are one plane of whole numbers from 0."""
    plane = np.asarray(labels)
    if plane.ndim != 2:
        raise MeasureError(
            f"The labels have shape {plane.shape}; they must be one plane (Y, X). Measure a movie "
            "frame by frame."
        )
    if plane.dtype == bool:
        return plane.astype(np.uint8)
    if not np.issubdtype(plane.dtype, np.integer):
        raise MeasureError(
            f"The labels are {plane.dtype}; they must be whole numbers, 0 for background. Labels "
            "saved as decimals can be rounded first; a probability must be split into cells."
        )
    if plane.size and (plane.min() < 0 or plane.max() >= 2**31):
        raise MeasureError(
            f"The labels hold {plane.min()} to {plane.max()}; they must be 0 for background and "
            "1 to 2147483647 for cells."
        )
    return plane
