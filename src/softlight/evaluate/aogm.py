"""How many operations turn a predicted track graph into the true one: NS, FN, FP, ED, EA, EC.

After Matula et al., PLoS One 2015, with the Cell Tracking Challenge's weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from softlight.evaluate.track_graph import TrackGraph

Ints = NDArray[np.int64]

WEIGHTS = {"NS": 5.0, "FN": 10.0, "FP": 1.0, "ED": 1.0, "EA": 1.5, "EC": 1.0}


@dataclass(frozen=True)
class MatchedGraphs:
    """A true and a predicted graph, and the pairs of nodes that match.

    A true node is in one pair at most; a predicted one that covers several true cells is in
    several.
    """

    truth: TrackGraph
    predicted: TrackGraph
    truth_node: Ints
    predicted_node: Ints

    @cached_property
    def times(self) -> Ints:
        """How many true cells each predicted one matches."""
        return np.bincount(self.predicted_node, minlength=len(self.predicted.frame))

    @cached_property
    def to_predicted(self) -> Ints:
        """The predicted node that each true one matches, -1: none."""
        found = np.full(len(self.truth.frame), -1, dtype=np.int64)
        found[self.truth_node] = self.predicted_node
        return found

    @cached_property
    def to_predicted_alone(self) -> Ints:
        """The predicted node that matches this true one and no other, -1: none."""
        found = self.to_predicted.copy()
        found[self.truth_node[self.times[self.predicted_node] != 1]] = -1
        return found

    @cached_property
    def to_truth_alone(self) -> Ints:
        """The true node of each predicted one that matches exactly one, else -1."""
        found = np.full(len(self.predicted.frame), -1, dtype=np.int64)
        alone = self.times[self.predicted_node] == 1
        found[self.predicted_node[alone]] = self.truth_node[alone]
        return found


@dataclass(frozen=True)
class Edges:
    """The edges that are wrong, as positions in a graph's edges."""

    missing: Ints  # of the truth
    added: Ints  # of the prediction
    wrong_kind: Ints  # of the prediction


def wrong_edges(matched: MatchedGraphs) -> Edges:
    """Edges to add, to delete and to alter, of cells that match one to one."""
    true_from, true_to, true_kind = matched.truth.edges()
    from_, to, kind = matched.predicted.edges()
    nodes = max(len(matched.truth.frame), 1)
    true_key = true_from * nodes + true_to
    from_, to = matched.to_truth_alone[from_], matched.to_truth_alone[to]
    judged = np.flatnonzero((from_ >= 0) & (to >= 0))
    key = from_[judged] * nodes + to[judged]
    both, at_truth, at = np.intersect1d(true_key, key, assume_unique=True, return_indices=True)
    return Edges(
        missing=np.flatnonzero(~np.isin(true_key, both)),
        added=judged[~np.isin(key, both)],
        wrong_kind=judged[at][true_kind[at_truth] != kind[judged[at]]],
    )


def count_operations(matched: MatchedGraphs) -> dict[str, int]:
    """NS, FN, FP, ED, EA and EC: how often each operation is needed."""
    edges = wrong_edges(matched)
    return {
        "NS": int(np.maximum(matched.times - 1, 0).sum()),
        "FN": int((matched.to_predicted < 0).sum()),
        "FP": int((matched.times == 0).sum()),
        "ED": len(edges.added),
        "EA": len(edges.missing),
        "EC": len(edges.wrong_kind),
    }


def score_operations(counts: dict[str, int], *, nodes: int, edges: int) -> dict[str, float]:
    """DET, TRA and LNK: 1 less the cost over that of building the true graph from nothing.

    A score is nan where there is nothing to build.
    """
    detect = sum(WEIGHTS[name] * counts[name] for name in ("NS", "FN", "FP"))
    link = sum(WEIGHTS[name] * counts[name] for name in ("ED", "EA", "EC"))
    build_nodes, build_edges = WEIGHTS["FN"] * nodes, WEIGHTS["EA"] * edges
    return {
        "DET": _relative(detect, build_nodes),
        "TRA": _relative(detect + link, build_nodes + build_edges),
        "LNK": _relative(link, build_edges),
    }


def _relative(cost: float, whole: float) -> float:
    return 1.0 - min(cost, whole) / whole if whole else float("nan")
