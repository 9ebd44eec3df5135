"""Who lies beside whom in a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from softlight.measure.runs import Floats, Ints, Runs

NEARBY_DIAMETERS = 2.0


def neighbour_columns(
    runs: Runs,
    labels: NDArray[np.integer],
    *,
    centres: Floats,
    nearby_px: float | None = None,
) -> dict[str, Floats | Ints]:
    """How many cells touch each one, how many centres are near, and how far the nearest is.

    Args:
        runs: the cells.
        labels: their label image.
        centres: (N, 2) centroids in pixels.
        nearby_px: centres within this distance are near; by default twice the median diameter of
            the frame's cells.
    """
    count = len(runs.labels)
    touching = np.zeros(count, np.int64)
    pairs = touching_pairs(labels)
    if len(pairs):
        touching = np.bincount(np.searchsorted(runs.labels, pairs).ravel(), minlength=count)
    if count < 2:
        nearby, nearest = np.zeros(count, np.int64), np.full(count, np.nan)
        return {"touching_count": touching, "nearby_count": nearby, "nearest_px": nearest}
    if nearby_px is None:
        median_area = float(np.median(runs.total(runs.length)))
        nearby_px = NEARBY_DIAMETERS * float(np.sqrt(4 * median_area / np.pi))
    tree = KDTree(centres)
    near = tree.query_ball_point(centres, nearby_px, return_length=True) - 1
    return {
        "touching_count": touching,
        "nearby_count": near.astype(np.int64),
        "nearest_px": tree.query(centres, k=2)[0][:, 1],
    }


def touching_pairs(labels: NDArray[np.integer]) -> Ints:
    """(P, 2) labels, each row ascending, that touch by a side or a corner."""
    below, right = np.s_[1:, :], np.s_[:, 1:]
    above, left = np.s_[:-1, :], np.s_[:, :-1]
    shifts = ((above, below), (left, right), (np.s_[:-1, :-1], np.s_[1:, 1:]))
    found = []
    for one, other in (*shifts, (np.s_[:-1, 1:], np.s_[1:, :-1])):
        p, q = labels[one], labels[other]
        at = np.nonzero((p != q) & (p > 0) & (q > 0))
        a, b = p[at].astype(np.int64), q[at].astype(np.int64)
        found.append(np.minimum(a, b) << 32 | np.maximum(a, b))
    # Both labels in one number: sorting numbers is many times faster than sorting rows.
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs >> 32, pairs & 0xFFFFFFFF], axis=1)


def border_contact(runs: Runs) -> NDArray[np.bool_]:
    """True for cells with a pixel in the image's first or last row or column."""
    height, width = runs.shape
    at_edge = (runs.row == 0) | (runs.row == height - 1)
    at_edge |= (runs.first == 0) | (runs.last == width - 1)
    touches: NDArray[np.bool_] = runs.total(at_edge.astype(np.int64)) > 0
    return touches
