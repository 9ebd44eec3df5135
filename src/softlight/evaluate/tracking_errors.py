"""Every error of a tracking as one row: what, where, which cells, and what it costs."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.evaluate.aogm import WEIGHTS, wrong_edges
from softlight.evaluate.track_graph import TrackGraph
from softlight.evaluate.tracking import Comparison

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ErrorKind = Literal[
    "missed", "added", "merged", "split", "edge missing", "edge added", "edge of wrong kind"
]
# The operation of the Challenge that undoes each kind.
OPERATION: dict[ErrorKind, str] = {
    "missed": "FN",
    "added": "FP",
    "split": "FP",
    "merged": "NS",
    "edge missing": "EA",
    "edge added": "ED",
    "edge of wrong kind": "EC",
}
COLUMNS = (
    "kind",
    "frame",
    "truth_label",
    "predicted_label",
    "y_px",
    "x_px",
    "from_frame",
    "from_label",
    "from_y_px",
    "from_x_px",
    "cost",
)


def list_errors(comparison: Comparison) -> pd.DataFrame:
    """All errors by frame; the costs add up to those of which TRA is made.

    A label of 0 is none. A true cell covered by another's prediction is "merged", one row for each
    true cell too many. A predicted cell that matches none is "split" if most of it lies in a true
    cell that holds another prediction too, else "added". An edge is named by the cell that it
    leads to; ``from_…`` say where it comes from.
    """
    lists = _Lister(comparison)
    parts = [*lists.cells(), *lists.links()]
    table = pd.concat([part for part in parts if len(part)] or [parts[0]], ignore_index=True)
    whole = ["frame", "truth_label", "predicted_label", "from_frame", "from_label"]
    table = table.reindex(columns=list(COLUMNS)).astype(dict.fromkeys(whole, "Int64"))
    return table.sort_values(["frame", "kind"], kind="stable", ignore_index=True)


class _Lister:
    """The cells of both graphs with their places, and tables of what is wrong with them."""

    def __init__(self, comparison: Comparison) -> None:
        self._matched = comparison.graphs
        overlaps = comparison.overlaps
        truth = [item.truth for item in overlaps]
        predicted = [item.predicted for item in overlaps]
        self._true_at = _in_node_order(
            self._matched.truth, [np.stack([c.y, c.x], 1)[c.scored] for c in truth]
        )
        self._at = _in_node_order(
            self._matched.predicted, [np.stack([c.y, c.x], 1)[c.scored] for c in predicted]
        )
        self._overlaps = overlaps

    def cells(self) -> list[pd.DataFrame]:
        """Tables of missed, added, split and merged cells."""
        matched = self._matched
        alone = np.flatnonzero(matched.times == 0)
        piece = self._pieces()[alone]
        return [
            self._table("missed", true_node=np.flatnonzero(matched.to_predicted < 0)),
            self._table("added", node=alone[~piece]),
            self._table("split", node=alone[piece]),
            self._merged(),
        ]

    def links(self) -> list[pd.DataFrame]:
        """Tables of missing and added edges and of those of the wrong kind."""
        edges = wrong_edges(self._matched)
        true_from, true_to, _ = self._matched.truth.edges()
        from_, to, _ = self._matched.predicted.edges()
        return [
            self._table(
                "edge missing", true_node=true_to[edges.missing], origin=true_from[edges.missing]
            ),
            self._table("edge added", node=to[edges.added], origin=from_[edges.added]),
            self._table(
                "edge of wrong kind", node=to[edges.wrong_kind], origin=from_[edges.wrong_kind]
            ),
        ]

    def _table(
        self,
        kind: ErrorKind,
        *,
        true_node: Ints | None = None,
        node: Ints | None = None,
        origin: Ints | None = None,
    ) -> pd.DataFrame:
        """Rows of true or predicted cells, with the match of each where it has one."""
        truth, predicted = self._matched.truth, self._matched.predicted
        if true_node is not None:
            graph, at, own = truth, self._true_at, true_node
            other = _labels(predicted, self._matched.to_predicted[true_node])
            labels = {"truth_label": truth.label[true_node], "predicted_label": other}
        else:
            assert node is not None
            graph, at, own = predicted, self._at, node
            other = _labels(truth, self._matched.to_truth_alone[node])
            labels = {"truth_label": other, "predicted_label": predicted.label[node]}
        rows = pd.DataFrame(
            {
                "kind": [kind] * len(own),
                "frame": graph.frame[own],
                **labels,
                "y_px": at[own, 0],
                "x_px": at[own, 1],
                "cost": WEIGHTS[OPERATION[kind]],
            }
        )
        if origin is not None:
            rows = rows.assign(
                from_frame=graph.frame[origin],
                from_label=graph.label[origin],
                from_y_px=at[origin, 0],
                from_x_px=at[origin, 1],
            )
        return rows

    def _merged(self) -> pd.DataFrame:
        """A row for each true cell that a prediction covers beside another, larger part of it."""
        matched = self._matched
        several = np.flatnonzero(matched.times[matched.predicted_node] > 1)
        shared = self._shared()[several]
        order = np.lexsort((-shared, matched.predicted_node[several]))
        nodes = matched.predicted_node[several][order]
        extra = several[order][np.flatnonzero(np.diff(nodes, prepend=-1) == 0)]
        return self._table("merged", true_node=matched.truth_node[extra])

    def _shared(self) -> Ints:
        """The pixels that each matched pair shares."""
        found = [item.pairs.shared[item.matched()] for item in self._overlaps]
        return np.concatenate([*found, np.empty(0, dtype=np.int64)])

    def _pieces(self) -> NDArray[np.bool_]:
        """Which predicted cells lie mostly in a true cell that most of another lies in, too."""
        found = []
        for item in self._overlaps:
            pairs = item.pairs
            most = 2 * pairs.shared > pairs.predicted_area[pairs.predicted_index]
            inside = most | item.matched()
            held = np.bincount(pairs.truth_index[inside], minlength=len(item.truth.label))
            piece = np.zeros(len(item.predicted.label), dtype=bool)
            shares = most & (held[pairs.truth_index] > 1)
            piece[pairs.predicted_index[shares]] = True
            found.append(piece[item.predicted.scored])
        return _in_node_order(self._matched.predicted, found)


def _in_node_order(graph: TrackGraph, per_frame: list[NDArray[np.generic]]) -> NDArray:  # type: ignore[type-arg]
    """Values of the cells frame by frame, put into the order of the graph's nodes."""
    values = np.concatenate(per_frame)
    ordered = np.empty_like(values)
    ordered[graph.node] = values
    return ordered


def _labels(graph: TrackGraph, nodes: Ints) -> Ints:
    """The labels of nodes, 0 for -1."""
    if not len(graph.label):
        return np.zeros(len(nodes), dtype=np.int64)
    return np.where(nodes >= 0, graph.label[nodes], 0)
