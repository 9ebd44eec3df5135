"""ImageJ ROI sets: a zip with one ROI a cell, placed at its slice of the movie.

A cell in one piece without holes is a traced polygon; others are composite ROIs. Both run along
the edges of the pixels, so that ImageJ makes the same mask of them. ImageJ keeps no numbers of
cells, so label and track are in the properties of each ROI, and in its name.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from softlight.io.errors import reading
from softlight.io.exchange.checks import checked_frames, ready
from softlight.io.exchange.drawing import check_ring
from softlight.io.exchange.facts import checked_facts, facts_of
from softlight.io.exchange.json_file import as_whole
from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.exchange.outlines import Piece, Ring, trace
from softlight.io.exchange.shapes import Shape, movie_of_shapes, parent_of
from softlight.io.files import replacing

_MAX_ENTRIES = 10_000_000
_MAX_ENTRY_BYTES = 64 << 20
_MAX_ALL_BYTES = 4_000_000_000
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
_FLAT = (
    ROI_TYPE.LINE,
    ROI_TYPE.POLYLINE,
    ROI_TYPE.FREELINE,
    ROI_TYPE.ANGLE,
    ROI_TYPE.POINT,
    ROI_TYPE.NOROI,
)
_SHORT = 32767  # what a coordinate of a traced ROI can be


def write_roi(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write a zip of ROIs; returns what the format could not hold."""
    tracked = ready(tracked, masks=True)
    parents = parent_of(tracked)
    composite = 0
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
    ):
        # The comment of the zip, since some readers take every file in it for an ROI.
        file.comment = json.dumps(facts_of(tracked)).encode()
        for t, labels, rows in checked_frames(tracked):
            track_of = {}
            if parents:
                track_of = dict(zip(rows["label"].tolist(), rows["track_id"].tolist(), strict=True))
            for label, pieces in trace(labels, diagonal=True):
                roi = _roi(pieces)
                composite += roi.composite
                track = track_of.get(label, 0)
                _name(roi, t, label, track, parents.get(track, 0))
                file.writestr(f"{roi.name}.roi", roi.tobytes())
    notes = ["Measurements have no place in an ROI; ImageJ keeps the pixel size with its image."]
    if composite:
        notes.append(f"Cells with holes or several pieces ({composite}) are composite ROIs.")
    return tuple(notes)


def _name(roi: ImagejRoi, frame: int, label: int, track: int, parent: int) -> None:
    kind = f"track{track:04d}" if track else f"cell{label:04d}"
    roi.name = f"t{frame:04d}-{kind}"
    roi.position = frame + 1
    held = {"label": label, "frame": frame}
    roi.properties = held | ({"track_id": track, "parent_id": parent} if track else {})


def _roi(pieces: list[Piece]) -> ImagejRoi:
    corners = np.concatenate([piece.outer for piece in pieces])
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    box = {"top": top, "left": left, "bottom": bottom, "right": right}
    if len(pieces) == 1 and not pieces[0].holes and max(right, bottom) <= _SHORT:
        points = (pieces[0].outer - (left, top)).astype(np.int32)
        return ImagejRoi(
            roitype=ROI_TYPE.TRACED, n_coordinates=len(points), integer_coordinates=points, **box
        )
    path = np.concatenate([_path(ring) for piece in pieces for ring in piece.rings])
    clipped = {side: min(value, _SHORT) for side, value in box.items()}
    return ImagejRoi(
        roitype=ROI_TYPE.RECT, shape_roi_size=len(path), multi_coordinates=path, **clipped
    )


def _path(ring: Ring) -> NDArray[np.float32]:
    """The ring as ImageJ writes paths: move to the first corner, lines to the others, close."""
    steps = np.column_stack([np.full(len(ring), _LINE), ring]).astype(np.float32)
    steps[0, 0] = _MOVE
    return np.append(steps.ravel(), np.float32(_CLOSE))


