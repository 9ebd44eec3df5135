"""Scores of tracked cells against a truth, as the Cell Tracking Challenge defines them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.evaluate.aogm import MatchedGraphs, count_operations, score_operations
from softlight.evaluate.biological import (
    branching,
    cell_cycle_accuracy,
    complete_tracks,
    track_fractions,
)
from softlight.evaluate.chota import chota
from softlight.evaluate.divisions import division_f1
from softlight.evaluate.frame_overlap import FrameOverlap, overlap_frame
from softlight.evaluate.track_graph import (
    TrackedFrames,
    TrackGraph,
    TrackingError,
    build_graph,
    check_tracks,
    rule_breaches,
)

Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]

MOST_FRAMES_OFF = 3  # of a division: BC(0) … BC(3)


@dataclass(frozen=True)
class Comparison:
    """A truth and a prediction, cell by cell: what all scores are counted from."""

    graphs: MatchedGraphs
    overlaps: tuple[FrameOverlap, ...]  # of each frame
    gold_iou: NDArray[np.float64]  # of each gold cell, 0: not found
    breaches: tuple[str, ...] = ()  # of the Challenge's rules, by the prediction


def score_tracking(
    truth: TrackedFrames,
    predicted: TrackedFrames,
    *,
    gold: Mapping[int, NDArray[Any]] | None = None,
    border_px: int = 0,
) -> dict[str, float]:
    """SEG, DET, TRA, LNK, CT, TF, BC(i), CCA, CHOTA, division F1 and counts of errors.

    Args:
        truth: true labels, or markers, and tracks.
        predicted: as many frames of the same size.
        gold: frames with outlines for SEG; without them SEG is nan.
        border_px: cells wholly this near to the edge are left out on both sides.
    """
    return scores(compare_tracking(truth, predicted, gold=gold, border_px=border_px))


def compare_tracking(
    truth: TrackedFrames,
    predicted: TrackedFrames,
    *,
    gold: Mapping[int, NDArray[Any]] | None = None,
    border_px: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """The matched cells of all frames; each frame is read once and forgotten."""
    frames = len(truth.labels)
    if frames == 0 or len(predicted.labels) != frames:
        raise TrackingError(
            f"The truth has {frames} frames and the prediction {len(predicted.labels)}; both need "
            "the same frames, at least one."
        )
    _check_gold(gold, frames)
    overlaps: list[FrameOverlap] = []
    gold_iou: list[NDArray[np.float64]] = []
    for frame in range(frames):
        found = predicted.labels[frame]
        where = f"Frame {frame}"
        overlaps.append(overlap_frame(truth.labels[frame], found, border_px=border_px, where=where))
        if gold is not None and frame in gold:
            outlines = overlap_frame(
                gold[frame], found, border_px=border_px, where=f"{where} of the gold outlines"
            )
            gold_iou.append(_best_iou(outlines))
        if progress is not None:
            progress(frame + 1, frames)
    check_tracks([item.truth.label for item in overlaps], truth.tracks, what="truth")
    check_tracks([item.predicted.label for item in overlaps], predicted.tracks, what="prediction")
    return Comparison(
        graphs=_match(overlaps, truth, predicted),
        overlaps=tuple(overlaps),
        gold_iou=np.concatenate([*gold_iou, np.empty(0)]),
        breaches=tuple(rule_breaches([item.predicted.label for item in overlaps])),
    )


def scores(comparison: Comparison) -> dict[str, float]:
    """All scores of a comparison by name; nan where one is not defined."""
    iou = comparison.gold_iou
    return {
        "valid": float(not comparison.breaches),
        "SEG": float(iou.mean()) if len(iou) else float("nan"),
        **score_graphs(comparison.graphs),
    }


def score_graphs(graphs: MatchedGraphs) -> dict[str, float]:
    """All scores but SEG, and counts of errors, of two graphs whose cells are matched."""
    counts = count_operations(graphs)
    nodes, edges = len(graphs.truth.frame), len(graphs.truth.edges()[0])
    result = score_operations(counts, nodes=nodes, edges=edges)
    result["CT"] = complete_tracks(graphs)
    result["TF"] = track_fractions(graphs)
    for within in range(MOST_FRAMES_OFF + 1):
        result[f"BC({within})"] = branching(graphs, within=within)
    result["CCA"] = cell_cycle_accuracy(graphs)
    result["CHOTA"] = chota(graphs)
    for within, score in enumerate(division_f1(graphs, up_to=MOST_FRAMES_OFF)):
        result[f"division_F1({within})"] = score
    return result | {name: float(count) for name, count in counts.items()}


def _check_gold(gold: Mapping[int, Any] | None, frames: int) -> None:
    outside = [frame for frame in gold or () if not 0 <= frame < frames]
    if outside:
        raise TrackingError(
            f"There are gold outlines of frame {outside[0]}, but only the frames 0 to {frames - 1}."
        )


def _best_iou(overlap: FrameOverlap) -> NDArray[np.float64]:
    """The intersection over union of each gold cell with the cell on more than half of it."""
    best = np.zeros(len(overlap.truth.label))
    matched = overlap.matched()
    best[overlap.pairs.truth_index[matched]] = overlap.pairs.iou[matched]
    return best[overlap.truth.scored]


def _match(
    overlaps: Sequence[FrameOverlap], truth: TrackedFrames, predicted: TrackedFrames
) -> MatchedGraphs:
    """Both graphs and the matching pairs of their nodes."""
    true_cells = [item.truth.label[item.truth.scored] for item in overlaps]
    cells = [item.predicted.label[item.predicted.scored] for item in overlaps]
    true_graph = build_graph(true_cells, truth.tracks)
    graph = build_graph(cells, predicted.tracks)
    true_at, at = [], []
    for item in overlaps:
        matched = item.matched()
        true_at.append(_place(item.truth.scored)[item.pairs.truth_index[matched]])
        at.append(_place(item.predicted.scored)[item.pairs.predicted_index[matched]])
    return MatchedGraphs(
        true_graph,
        graph,
        _nodes(true_graph, true_cells, true_at),
        _nodes(graph, cells, at),
    )


def _place(scored: NDArray[np.bool_]) -> Ints:
    """The place of each scored cell among those that are scored."""
    return np.cumsum(scored) - 1


def _nodes(graph: TrackGraph, cells: Sequence[Ints], places: Sequence[Ints]) -> Ints:
    """The nodes of cells that are given by their place in each frame."""
    offsets = np.cumsum([0, *(len(labels) for labels in cells)])
    flat = [place + offset for place, offset in zip(places, offsets, strict=False)]
    nodes: Ints = graph.node[np.concatenate([*flat, np.empty(0, dtype=np.int64)])]
    return nodes
