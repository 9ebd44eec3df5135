"""CHOTA: how well cells are found and whole lineages kept together (Kaiser et al., 2024)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from softlight.evaluate.aogm import MatchedGraphs
from softlight.evaluate.track_graph import TrackGraph

Ints = NDArray[np.int64]


def chota(matched: MatchedGraphs) -> float:
    """CHOTA from 0 to 1; nan where neither side has a cell.

    A track belongs with all its ancestors and descendants; a track with a single child is one
    track with it.
    """
    truth, predicted = (
        _without_single_links(matched.truth),
        _without_single_links(matched.predicted),
    )
    true_at = truth.of[matched.truth.track]
    found_at = predicted.of[matched.predicted.track]
    missed = np.bincount(true_at[matched.to_predicted < 0], minlength=truth.size)
    added = np.bincount(found_at[matched.times == 0], minlength=predicted.size)
    pairs = len(matched.truth_node)
    everything = pairs + int(missed.sum()) + int(added.sum())
    if everything == 0:
        return float("nan")
    shared = csr_array(
        (
            np.ones(pairs),
            (true_at[matched.truth_node], found_at[matched.predicted_node]),
        ),
        shape=(truth.size, predicted.size),
    )
    shared.sum_duplicates()
    true_kin, found_kin = truth.kin(), predicted.kin()
    true_total = true_kin @ (np.asarray(shared.sum(axis=1)).ravel() + missed)
    found_total = found_kin @ (np.asarray(shared.sum(axis=0)).ravel() + added)
    row, column = shared.nonzero()
    both = np.asarray((true_kin @ shared @ found_kin.T).tocsr()[row, column]).ravel()
    count = np.asarray(shared[row, column]).ravel()
    agreement = both / (true_total[row] + found_total[column] - both)
    return float(np.sqrt((count * agreement).sum() / everything))


class _Family:
    """Tracks with single children joined: the joined track of each, and each one's mother."""

    def __init__(self, of: Ints, parent: Ints) -> None:
        self.of = of
        self._parent = parent
        self.size = len(parent)

    def kin(self) -> csr_array:
        """For each track, 1 for itself, its ancestors and its descendants."""
        me, ancestor = [np.arange(self.size)], [np.arange(self.size)]
        above = self._parent.copy()
        while (above >= 0).any():
            has = np.flatnonzero(above >= 0)
            me.append(has)
            ancestor.append(above[has])
            above = np.where(above >= 0, self._parent[above], -1)
        rows, columns = np.concatenate(me), np.concatenate(ancestor)
        upward = csr_array((np.ones(len(rows)), (rows, columns)), shape=(self.size, self.size))
        both = upward + upward.T
        both.data[:] = 1.0
        return both.tocsr()


def _without_single_links(graph: TrackGraph) -> _Family:
    count = len(graph.parent)
    joined = (graph.parent >= 0) & (graph.children[graph.parent] == 1)
    head = np.where(joined, graph.parent, np.arange(count))
    while True:
        further = head[head]
        if np.array_equal(further, head):
            break
        head = further
    heads, of = np.unique(head, return_inverse=True)
    parent = graph.parent[heads]
    return _Family(of, np.where(parent >= 0, of[parent], -1) if count else parent)
