"""How long a random walk within a cell takes to its centre, for all cells of an image at once.

Unlike the length of the shortest path it has no kinks and no slope into the boundary, so the way
downhill never ends but at the centre, and runs along the middle of thin processes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

_STRAIGHT, _SLANTED = 1.0, 0.25  # how often a walk goes each way: a slanted step is twice a square


def hitting_times(
    pieces: npt.NDArray[np.int32], start: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """The expected length (Y, X) of a random walk from each pixel to its piece's start pixels.

    The walk goes from pixel to pixel of the same piece. 0 outside of the pieces. Every piece needs
    a start pixel. One sparse symmetric system is solved: as the pieces do not touch each other in
    it, time and memory grow with the pixels of the pieces, not with their product.
    """
    inside = np.flatnonzero(pieces)
    times = np.zeros(pieces.size)
    if inside.size:
        index = np.full(pieces.size, -1, np.int32)
        index[inside] = np.arange(inside.size, dtype=np.int32)
        ends = start.ravel()[inside]
        matrix = _laplacian(pieces, index.reshape(pieces.shape), ends)
        # Of symmetric matrices like this one, the minimum degree order fills in least.
        factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        times[inside] = factors.solve(np.where(ends, 0.0, 1.0))
    return np.maximum(times, 0).reshape(pieces.shape)


def _laplacian(
    pieces: npt.NDArray[np.int32], index: npt.NDArray[np.int32], ends: npt.NDArray[np.bool_]
) -> csc_array:
    """What leaves each pixel less what comes from its neighbours; at the ends, the time itself."""
    firsts, seconds, weights = [], [], []
    for one, other, often in (
        (np.s_[:, :-1], np.s_[:, 1:], _STRAIGHT),
        (np.s_[:-1], np.s_[1:], _STRAIGHT),
        (np.s_[:-1, :-1], np.s_[1:, 1:], _SLANTED),
        (np.s_[:-1, 1:], np.s_[1:, :-1], _SLANTED),
    ):
        same = (pieces[one] == pieces[other]) & (pieces[one] > 0)
        firsts.append(index[one][same])
        seconds.append(index[other][same])
        weights.append(np.full(firsts[-1].size, often))
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    weight = np.concatenate(weights)
    count = ends.size
    leaving = np.bincount(first, weight, count) + np.bincount(second, weight, count)
    between = ~ends[first] & ~ends[second]  # the time at an end is 0 and adds nothing
    first, second, weight = first[between], second[between], weight[between]
    own = np.arange(count)
    return csc_array(
        (
            np.concatenate([-weight, -weight, np.where(ends, 1.0, leaving)]),
            (np.concatenate([first, second, own]), np.concatenate([second, first, own])),
        ),
        shape=(count, count),
    )
