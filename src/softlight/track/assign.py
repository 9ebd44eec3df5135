"""Sparse assignment: of many possible links the set that gains most, each end used once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
WHOLE_LIMIT = 5000  # rows that are solved at once; above, independent pieces are quicker ...
BATCH_ROWS = 2000  # ... so many rows of them at a time, since each solving has a cost of its own


def best_links(sources: Ints, targets: Ints, gains: Floats) -> Bools:
    """Which candidates are in the set of largest total gain, each source and target used once.

    The answer is exact. A candidate without a gain above 0 is never chosen, and no pair of source
    and target may come twice.

    Args:
        sources: index of the earlier cell of each candidate.
        targets: index of the later cell.
        gains: what the link gains over leaving both ends open.
    """
    chosen = np.zeros(len(gains), bool)
    useful = np.flatnonzero(gains > 0)
    if not useful.size:
        return chosen
    rows, row = np.unique(sources[useful], return_inverse=True)
    columns, column = np.unique(targets[useful], return_inverse=True)
    shape = (len(rows), len(columns))
    if len(rows) <= WHOLE_LIMIT:
        chosen[useful[_matching(row, column, gains[useful], shape)]] = True
        return chosen
    for part in _batches(row, column, shape):
        inner_rows, inner_row = np.unique(row[part], return_inverse=True)
        inner_columns, inner_column = np.unique(column[part], return_inverse=True)
        size = (len(inner_rows), len(inner_columns))
        best = _matching(inner_row, inner_column, gains[useful[part]], size)
        chosen[useful[part[best]]] = True
    return chosen


def _batches(row: Ints, column: Ints, shape: tuple[int, int]) -> list[Ints]:
    """The candidates in batches that share no end, each of few rows unless a piece has more."""
    size = sum(shape)
    graph = coo_array((np.ones(len(row), np.int8), (row, column + shape[0])), shape=(size, size))
    pieces, piece = connected_components(graph, directed=False)
    rows_before = np.cumsum(np.bincount(piece[: shape[0]], minlength=pieces))
    batch = (rows_before // BATCH_ROWS)[piece[row]]
    order = np.argsort(batch, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(batch[order])) + 1)


def _matching(row: Ints, column: Ints, gain: Floats, shape: tuple[int, int]) -> Ints:
    """Indices of the best candidates; every row has a dummy partner, so that it may stay open."""
    height, width = shape
    cost = 1 + gain.max() - gain  # above 0, since a stored 0 is no entry
    dummy = np.full(height, 1 + gain.max())
    rows = np.concatenate([row, np.arange(height)])
    columns = np.concatenate([column, width + np.arange(height)])
    table = csr_array(
        (np.concatenate([cost, dummy]), (rows, columns)), shape=(height, width + height)
    )
    matched_row, matched = min_weight_full_bipartite_matching(table)
    real = matched < width
    key = matched_row[real].astype(np.int64) * width + matched[real]
    candidates = row * width + column
    order = np.argsort(candidates)
    found: Ints = order[np.searchsorted(candidates[order], key)]
    return found
