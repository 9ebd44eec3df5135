"""GeoJSON as QuPath reads and writes it: one feature a cell, its frame in the plane.

Rings run along the edges of the pixels and are simple, so that drawing them gives the mask again:
cells in several pieces are MultiPolygons, holes are inner rings.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

from softlight.io.exchange.checks import checked_frames, ready
from softlight.io.exchange.drawing import check_ring
from softlight.io.exchange.facts import checked_facts, facts_of
from softlight.io.exchange.json_file import as_whole, read_json_file
from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.exchange.outlines import Piece, Ring, trace
from softlight.io.exchange.shapes import Shape, movie_of_shapes, parent_of
from softlight.io.files import replacing

_IDS = uuid.UUID("2a4b1a52-9d27-4d1c-9a53-5f1b8f7c5a10")  # ids are the same in every export
_COLOUR = [0, 158, 115]


def write_geojson(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write a FeatureCollection of all cells; returns what the format could not hold."""
    tracked = ready(tracked, masks=True)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "softlight": ')
        file.write(json.dumps(facts_of(tracked)))
        file.write(', "features": [')
        for number, feature in enumerate(_features(tracked)):
            file.write(("," if number else "") + "\n" + json.dumps(feature))
        file.write("\n]}\n")
    return ("QuPath keeps the pixel size and the interval with its image, not with the cells.",)


def _features(tracked: TrackedMovie) -> Iterator[dict[str, Any]]:
    parents = parent_of(tracked)
    for t, labels, rows in checked_frames(tracked):
        found = dict(zip(rows["label"].tolist(), rows.to_dict("records"), strict=True))
        for label, pieces in trace(labels, diagonal=False):
            yield _feature(tracked.name, t, label, pieces, found[label], parents)


def _feature(
    name: str,
    frame: int,
    label: int,
    pieces: list[Piece],
    row: dict[Hashable, Any],
    parents: dict[int, int],
) -> dict[str, Any]:
    measured: dict[str, float] = {"label": label, "frame": frame}
    title = f"frame {frame} cell {label}"
    if parents:
        track = int(row["track_id"])
        measured |= {"track_id": track, "parent_id": parents[track]}
        title = f"track {track}"
    known = {"frame", "label", "track_id"}
    measured |= {
        str(key): value
        for key, value in row.items()
        if key not in known and isinstance(value, int | float) and math.isfinite(value)
    }
    polygons = [[_closed(ring) for ring in piece.rings] for piece in pieces]
    shape: dict[str, Any] = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_IDS, f"{name}/{frame}/{label}")),
        "geometry": shape | {"plane": {"c": -1, "z": 0, "t": frame}},
        "properties": {
            "objectType": "detection",
            "name": title,
            "classification": {"name": "Cell", "color": _COLOUR},
            "measurements": measured,
        },
    }


def _closed(ring: Ring) -> list[list[int]]:
    points: list[list[int]] = ring.tolist()
    return [*points, points[0]]


def read_geojson(path: Path | str, *, shape: tuple[int, int, int] | None = None) -> TrackedMovie:
    """The cells of a GeoJSON file; polygons of any program, drawn by the middles of the pixels.

    Args:
        path: the file.
        shape: frames, height and width, where the file does not say them.
    """
    path = Path(path)
    raw = read_json_file(path, "GeoJSON")
    features = raw if isinstance(raw, list) else _features_of(raw, path.name)
    own = raw.get("softlight") if isinstance(raw, dict) else None
    facts = checked_facts(own, path.name) if isinstance(own, dict) else {}
    if shape is not None:
        facts["shape"] = shape
    cells, skipped = [], 0
    for number, feature in enumerate(features, start=1):
        cell = _shape(feature, f"{path.name}: feature {number}")
        skipped += cell is None
        cells += [cell] if cell else []
    notes = (f"{skipped} features are points or lines and were left out.",) if skipped else ()
    return movie_of_shapes(cells, facts, name=path.stem, notes=notes)


def _features_of(raw: Any, name: str) -> list[Any]:
    kind = raw.get("type") if isinstance(raw, dict) else None
    if kind == "Feature":
        return [raw]
    features = raw.get("features") if isinstance(raw, dict) else None
    if kind != "FeatureCollection" or not isinstance(features, list):
        raise ExchangeError(f"{name} is not GeoJSON: it needs a FeatureCollection of features.")
    return features


def _shape(feature: Any, what: str) -> Shape | None:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        raise ExchangeError(f"{what} has no geometry.")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        return None
    if kind not in ("Polygon", "MultiPolygon"):
        raise ExchangeError(f"{what} is a {kind!r:.40}; cells are Polygon or MultiPolygon.")
    polygons = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(polygons, list) or not all(
        isinstance(polygon, list) and polygon for polygon in polygons
    ):
        raise ExchangeError(f"{what} has coordinates that are not a list of rings.")
    rings = [check_ring(ring, what) for polygon in polygons for ring in polygon]
    if not rings:
        raise ExchangeError(f"{what} has no outline.")
    measured = _measured(feature)
    plane = geometry.get("plane")
    plane = plane if isinstance(plane, dict) else {}
    frame = measured.get("frame", plane.get("t", 0))
    return Shape(
        as_whole(frame, f"{what}, frame"),
        rings,
        label=as_whole(measured.get("label", 0), f"{what}, label"),
        track_id=as_whole(measured.get("track_id", 0), f"{what}, track_id"),
        parent_id=as_whole(measured.get("parent_id", 0), f"{what}, parent_id"),
    )


def _measured(feature: dict[str, Any]) -> dict[str, Any]:
    """The measurements of a feature, as newer (an object) and older QuPath (a list) write them."""
    properties = feature.get("properties")
    held = properties.get("measurements") if isinstance(properties, dict) else None
    if isinstance(held, list):
        held = {
            item["name"]: item.get("value")
            for item in held
            if isinstance(item, dict) and isinstance(item.get("name"), str)
        }
    return held if isinstance(held, dict) else {}
