"""Division F1: divisions found in the right frame, or up to some frames early or late.

As in traccuracy: the mother's cell must match, and each daughter must be followed to a cell that
matches a descendant of the right mother. Of predicted cells that cover several true ones, none
matches.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from softlight.evaluate.aogm import MatchedGraphs
from softlight.evaluate.track_graph import TrackGraph

Ints = NDArray[np.int64]


def division_f1(matched: MatchedGraphs, *, up_to: int) -> list[float]:
    """The F1 score of divisions, counted where they are off by at most 0, 1 … ``up_to`` frames.

    nan where neither the truth nor the prediction has a division.
    """
    truth, found = _Side(matched.truth), _Side(matched.predicted)
    total = len(truth.mothers) + len(found.mothers)
    if not total:
        return [float("nan")] * (up_to + 1)
    to_found, to_truth = matched.to_predicted_alone, matched.to_truth_alone
    correct, missed, added = _in_place(truth, found, to_found)
    by_frame: dict[int, list[int]] = defaultdict(list)
    for mother in sorted(missed):
        by_frame[int(truth.frame[mother])].append(mother)
    scores = [2 * correct / total]
    for shift in range(1, up_to + 1):
        for mother in sorted(added):
            frame = int(found.frame[mother])
            late = (m for m in by_frame[frame + shift] if m in missed)
            early = (m for m in by_frame[frame - shift] if m in missed)
            same = next((m for m in late if _later(found, mother, to_truth, truth, m)), -1)
            if same < 0:
                same = next((m for m in early if _later(truth, m, to_found, found, mother)), -1)
            if same >= 0:
                correct += 1
                added.discard(mother)
                missed.discard(same)
        scores.append(2 * correct / total)
    return scores


class _Side:
    """One graph: which node divides, who comes before and after."""

    def __init__(self, graph: TrackGraph) -> None:
        self.frame = graph.frame
        self.before = np.full(len(graph.frame), -1, dtype=np.int64)
        self.after: dict[int, list[int]] = defaultdict(list)
        source, target, _ = graph.edges()
        self.before[target] = source
        for mother, daughter in zip(source.tolist(), target.tolist(), strict=True):
            self.after[mother].append(daughter)
        self.mothers = [node for node, daughters in self.after.items() if len(daughters) > 1]

    def descends(self, node: int, ancestor: int) -> bool:
        """Whether a node is the ancestor or comes after it."""
        while node >= 0 and self.frame[node] >= self.frame[ancestor]:
            if node == ancestor:
                return True
            node = int(self.before[node])
        return False

    def back(self, node: int, steps: int) -> int:
        """The node so many edges before, -1: none."""
        for _ in range(steps):
            if node < 0:
                break
            node = int(self.before[node])
        return node


def _in_place(truth: _Side, found: _Side, to_found: Ints) -> tuple[int, set[int], set[int]]:
    """How many divisions are right in their frame, true ones not found, found ones not true."""
    correct = 0
    missed: set[int] = set()
    added = set(found.mothers)
    dividing = set(found.mothers)
    for mother in truth.mothers:
        match = int(to_found[mother])
        if match not in dividing:
            missed.add(mother)
            continue
        added.discard(match)
        daughters = set(found.after[match])
        correct += sum(int(to_found[child]) in daughters for child in truth.after[mother]) == 2
    return correct, missed, added


def _later(early: _Side, mother: int, to_late: Ints, late: _Side, late_mother: int) -> bool:
    """Whether a division of one side is that of the other, some frames before it."""
    steps = int(late.frame[late_mother] - early.frame[mother])
    same = late.back(late_mother, steps)
    if same < 0 or int(to_late[mother]) != same:
        return False
    return sum(_arrives(early, child, to_late, late, same) for child in early.after[mother]) == 2


def _arrives(early: _Side, node: int, to_late: Ints, late: _Side, ancestor: int) -> bool:
    """Whether a daughter, until it divides, is ever a cell that descends from the ancestor."""
    while True:
        match = int(to_late[node])
        if match >= 0 and late.descends(match, ancestor):
            return True
        following = early.after.get(node, [])
        if len(following) != 1:
            return False
        node = following[0]
