"""TrackMate XML, read as a stream and without entities.

The file is never held as a tree, and one that declares a document type is refused before any
entity in it could be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, XMLParser

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.io.errors import reading
from softlight.io.exchange.checks import ready
from softlight.io.exchange.drawing import Outline, check_ring, drawn_frames
from softlight.io.exchange.lineage import tracks_from_links
from softlight.io.exchange.movie import ExchangeError, TrackedMovie, locate_cells
from softlight.io.exchange.trackmate import LABEL_FEATURE, TRACK_FEATURE
from softlight.io.planes import MAX_FRAMES
from softlight.io.units import micrometres, minutes

_MAX_BYTES = 8 << 30
_CHUNK = 1 << 20


@dataclass
class _Spot:
    number: int
    frame: int
    x: float
    y: float
    visible: bool
    track: int
    label: int
    points: int
    outline: str = ""


@dataclass
class _Content:
    """What the stream held."""

    units: dict[str, str] = field(default_factory=dict)
    image: dict[str, str] = field(default_factory=dict)
    spots: list[_Spot] = field(default_factory=list)
    edges: list[tuple[int, int, str]] = field(default_factory=list)  # source, target, track
    shown: set[str] = field(default_factory=set)
    root: str = ""


class _Reader:
    """Collects spots and links while the parser goes through the file."""

    def __init__(self, name: str) -> None:
        self.name, self.found = name, _Content()
        self._track = ""
        self._text: list[str] | None = None

    def doctype(self, *_: object) -> None:
        """Called before any entity is declared."""
        raise ExchangeError(f"{self.name} declares a document type, which TrackMate never does.")

    def start(self, tag: str, held: dict[str, str]) -> None:
        """One element begins."""
        found = self.found
        if not found.root:
            found.root = tag
            if tag != "TrackMate":
                raise ExchangeError(f"{self.name} is XML of {tag!r:.40}, not of TrackMate.")
        elif tag == "Spot":
            found.spots.append(self._spot(held))
            self._text = []
        elif tag == "Edge":
            ends = (self._whole(held, key) for key in ("SPOT_SOURCE_ID", "SPOT_TARGET_ID"))
            found.edges.append((*ends, self._track))  # type: ignore[arg-type]
        elif tag == "Track":
            self._track = held.get("TRACK_ID", "")
        elif tag == "TrackID":
            found.shown.add(held.get("TRACK_ID", ""))
        elif tag == "Model":
            found.units = held
        elif tag == "ImageData":
            found.image = held

    def data(self, text: str) -> None:
        """Text within an element: the points of a spot."""
        if self._text is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """One element is over."""
        if tag == "Spot" and self._text is not None:
            self.found.spots[-1].outline = "".join(self._text)
            self._text = None

    def close(self) -> _Content:
        """All that was found."""
        return self.found

    def _spot(self, held: dict[str, str]) -> _Spot:
        number = self._whole(held, "ID")
        return _Spot(
            number,
            self._whole(held, "FRAME"),
            self._number(held, "POSITION_X", number),
            self._number(held, "POSITION_Y", number),
            held.get("VISIBILITY", "1") != "0",
            self._whole(held, TRACK_FEATURE, 0),
            self._whole(held, LABEL_FEATURE, 0),
            self._whole(held, "ROI_N_POINTS", 0),
        )

    def _number(self, held: dict[str, str], key: str, spot: int) -> float:
        try:
            value = float(held[key])
        except (KeyError, ValueError):
            value = float("nan")
        if not np.isfinite(value):
            raise ExchangeError(
                f"{self.name}: spot {spot} has {key} {held.get(key, 'nothing')!r:.40}; "
                "it must be a number."
            )
        return value

    def _whole(self, held: dict[str, str], key: str, default: int | None = None) -> int:
        if key not in held and default is not None:
            return default
        try:
            value = float(held[key])
            if abs(value) < 2**31 and value == int(value):
                return int(value)
        except (KeyError, ValueError, OverflowError):
            pass
        raise ExchangeError(
            f"{self.name}: an element has {key} {held.get(key, 'nothing')!r:.40}; "
            "it must be a whole number."
        )


def _parse(path: Path) -> _Content:
    if path.stat().st_size == 0:
        raise ExchangeError(f"{path.name} is empty (0 bytes); copy it again from the source.")
    if path.stat().st_size > _MAX_BYTES:
        raise ExchangeError(f"{path.name} has {path.stat().st_size / 1e9:.0f} GB; split it.")
    parser = XMLParser(target=_Reader(path.name))  # noqa: S314  no entity gets past doctype()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
        content = parser.close()
    except ParseError as error:
        raise ExchangeError(
            f"{path.name} is not readable XML ({str(error)[:80]}); it may be cut off, so save it "
            "again in TrackMate."
        ) from None
    assert isinstance(content, _Content)
    return content


def read_trackmate(path: Path | str) -> TrackedMovie:
    """The spots and tracks that a TrackMate file shows; masks where its spots have outlines."""
    path = Path(path)
    with reading(path, "TrackMate file"):
        content = _parse(path)
        spots, edges, notes = _shown(content, path.name)
        pixel, pixel_um = _scale(content, "pixelwidth", "spatialunits", micrometres)
        _, interval = _scale(content, "timeinterval", "timeunits", minutes)
        frames = np.array([spot.frame for spot in spots], np.int64)
        if len(frames) and not 0 <= frames.min() <= frames.max() < MAX_FRAMES:
            raise ExchangeError(
                f"{path.name}: the frames of its spots are not 0 to {MAX_FRAMES:,}."
            )
        given = np.array([spot.track for spot in spots], np.int64)
        track, tracks, said = tracks_from_links(
            frames, edges, name=path.name, wanted=given if given.all() else None
        )
    movie = _movie(path.stem, spots, content, pixel)
    objects = movie.objects
    assert objects is not None
    lost = len(spots) - len(objects)
    if lost:
        raise ExchangeError(
            f"{path.name}: outlines ({lost}) hold no pixel of their own; delete these spots in "
            "TrackMate."
        )
    keys = pd.DataFrame({"frame": frames, "label": _labels(spots), "track_id": track})
    return ready(
        TrackedMovie(
            name=movie.name,
            labels=movie.labels,
            objects=objects.merge(keys, on=["frame", "label"], validate="one_to_one"),
            tracks=tracks,
            pixel_size_um=pixel_um,
            frame_interval_min=interval,
            shape=movie.shape,
            notes=(*notes, *said, *movie.notes),
        )
    )


def _shown(content: _Content, name: str) -> tuple[list[_Spot], NDArray[np.int64], tuple[str, ...]]:
    """Spots and links without those that filters hide; links as positions in the spots."""
    known = {spot.number for spot in content.spots}
    if len(known) != len(content.spots):
        raise ExchangeError(f"{name}: two spots have the same ID.")
    hidden = {spot.number for spot in content.spots if not spot.visible}
    for source, target, track in content.edges:
        lost = source if source not in known else target if target not in known else None
        if lost is not None:
            raise ExchangeError(f"{name}: track {track} names spot {lost}, which is not there.")
        if track not in content.shown:
            hidden |= {source, target}
    spots = [spot for spot in content.spots if spot.number not in hidden]
    place = {spot.number: at for at, spot in enumerate(spots)}
    edges = [
        (place[source], place[target])
        for source, target, _ in content.edges
        if source in place and target in place
    ]
    notes: tuple[str, ...] = ()
    if hidden:
        notes = (f"{len(hidden)} spots that filters hide in TrackMate were left out.",)
    return spots, np.array(edges, np.int64).reshape(-1, 2), notes


def _scale(content: _Content, key: str, unit: str, convert: Any) -> tuple[float, float | None]:
    """The size of a step as the file's positions count it, and in our unit where it is known."""
    try:
        step = float(content.image.get(key, "1"))
    except ValueError:
        step = 1.0
    step = step if 0 < step < float("inf") else 1.0
    return step, convert(step, content.units.get(unit, ""))


