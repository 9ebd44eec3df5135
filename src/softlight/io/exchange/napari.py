"""napari tracks: a table of track, time, y, x and a graph of daughters and mothers.

``napari.Viewer().add_tracks(table, graph=graph)`` takes both; further columns are its features.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.io.errors import reading
from softlight.io.exchange.checks import ready
from softlight.io.exchange.json_file import as_whole, read_json_file
from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.exchange.shapes import spans
from softlight.io.files import replacing

TABLE, GRAPH = "tracks.csv", "graph.json"
_KNOWN = {"track_id": "ID", "frame": "T", "y_px": "Y", "x_px": "X"}


def write_napari(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write ``tracks.csv`` and ``graph.json`` into a folder; returns what was left out."""
    tracked = ready(tracked, tracks=True)
    assert tracked.objects is not None
    assert tracked.tracks is not None
    ordered = tracked.objects.sort_values(["track_id", "frame"])
    more = [column for column in ordered.columns if column not in _KNOWN]
    table = ordered[[*_KNOWN, *more]].rename(columns=_KNOWN)
    born = tracked.tracks[tracked.tracks["parent_id"] > 0]
    graph = {
        str(track): [int(parent)]
        for track, parent in zip(born["track_id"], born["parent_id"], strict=True)
    }
    path = Path(path)
    with replacing(path / TABLE) as temporary:
        table.to_csv(temporary, index=False)
    with replacing(path / GRAPH) as temporary:
        temporary.write_text(json.dumps(graph, indent=1), encoding="utf-8")
    return ("Positions are in frames and pixels; masks, pixel size and interval are left out.",)


def read_napari(path: Path | str) -> TrackedMovie:
    """The cells and tracks of a napari table, from its folder or the CSV in it; without masks."""
    path = Path(path)
    file = path / TABLE if path.is_dir() else path
    with reading(file, "table of tracks"):
        if file.stat().st_size == 0:
            raise ExchangeError(f"{file.name} is empty (0 bytes); copy it again.")
        table = pd.read_csv(file)
    back = {new.lower(): old for old, new in _KNOWN.items()} | {"track_id": "track_id"}
    objects = table.rename(columns={key: back.get(str(key).lower(), key) for key in table})
    lacking = [_KNOWN[key] for key in _KNOWN if key not in objects]
    if lacking:
        raise ExchangeError(
            f"{file.name} is no napari table: it needs the columns ID, T, Y, X and lacks "
            f"{', '.join(lacking)}."
        )
    if "label" not in objects:
        objects["label"] = objects.groupby("frame").cumcount() + 1
    parents, notes = _parents(file.parent / GRAPH)
    known = set(objects["track_id"])
    strange = sorted((set(parents) | set(parents.values())) - known)
    if strange:
        raise ExchangeError(f"{GRAPH} names track {strange[0]}, which has no row in {file.name}.")
    born = objects["track_id"].map(parents).fillna(0).astype(np.int64)
    return ready(
        TrackedMovie(
            name=file.parent.name if file.name == TABLE else file.stem,
            objects=objects,
            tracks=spans(objects.assign(parent_id=born)),
            notes=notes,
        )
    )


def _parents(path: Path) -> tuple[dict[int, int], tuple[str, ...]]:
    """The mother of each daughter, and a remark where a track has several (a merge)."""
    raw: Any = read_json_file(path, "graph") if path.is_file() else {}
    if not isinstance(raw, dict):
        raise ExchangeError(f"{path.name} is no graph; it needs track: [parent, …].")
    found, merged = {}, 0
    for track, given in raw.items():
        listed = given if isinstance(given, list) else [given]
        if not track.lstrip("-").isdecimal() or not listed:
            raise ExchangeError(f"{path.name} is no graph: {track!r:.40} → {given!r:.40}.")
        merged += len(listed) > 1
        found[int(track)] = as_whole(listed[0], f"{path.name}: the parent of track {track}")
    notes = (f"Of tracks with several parents ({merged}, merges) the first parent was kept.",)
    return found, notes if merged else ()
