"""What a network learns so that touching cells can be told apart: maps made from label images.

All cells of an image are done at once. A label in several pieces counts as several cells, for what
is not connected is not joined again. The edge of the image is no boundary, for a cell that it cuts
goes on beyond it; a hole is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label as connected

from softlight.data.random_walk import hitting_times

Labels = npt.NDArray[np.int32]
Maps = npt.NDArray[np.float32]

_CENTRAL = 0.75  # of the greatest depth: what a cell's central pixel has at least


def flow_targets(labels: Labels) -> Maps:
    """The way to the centre of its cell from each pixel (2, Y, X): unit vectors (y, x), 0 outside.

    It is the way along which the time of a random walk to the centre falls fastest. At the centre
    itself it is 0.
    """
    pieces, count = _pieces(labels)
    centres = _centres(pieces, count, _depth(pieces))
    # The root grows about evenly with the distance, so that differences of neighbours are exact.
    time = np.sqrt(hitting_times(pieces, centres)).astype(np.float32)
    slope = np.stack([_slope(time, pieces, axis) for axis in (0, 1)])
    slope[:, centres] = 0
    length = np.hypot(slope[0], slope[1])
    flow: Maps = np.divide(-slope, length, out=np.zeros_like(slope), where=length > 0)
    return flow


TARGETS: dict[str, Callable[[Labels], Maps]] = {
    "flow": flow_targets,
}


def _pieces(labels: Labels) -> tuple[Labels, int]:
    """Each connected piece of a label, numbered from 1, and how many there are."""
    if labels.ndim != 2:
        raise ValueError(f"The labels have shape {labels.shape}; they must be one plane (Y, X).")
    pieces, count = connected(  # type: ignore[no-untyped-call]
        labels, return_num=True, connectivity=2
    )
    return pieces.astype(np.int32), int(count)


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


def _centres(pieces: Labels, count: int, depth: Maps) -> npt.NDArray[np.bool_]:
    """The central pixel of each piece (Y, X): deep inside, and of such the next to the centroid."""
    flat = np.flatnonzero(pieces)
    piece = pieces.ravel()[flat]
    rows, columns = np.divmod(flat, pieces.shape[1])
    area = np.maximum(np.bincount(piece, minlength=count + 1), 1)
    middle_row = np.bincount(piece, rows, count + 1) / area
    middle_column = np.bincount(piece, columns, count + 1) / area
    deepest = np.zeros(count + 1, np.float32)
    np.maximum.at(deepest, piece, depth.ravel()[flat])
    deep = depth.ravel()[flat] >= _CENTRAL * deepest[piece]
    flat, piece, rows, columns = flat[deep], piece[deep], rows[deep], columns[deep]
    away = (rows - middle_row[piece]) ** 2 + (columns - middle_column[piece]) ** 2
    order = np.lexsort((away, piece))
    first = np.searchsorted(piece[order], np.arange(1, count + 1))
    centres = np.zeros(pieces.size, bool)
    centres[flat[order[first]]] = True
    return centres.reshape(pieces.shape)


def _slope(values: Maps, pieces: Labels, axis: int) -> Maps:
    """The mean change along the axis to and from the neighbours in the same piece."""
    values, pieces = np.moveaxis(values, axis, 0), np.moveaxis(pieces, axis, 0)
    same = pieces[1:] == pieces[:-1]
    step = np.where(same, values[1:] - values[:-1], np.float32(0))
    total, counted = np.zeros_like(values), np.zeros_like(values)
    for part in (np.s_[1:], np.s_[:-1]):
        total[part] += step
        counted[part] += same
    slope = (total / np.maximum(counted, 1)).astype(np.float32, copy=False)
    return np.moveaxis(slope, 0, axis)
