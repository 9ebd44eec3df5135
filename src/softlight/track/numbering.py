"""From links and events to track numbers and the tracks table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.io.exchange.lineage import tracks_from_links
from softlight.track.detections import Detections
from softlight.track.events import Events
from softlight.track.link import Links

Ints = NDArray[np.int64]


def numbered(
    objects: pd.DataFrame, cells: Detections, links: Links, events: Events
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The objects with ``track_id``, and the tracks; numbers from 1 by first frame and label."""
    before, mother = _ties(links, events)
    track = _chains(before) + 1
    table = objects.copy()
    ids = np.empty(len(cells), np.int64)
    ids[cells.order] = track
    table["track_id"] = ids
    heads = np.flatnonzero(before < 0)
    last = np.zeros(len(heads), np.int64)
    np.maximum.at(last, track - 1, cells.frame)
    tracks = pd.DataFrame(
        {
            "track_id": track[heads],
            "parent_id": np.where(mother[heads] >= 0, track[mother[heads]], 0),
            "first_frame": cells.frame[heads],
            "last_frame": last,
        }
    )
    return table, tracks.astype(np.int64)


def numbered_by(
    objects: pd.DataFrame, cells: Detections, links: Ints
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """The objects with ``track_id``, the tracks, and what they cannot hold of another's links.

    Args:
        objects: the caller's table.
        cells: the same in the order of frames.
        links: (E, 2) positions in ``cells``, earlier first.
    """
    track, tracks, notes = tracks_from_links(cells.frame, links, name="The tracker's answer")
    table = objects.copy()
    ids = np.empty(len(cells), np.int64)
    ids[cells.order] = track
    table["track_id"] = ids
    return table, tracks, notes


def _ties(links: Links, events: Events) -> tuple[Ints, Ints]:
    """For each cell the one before in its track, and its mother where it is a first cell."""
    before = links.before.copy()
    mother = np.full(len(before), -1, np.int64)
    gaps = events.take(~events.divides)
    before[gaps.first] = gaps.source
    divisions = events.take(events.divides)
    for daughter in (divisions.first, divisions.second):
        before[daughter] = -1
        mother[daughter] = divisions.source
    return before, mother


def _chains(before: Ints) -> Ints:
    """The number of each cell's track: cells are in the order of frames, so one pass is enough."""
    heads = before < 0
    track = np.where(heads, np.cumsum(heads) - 1, -1)
    root = np.where(heads, np.arange(len(before)), before)
    while True:  # each round doubles the distance that is known
        further = root[root]
        if (further == root).all():
            break
        root = further
    result: Ints = track[root]
    return result
