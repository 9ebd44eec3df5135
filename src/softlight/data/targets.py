"""What a network learns so that touching cells can be told apart: maps made from label images.

All cells of an image are done at once. A label in several pieces counts as several cells, for what
is not connected is not joined again. The edge of the image is no boundary, for a cell that it cuts
goes on beyond it; a hole is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label as connected

from softlight.data.geodesic import path_lengths

Labels = npt.NDArray[np.int32]
Maps = npt.NDArray[np.float32]

_CENTRAL = 0.75  # of the greatest depth; of pixels so deep the one next to the centroid is central


class _Cells(NamedTuple):
    pieces: Labels  # (Y, X) each connected piece of a label, 1 to count
    count: int
    depth: Maps  # (Y, X) distance to the boundary in pixels, 1 at it, 0 outside of cells
    path: Maps  # (Y, X) distance to the centre in pixels along paths within the cell, 0 outside


def distance_targets(labels: Labels) -> Maps:
    """How deep in its cell and how near its centre each pixel is (2, Y, X), 0 to 1; 0 outside.

    Depth is the distance to the nearest pixel outside of the cell, touching neighbours included, by
    the greatest in the cell: above 0 at the cell's edge and 1 in its depth. Nearness is 1 at the
    centre and falls along paths within the cell to 0 at its farthest pixel.
    """
    cells = _cells(labels)
    inside = cells.pieces > 0
    deepest = _largest(cells.depth, cells)[cells.pieces]
    farthest = _largest(cells.path, cells)[cells.pieces]
    depth = np.divide(cells.depth, deepest, out=np.zeros_like(cells.depth), where=inside)
    away = np.divide(cells.path, farthest, out=np.zeros_like(cells.path), where=farthest > 0)
    return np.stack([depth, np.where(inside, 1 - away, 0)]).astype(np.float32)


def flow_targets(labels: Labels) -> Maps:
    """The way to the centre of its cell from each pixel (2, Y, X): unit vectors (y, x), 0 outside.

    They descend the length of the shortest path within the cell, smoothed a little; at the centre
    itself, where all ways are as good, they are 0.
    """
    cells = _cells(labels)
    slope = np.stack([_slope(cells.path, cells.pieces, axis) for axis in (0, 1)])
    for _ in range(2):
        slope = np.stack([_smooth(part, cells.pieces) for part in slope])
    length = np.sqrt((slope**2).sum(axis=0))
    flow: Maps = np.divide(-slope, length, out=np.zeros_like(slope), where=length > 1e-3)
    return flow


TARGETS: dict[str, Callable[[Labels], Maps]] = {
    "distance": distance_targets,
    "flow": flow_targets,
}


def _cells(labels: Labels) -> _Cells:
    if labels.ndim != 2:
        raise ValueError(f"Labels have shape {labels.shape}; one plane (Y, X) is needed.")
    pieces, count = connected(  # type: ignore[no-untyped-call]
        labels, return_num=True, connectivity=2
    )
    pieces = pieces.astype(np.int32)
    depth = _depth(pieces)
    centre = np.zeros(pieces.size, bool)
    centre[_centres(pieces, count, depth)] = True
    path = path_lengths(pieces, centre.reshape(pieces.shape))
    return _Cells(pieces, count, depth, np.where(pieces > 0, path, 0).astype(np.float32))


def _depth(pieces: Labels) -> Maps:
    """Distance to the nearest pixel of another piece or of the background, in pixels.

    Measured to the edge pixels of all pieces, of its own or not: for the edge of a neighbour is
    always farther than one's own.
    """
    edge = np.zeros(pieces.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = pieces[one] != pieces[other]
        edge[one] |= differ
        edge[other] |= differ
    edge &= pieces > 0
    if not edge.any():  # nothing, or a single cell all over
        return (pieces > 0).astype(np.float32)
    depth = ndimage.distance_transform_edt(~edge) + 1
    return np.where(pieces > 0, depth, 0).astype(np.float32)


def _centres(pieces: Labels, count: int, depth: Maps) -> npt.NDArray[np.intp]:
    """The flat index of the central pixel of each piece: deep inside, and near the centroid."""
    flat = np.flatnonzero(pieces)
    piece = pieces.ravel()[flat]
    rows, columns = np.divmod(flat, pieces.shape[1])
    area = np.maximum(np.bincount(piece, minlength=count + 1), 1)
    middle_row = np.bincount(piece, rows, count + 1) / area
    middle_column = np.bincount(piece, columns, count + 1) / area
    deepest = np.zeros(count + 1, np.float32)
    np.maximum.at(deepest, piece, depth.ravel()[flat])
    away = (rows - middle_row[piece]) ** 2 + (columns - middle_column[piece]) ** 2
    away[depth.ravel()[flat] < _CENTRAL * deepest[piece]] = np.inf
    order = np.lexsort((away, piece))
    first = np.searchsorted(piece[order], np.arange(1, count + 1))
    return flat[order[first]]


def _largest(values: Maps, cells: _Cells) -> Maps:
    """The largest value in each piece, by its number."""
    largest = np.zeros(cells.count + 1, np.float32)
    np.maximum.at(largest, cells.pieces.ravel(), values.ravel())
    return largest


def _slope(path: Maps, pieces: Labels, axis: int) -> Maps:
    """The change along the axis, between neighbours of the same piece."""
    values, same = np.moveaxis(path, axis, 0), np.moveaxis(pieces, axis, 0)
    step = np.where(same[1:] == same[:-1], values[1:] - values[:-1], np.float32(0))
    number = (same[1:] == same[:-1]).astype(np.float32)
    total, counted = np.zeros_like(values), np.zeros_like(values)
    total[1:] += step
    total[:-1] += step
    counted[1:] += number
    counted[:-1] += number
    slope: Maps = np.moveaxis(total / np.maximum(counted, 1), 0, axis)
    return slope


def _smooth(values: Maps, pieces: Labels) -> Maps:
    """The mean over each pixel and its four neighbours in the same piece."""
    total, counted = values.copy(), np.ones_like(values)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        same = (pieces[one] == pieces[other]).astype(np.float32)
        total[one] += same * values[other]
        total[other] += same * values[one]
        counted[one] += same
        counted[other] += same
    return total / counted