def read_roi(path: Path | str, *, shape: tuple[int, int, int] | None = None) -> TrackedMovie:
    """The cells of an ROI set (.zip) or of one ROI (.roi), of any program.

    Args:
        path: the file.
        shape: frames, height and width, where the file does not say them.
    """
    path = Path(path)
    with reading(path, "ROI set"):
        facts, entries = _entries(path)
        if shape is not None:
            facts["shape"] = shape
        cells, skipped = [], 0
        for name, content in entries:
            cell = _shape(content, f"{path.name}, {name:.60}")
            skipped += cell is None
            cells += [cell] if cell else []
    notes = (f"{skipped} ROIs enclose no area (points, lines, text); left out.",) if skipped else ()
    return movie_of_shapes(cells, facts, name=path.stem, notes=notes)


def _entries(path: Path) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """What the comment of the zip says of the movie, and the name and bytes of every ROI."""
    if path.stat().st_size == 0:
        raise ExchangeError(f"{path.name} is empty (0 bytes); copy it again from the source.")
    with path.open("rb") as handle:
        head = handle.read(4)
    if head == b"Iout":
        if path.stat().st_size > _MAX_ENTRY_BYTES:
            raise ExchangeError(f"{path.name} is too large to be one ROI.")
        return {}, [(path.name, path.read_bytes())]
    if not zipfile.is_zipfile(path):
        raise ExchangeError(
            f"{path.name} is not a ROI set: no zip that can be read to its end; copy it again."
        )
    with zipfile.ZipFile(path) as file:
        listed = file.infolist()
        _check_claims(listed, path.name)
        rois = [info for info in listed if info.filename.lower().endswith(".roi")]
        facts = _facts(file.comment, path.name)
        if not rois and not facts:
            raise ExchangeError(f"{path.name} holds no .roi files; save it from the ROI manager.")
        return facts, [(info.filename, file.read(info)) for info in rois]


def _facts(comment: bytes, name: str) -> dict[str, Any]:
    """What we wrote into the comment of the zip; other programs' comments say nothing here."""
    try:
        raw = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    return checked_facts(raw, name) if isinstance(raw, dict) else {}


def _check_claims(listed: list[zipfile.ZipInfo], name: str) -> None:
    """An ExchangeError where a zip names files outside itself or claims to unpack to too much."""
    total = sum(info.file_size for info in listed)
    if len(listed) > _MAX_ENTRIES or total > _MAX_ALL_BYTES:
        raise ExchangeError(
            f"{name} claims {len(listed):,} files of {total / 1e9:.1f} GB in all; "
            "no ROI set is so large."
        )
    for info in listed:
        parts = re.split(r"[/\\]", info.filename)
        if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in info.orig_filename:
            raise ExchangeError(
                f"{name} names a file outside itself ({info.filename!r:.60}); it is not a ROI set."
            )
        if info.file_size > _MAX_ENTRY_BYTES:
            raise ExchangeError(
                f"{name}: {info.filename:.60} claims {info.file_size / 1e9:.1f} GB; no ROI is so "
                "large."
            )
        if info.flag_bits & 1:
            raise ExchangeError(f"{name} is encrypted; save it without a password.")


def _shape(content: bytes, what: str) -> Shape | None:
    with reading(what, "ROI"):
        roi = ImagejRoi.frombytes(content)
        if roi.roitype in _FLAT or roi.subtype in (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.IMAGE):
            return None
        rings = [check_ring(ring, what) for ring in roi.coordinates(multi=True)]
    if not rings:
        raise ExchangeError(f"{what} has no outline.")
    held = roi.properties
    return Shape(
        as_whole(held.get("frame", _frame(roi)), f"{what}, frame"),
        rings,
        label=as_whole(held.get("label", 0), f"{what}, label"),
        track_id=as_whole(held.get("track_id", 0), f"{what}, track_id"),
        parent_id=as_whole(held.get("parent_id", 0), f"{what}, parent_id"),
    )


def _frame(roi: ImagejRoi) -> int:
    """The frame of an ROI, from 0: its time, else its slice, else the number in its name."""
    if roi.t_position > 0 or roi.position > 0:
        return int(roi.t_position or roi.position) - 1
    named = re.match(r"(\d{4,6})-\d{4,6}-\d{4,6}", roi.name)
    return int(named[1]) - 1 if named else 0
