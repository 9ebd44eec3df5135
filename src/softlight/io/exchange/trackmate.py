"""TrackMate XML, written: spots with their outlines, links, and all that Fiji needs to open it.

A spot's position and outline are in physical units, the middle of the first pixel at 0. TrackMate
calls a family (a cell and all its descendants) one track.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd

from softlight.io.exchange.checks import checked_frames, ready
from softlight.io.exchange.lineage import links, roots
from softlight.io.exchange.movie import TrackedMovie
from softlight.io.exchange.outlines import trace
from softlight.io.files import replacing

_RADIUS = 5.0  # px, of a cell of which only the position is known
TRACK_FEATURE, LABEL_FEATURE = "SOFTLIGHT_TRACK", "SOFTLIGHT_LABEL"
_DECLARED = {
    "SpotFeatures": [
        ("QUALITY", "Quality", "QUALITY", False),
        ("POSITION_X", "X", "POSITION", False),
        ("POSITION_Y", "Y", "POSITION", False),
        ("POSITION_Z", "Z", "POSITION", False),
        ("POSITION_T", "T", "TIME", False),
        ("FRAME", "Frame", "NONE", True),
        ("RADIUS", "Radius", "LENGTH", False),
        ("VISIBILITY", "Visibility", "NONE", True),
        (TRACK_FEATURE, "Softlight track", "NONE", True),
        (LABEL_FEATURE, "Softlight label", "NONE", True),
    ],
    "EdgeFeatures": [
        ("SPOT_SOURCE_ID", "Source spot ID", "NONE", True),
        ("SPOT_TARGET_ID", "Target spot ID", "NONE", True),
        ("LINK_COST", "Edge cost", "COST", False),
    ],
    "TrackFeatures": [
        ("TRACK_INDEX", "Track index", "NONE", True),
        ("TRACK_ID", "Track ID", "NONE", True),
        ("NUMBER_SPOTS", "Number of spots in track", "NONE", True),
    ],
}


def write_trackmate(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write a TrackMate file; returns what the format could not hold."""
    tracked = ready(tracked, tracks=True)
    assert tracked.objects is not None
    assert tracked.tracks is not None
    pixel, interval = tracked.pixel_size_um or 1.0, tracked.frame_interval_min or 1.0
    units = {
        "spatialunits": "micron" if tracked.pixel_size_um else "pixel",
        "timeunits": "min" if tracked.frame_interval_min else "frame",
    }
    partial = [0]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<TrackMate version="7.11.1">\n')
        file.write(f"<Model{_attributes(units)}>\n")
        _write_declarations(file)
        file.write(f'<AllSpots nspots="{len(tracked.objects)}">\n')
        for frame, spots in _spots(tracked, pixel, interval, partial):
            file.write(f'<SpotsInFrame frame="{frame}">\n{spots}</SpotsInFrame>\n')
        file.write("</AllSpots>\n")
        single = _write_tracks(file, tracked.objects, tracked.tracks)
        file.write("</Model>\n")
        _write_settings(file, tracked, pixel, interval)
        file.write("</TrackMate>\n")
    notes = []
    if partial[0]:
        notes.append(
            f"Of cells with holes or several pieces ({partial[0]}) TrackMate keeps one outline: "
            "holes are filled and only the largest piece is there."
        )
    if single:
        notes.append(f"Cells seen once ({single}) are spots without a track in TrackMate.")
    return tuple(notes)


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(f" {key}={quoteattr(str(value))}" for key, value in values.items())


def _write_declarations(file: TextIO) -> None:
    file.write("<FeatureDeclarations>\n")
    for group, features in _DECLARED.items():
        file.write(f"<{group}>\n")
        for key, name, dimension, whole in features:
            held = {
                "feature": key,
                "name": name,
                "shortname": name,
                "dimension": dimension,
                "isint": "true" if whole else "false",
            }
            file.write(f"<Feature{_attributes(held)} />\n")
        file.write(f"</{group}>\n")
    file.write("</FeatureDeclarations>\n")