def _labels(spots: list[_Spot]) -> NDArray[np.int64]:
    """The label of each spot: ours where all have one, else numbered within the frame."""
    given = np.array([spot.label for spot in spots], np.int64)
    if given.all():
        return given
    counts: dict[int, int] = {}
    found = np.zeros(len(spots), np.int64)
    for at, spot in enumerate(spots):
        counts[spot.frame] = found[at] = counts.get(spot.frame, 0) + 1
    return found


def _movie(name: str, spots: list[_Spot], content: _Content, pixel: float) -> TrackedMovie:
    """Masks and positions, or positions only where a spot lacks an outline."""
    labels = _labels(spots)
    shape = _shape(content, max((spot.frame for spot in spots), default=0) + 1)
    positions = pd.DataFrame(
        {
            "frame": np.array([spot.frame for spot in spots], np.int64),
            "label": labels,
            "y_px": np.array([spot.y / pixel for spot in spots], np.float64),
            "x_px": np.array([spot.x / pixel for spot in spots], np.float64),
        }
    )
    outlined = bool(spots) and all(spot.points > 2 for spot in spots)
    if not outlined or shape is None:
        notes = ("Its spots have no outlines, so there are no masks.",) if spots else ()
        return TrackedMovie(name=name, objects=positions, shape=shape, notes=notes)
    outlines: dict[int, list[Outline]] = {}
    for spot, label in zip(spots, labels.tolist(), strict=True):
        outlines.setdefault(spot.frame, []).append((label, [_ring(spot, name, pixel)]))
    frames = drawn_frames(outlines, shape, name)
    objects = locate_cells(frames, frames=sorted(outlines))
    return TrackedMovie(name=name, labels=frames, objects=objects, shape=shape)


def _ring(spot: _Spot, name: str, pixel: float) -> NDArray[np.float64]:
    """The corners of a spot's outline in pixels, whole numbers on the edges of pixels."""
    what = f"{name}: spot {spot.number}"
    words = spot.outline.split()
    if len(words) != 2 * spot.points:
        raise ExchangeError(
            f"{what} claims {spot.points} points of its outline and has {len(words) / 2:g}."
        )
    try:
        numbers = np.array(words, np.float64).reshape(-1, 2)
    except ValueError:
        raise ExchangeError(f"{what} has an outline with something that is no number.") from None
    ring = check_ring((numbers + np.array([spot.x, spot.y])) / pixel + 0.5, what)
    near = np.rint(ring)
    return np.where(np.abs(ring - near) < 1e-4, near, ring)  # what text has rounded off


def _shape(content: _Content, frames: int) -> tuple[int, int, int] | None:
    try:
        said = [int(float(content.image.get(key, "0"))) for key in ("nframes", "height", "width")]
    except (ValueError, OverflowError):
        return None
    found = (max(said[0], frames), said[1], said[2])
    return found if min(found) > 0 else None
