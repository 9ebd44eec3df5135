"""Scores of links alone, where it is known which cell is which: no images are needed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.evaluate.aogm import MatchedGraphs
from softlight.evaluate.track_graph import TrackGraph, TrackingError, build_graph, check_tracks
from softlight.evaluate.tracking import score_graphs

Ints = NDArray[np.int64]
_COLUMNS = ("frame", "true_track_id", "track_id")


def score_links(
    cells: pd.DataFrame, true_tracks: pd.DataFrame, tracks: pd.DataFrame
) -> dict[str, float]:
    """The scores of `evaluate.tracking.score_tracking`, less those that need masks.

    Args:
        cells: ``frame, true_track_id, track_id`` of each cell; 0 in one of the last two: the cell
            is only in the other.
        true_tracks: ``track_id, parent_id, first_frame, last_frame`` of the truth.
        tracks: the same of the prediction.
    """
    missing = [name for name in _COLUMNS if name not in cells.columns]
    if missing:
        raise TrackingError(f"The cells need the column {missing[0]}.")
    rows = cells[list(_COLUMNS)].astype(np.int64).sort_values("frame", kind="stable")
    frames = int(rows["frame"].max()) + 1 if len(rows) else 0
    truth, true_node = _graph(rows, "true_track_id", true_tracks, frames)
    predicted, node = _graph(rows, "track_id", tracks, frames)
    both = (true_node >= 0) & (node >= 0)
    return score_graphs(MatchedGraphs(truth, predicted, true_node[both], node[both]))


def _graph(
    rows: pd.DataFrame, column: str, tracks: pd.DataFrame, frames: int
) -> tuple[TrackGraph, Ints]:
    """The graph of one side, and the node of each row, -1: none."""
    there = (rows[column] > 0).to_numpy()
    what = "truth" if column == "true_track_id" else "prediction"
    seen = rows[there]
    twice = seen.duplicated(["frame", column])
    if twice.any():
        row = seen[twice].iloc[0]
        raise TrackingError(
            f"The {what}'s track {row[column]} has two cells in frame {row['frame']}; a track has "
            "one cell in a frame."
        )
    starts = np.searchsorted(seen["frame"], np.arange(1, frames))
    per_frame = np.split(seen[column].to_numpy(), starts) if frames else []
    check_tracks(per_frame, tracks, what=what)
    graph = build_graph(per_frame, tracks)
    node = np.full(len(rows), -1, dtype=np.int64)
    node[there] = graph.node
    return graph, node