def _spots(
    tracked: TrackedMovie, pixel: float, interval: float, partial: list[int]
) -> Iterator[tuple[int, str]]:
    """The spots of each frame; ``partial`` counts outlines that are not the whole cell."""
    assert tracked.objects is not None
    if tracked.labels is None:
        for frame, rows in tracked.objects.groupby("frame"):
            bare = (_spot(row, pixel, interval, "", _RADIUS) for row in rows.itertuples())
            yield int(str(frame)), "".join(bare)
        return
    for t, labels, rows in checked_frames(tracked):
        found: dict[int, Any] = {row.label: row for row in rows.itertuples()}  # type: ignore[misc]
        spots = []
        areas = dict(zip(*np.unique(labels[labels > 0], return_counts=True), strict=True))
        for label, pieces in trace(labels, diagonal=True):
            partial[0] += len(pieces) > 1 or bool(pieces[0].holes)
            row = found[label]
            # A pixel's middle has whole coordinates there, so its edges lie half a pixel off.
            points = (pieces[0].outer - 0.5 - np.array([row.x_px, row.y_px])) * pixel
            outline = " ".join(f"{value:.10g}" for value in points.ravel().tolist())
            radius = math.sqrt(areas[label] / math.pi)
            spots.append(_spot(row, pixel, interval, outline, radius))
        yield t, "".join(spots)


def _spot(row: Any, pixel: float, interval: float, outline: str, radius: float) -> str:
    """One spot as XML: its row of the table, the points of its outline, its radius in pixels."""
    held: dict[str, object] = {
        "ID": row.Index,
        "name": f"ID{row.Index}",
        "QUALITY": 1.0,
        "POSITION_X": repr(float(row.x_px * pixel)),
        "POSITION_Y": repr(float(row.y_px * pixel)),
        "POSITION_Z": 0.0,
        "POSITION_T": repr(float(row.frame * interval)),
        "FRAME": row.frame,
        "RADIUS": repr(float(radius * pixel)),
        "VISIBILITY": 1,
        TRACK_FEATURE: row.track_id,
        LABEL_FEATURE: row.label,
    }
    if not outline:
        return f"<Spot{_attributes(held)} />\n"
    points = {"ROI_N_POINTS": (outline.count(" ") + 1) // 2}
    return f"<Spot{_attributes(held | points)}>{outline}</Spot>\n"


def _write_tracks(file: TextIO, objects: pd.DataFrame, tracks: pd.DataFrame) -> int:
    """Write links by family and the list of tracks to show; the number of cells without a link."""
    edges = links(objects, tracks)
    family = objects["track_id"].map(roots(tracks)).to_numpy()
    of_edge = family[edges[:, 0]] if len(edges) else np.zeros(0, np.int64)
    order = np.argsort(of_edge, kind="stable")
    names, starts = np.unique(of_edge[order], return_index=True)
    size = objects.groupby(family).size()
    file.write("<AllTracks>\n")
    for index, (name, part) in enumerate(
        zip(names.tolist(), np.split(edges[order], starts[1:]), strict=False)
    ):
        held: dict[str, object] = {
            "name": f"Track_{name}",
            "TRACK_INDEX": index,
            "TRACK_ID": name,
            "NUMBER_SPOTS": int(size[name]),
        }
        file.write(f"<Track{_attributes(held)}>\n")
        for source, target in part.tolist():
            ends = {"SPOT_SOURCE_ID": source, "SPOT_TARGET_ID": target, "LINK_COST": -1.0}
            file.write(f"<Edge{_attributes(ends)} />\n")
        file.write("</Track>\n")
    file.write("</AllTracks>\n<FilteredTracks>\n")
    for name in names.tolist():
        file.write(f'<TrackID TRACK_ID="{name}" />\n')
    file.write("</FilteredTracks>\n")
    return len(objects) - int(size[names].sum())


def _write_settings(file: TextIO, tracked: TrackedMovie, pixel: float, interval: float) -> None:
    frames, height, width = tracked.size or (0, 0, 0)
    held: dict[str, object] = {
        "filename": f"{tracked.name}.tif",
        "folder": "",
        "width": width,
        "height": height,
        "nslices": 1,
        "nframes": frames,
        "pixelwidth": repr(pixel),
        "pixelheight": repr(pixel),
        "voxeldepth": 1.0,
        "timeinterval": repr(interval),
    }
    span = {"tstart": 0, "tend": max(frames - 1, 0), "zstart": 0, "zend": 0}
    box = {"xstart": 0, "xend": max(width - 1, 0), "ystart": 0, "yend": max(height - 1, 0)}
    file.write(f"<Settings>\n<ImageData{_attributes(held)} />\n")
    file.write(f"<BasicSettings{_attributes(box | span)} />\n")
    file.write('<InitialSpotFilter feature="QUALITY" value="0.0" isabove="true" />\n')
    file.write("<SpotFilterCollection />\n<TrackFilterCollection />\n</Settings>\n")
