"""What a biologist asks of tracks: whole tracks, divisions, cell cycles: CT, TF, BC(i), CCA.

As the Cell Tracking Challenge computes them (Ulman et al., Nature Methods 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlight.evaluate.aogm import MatchedGraphs
from softlight.evaluate.track_graph import TrackGraph

Ints = NDArray[np.int64]


def complete_tracks(matched: MatchedGraphs) -> float:
    """CT: the F1 score of tracks followed from their first frame to their last; nan for none."""
    truth, predicted = matched.truth, matched.predicted
    total = len(truth.first) + len(predicted.first)
    if not total:
        return float("nan")
    track = _followed_by(matched)
    complete = 0
    for position, start in enumerate(truth.start):
        seen = track[start : start + truth.last[position] - truth.first[position] + 1]
        it = int(seen[0])
        if it < 0 or (seen != it).any():
            continue
        same = (predicted.first[it], predicted.last[it])
        complete += same == (truth.first[position], truth.last[position])
    return 2 * complete / total


def track_fractions(matched: MatchedGraphs) -> float:
    """TF: the longest unbroken part of a true track under one predicted track, as a mean.

    Tracks that were not found at all are left out; 0 where none was found.
    """
    truth = matched.truth
    track = _followed_by(matched)
    runs = np.flatnonzero(
        (np.diff(track, prepend=-2) != 0) | (np.diff(truth.track, prepend=-1) != 0)
    )
    length = np.diff(np.append(runs, len(track)))
    best: dict[tuple[int, int], float] = {}
    for start, count in zip(runs, length, strict=True):
        if track[start] < 0:
            continue
        mine = int(truth.track[start])
        fraction = float(count / (truth.last[mine] - truth.first[mine] + 1))
        key = (int(track[start]), mine)
        best[key] = max(best.get(key, 0.0), fraction)
    fractions: dict[int, float] = {}
    finished = -1
    for (found, mine), fraction in sorted(best.items()):
        # The Challenge looks no further once a predicted track has a true one from end to end.
        if found == finished:
            continue
        if fractions.get(mine) != 1.0:
            fractions[mine] = max(fractions.get(mine, 0.0), fraction)
            if fraction == 1.0:
                finished = found
    return float(np.mean(list(fractions.values()))) if fractions else 0.0


def _followed_by(matched: MatchedGraphs) -> Ints:
    """The predicted track of each true node, -1 where none or one that holds several cells."""
    node = matched.to_predicted_alone
    found = np.full(len(node), -1, dtype=np.int64)
    found[node >= 0] = matched.predicted.track[node[node >= 0]]
    return found


def branching(matched: MatchedGraphs, *, within: int) -> float:
    """BC(i): the F1 score of divisions found within i frames; nan without a true division.

    Mother and daughters must match the right cells, end and begin within i frames of theirs.
    """
    truth, predicted = matched.truth, matched.predicted
    true_mothers, mothers = truth.children > 1, predicted.children > 1
    total = int(true_mothers.sum() + mothers.sum())
    if not true_mothers.any():
        return float("nan")
    found = sum(
        _same_division(matched, int(true_mother), mother, within)
        for true_mother in np.flatnonzero(true_mothers)
        for mother in _candidates(matched, int(true_mother), within)
        if mothers[mother]
    )
    return 2 * found / total


def _candidates(matched: MatchedGraphs, true_mother: int, within: int) -> list[int]:
    """The predicted tracks that match a true one in the last frames of its life."""
    end = int(matched.truth.last[true_mother])
    nodes = [matched.truth.at(true_mother, frame) for frame in range(end - within, end + 1)]
    found = matched.to_predicted_alone[[node for node in nodes if node >= 0]]
    return sorted(set(matched.predicted.track[found[found >= 0]].tolist()))


def _same_division(matched: MatchedGraphs, true_mother: int, mother: int, within: int) -> bool:
    truth, predicted = matched.truth, matched.predicted
    if truth.children[true_mother] != predicted.children[mother]:
        return False
    if abs(truth.last[true_mother] - predicted.last[mother]) > within:
        return False
    frame = int(min(truth.last[true_mother], predicted.last[mother]))
    if not _same_cell(matched, true_mother, mother, frame):
        return False
    daughters = np.flatnonzero(predicted.parent == mother)
    taken = set()
    true_daughters = np.flatnonzero(truth.parent == true_mother)
    for true_daughter in true_daughters:
        for daughter in daughters:
            starts = int(truth.first[true_daughter]), int(predicted.first[daughter])
            if abs(starts[0] - starts[1]) <= within and _same_cell(
                matched, int(true_daughter), int(daughter), max(starts)
            ):
                taken.add(int(daughter))
                break
    return len(taken) == len(true_daughters)


def _same_cell(matched: MatchedGraphs, true_track: int, track: int, frame: int) -> bool:
    """Whether two tracks' cells in a frame match each other and nothing else."""
    node = matched.truth.at(true_track, frame)
    found = matched.predicted.at(track, frame)
    return node >= 0 and found >= 0 and int(matched.to_predicted_alone[node]) == found


def cell_cycle_accuracy(matched: MatchedGraphs) -> float:
    """CCA: 1 less the largest gap between the distributions of cell cycle lengths.

    nan where the truth has no whole cell cycle, 0 where the prediction has none.
    """
    true_lengths, lengths = _cycles(matched.truth), _cycles(matched.predicted)
    if not len(true_lengths):
        return float("nan")
    if not len(lengths):
        return 0.0
    at = np.arange(max(true_lengths.max(), lengths.max()) + 1)
    true_share = np.searchsorted(np.sort(true_lengths), at, side="right") / len(true_lengths)
    share = np.searchsorted(np.sort(lengths), at, side="right") / len(lengths)
    return float(1.0 - np.abs(true_share - share).max())


def _cycles(graph: TrackGraph) -> Ints:
    """Frames from birth by a division to the next division, of each track that has both."""
    born = (graph.parent >= 0) & (graph.children[graph.parent] > 1)
    whole = born & (graph.children > 1)
    return graph.last[whole] - graph.first[whole]
