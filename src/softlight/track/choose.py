"""The set of gaps and divisions that gains most, each end and each beginning used once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from softlight.track.assign import best_links
from softlight.track.events import Events

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def best_events(events: Events) -> Bools:
    """Which candidates are in the set of largest gain; exact.

    Where each takes one beginning this is an assignment. Divisions with two open daughters take
    two; the pieces of the problem with such are solved as a whole-number program.
    """
    chosen = np.zeros(len(events), bool)
    if not len(events):
        return chosen
    _, source = np.unique(events.source, return_inverse=True)
    pair = events.second_open
    ends = np.concatenate([events.first, events.second[pair]])
    _, begin = np.unique(ends, return_inverse=True)
    first, second = begin[: len(events)], begin[len(events) :]
    hard = _with_pairs(source, first, second, pair)
    easy = np.flatnonzero(~hard)
    chosen[easy] = best_links(*_best_of_pairs(source[easy], first[easy], events.gain[easy]))
    if hard.any():
        chosen[np.flatnonzero(hard)] = _whole_number(events, source, first, second, hard)
    return chosen


def _best_of_pairs(source: Ints, target: Ints, gain: NDArray[np.float64]) -> tuple:  # type: ignore[type-arg]
    """The candidates with all but the best of each (source, target) made worthless."""
    order = np.lexsort((-gain, target, source))
    again = (np.diff(source[order]) == 0) & (np.diff(target[order]) == 0)
    gain = gain.copy()
    gain[order[1:][again]] = 0.0
    return source, target, gain


def _with_pairs(source: Ints, first: Ints, second: Ints, pair: Bools) -> Bools:
    """Which candidates stand in one piece with a division of two open daughters."""
    sources = int(source.max()) + 1
    size = sources + int(max(first.max(), second.max(initial=0))) + 1
    rows = np.concatenate([source, source[pair]])
    columns = np.concatenate([first, second]) + sources
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    _, piece = connected_components(graph, directed=False)
    return np.isin(piece[source], piece[source[pair]])


def _whole_number(events: Events, source: Ints, first: Ints, second: Ints, hard: Bools) -> Bools:
    """The hard pieces, solved together."""
    where = np.full(len(events), -1, np.int64)
    where[events.second_open] = np.arange(int(events.second_open.sum()))
    index = np.flatnonzero(hard)
    sources = int(source.max()) + 1
    with_second = index[events.second_open[index]]
    column = np.searchsorted(index, with_second)
    rows = np.concatenate(
        [source[index], sources + first[index], sources + second[where[with_second]]]
    )
    columns = np.concatenate([np.arange(len(index)), np.arange(len(index)), column])
    used, row = np.unique(rows, return_inverse=True)
    table = coo_array((np.ones(len(row)), (row, columns)), shape=(len(used), len(index)))
    answer = milp(
        -events.gain[index],
        integrality=np.ones(len(index)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(table.tocsr(), -np.inf, 1),
    )
    return np.asarray(answer.x > 0.5)
