"""Where the cells of each track were, as arrays, with the units that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.measure.errors import MeasureError
from softlight.measure.runs import Floats, Ints


@dataclass(frozen=True, slots=True)
class Units:
    """The units of lengths and times, as they stand in column names."""

    length: str  # "um" or "px"
    time: str  # "min", "h" or "frame"
    per_frame: float  # time units from one frame to the next

    @property
    def times(self) -> str:
        """The time unit as the end of a duration's name: ``_min``, ``_h`` or ``_frames``."""
        return "frames" if self.time == "frame" else self.time

    @property
    def speed(self) -> str:
        """The unit of a speed: ``um_per_min``."""
        return f"{self.length}_per_{self.time}"


@dataclass(frozen=True, slots=True)
class Positions:
    """Points ordered by track, then by frame; a track is its index in ``ids``."""

    ids: Ints  # (K,) track_id, ascending
    track: Ints  # (N,) index of the track
    frame: Ints  # (N,)
    place: Floats  # (N, 2) y, x
    whole: NDArray[np.bool_]  # (N,) False where the image's border cuts the cell
    units: Units

    def starts(self) -> Ints:
        """The index of each track's first point."""
        found: Ints = np.searchsorted(self.track, np.arange(len(self.ids)))
        return found


def positions_of(objects: pd.DataFrame, *, frame_interval_min: float | None = None) -> Positions:
    """The points of all tracks of one movie, in µm and minutes where they are known.

    Args:
        objects: the objects table with ``track_id``.
        frame_interval_min: time between frames; None if it is not known.
    """
    table = checked_objects(objects)
    length = "um" if {"y_um", "x_um"} <= set(table.columns) else "px"
    order = np.lexsort((table["frame"].to_numpy(), table["track_id"].to_numpy()))
    table = table.iloc[order]
    ids, track = np.unique(table["track_id"].to_numpy(np.int64), return_inverse=True)
    frame = table["frame"].to_numpy(np.int64)
    twice = (np.diff(track) == 0) & (np.diff(frame) == 0)
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        raise MeasureError(
            f"Track {ids[track[at]]} has two cells in frame {frame[at]}; a track is one cell. "
            "Give daughters tracks of their own."
        )
    border = table.get("touches_border")
    return Positions(
        ids=ids,
        track=track.astype(np.int64),
        frame=frame,
        place=table[[f"y_{length}", f"x_{length}"]].to_numpy(np.float64),
        whole=np.ones(len(table), bool) if border is None else ~border.to_numpy(bool),
        units=Units(length, *time_unit(frame_interval_min)),
    )


def time_unit(frame_interval_min: float | None, *, hours: bool = False) -> tuple[str, float]:
    """(name of the time unit, time from frame to frame); frames where the interval is unknown."""
    if frame_interval_min is None:
        return "frame", 1.0
    if not (np.isfinite(frame_interval_min) and frame_interval_min > 0):
        raise MeasureError(
            f"The interval is {frame_interval_min} minutes; it must be a positive number, or left "
            "out where it is not known."
        )
    return ("h", frame_interval_min / 60) if hours else ("min", float(frame_interval_min))


def checked_objects(objects: pd.DataFrame) -> pd.DataFrame:
    """The table if it has tracks, frames and places of one movie."""
    missing = [name for name in ("track_id", "frame", "y_px", "x_px") if name not in objects]
    if missing:
        raise MeasureError(
            f"The objects table has no column {', '.join(missing)}; give the table of a movie "
            "whose cells have been tracked."
        )
    if "movie" in objects and objects["movie"].nunique() > 1:
        raise MeasureError(
            f"The objects table holds {objects['movie'].nunique()} movies; measure them one by "
            "one, since each counts its tracks from 1."
        )
    ids = objects["track_id"]
    if ids.isna().any() or (ids < 1).any():
        raise MeasureError(
            f"Rows of the objects table ({int((ids.isna() | (ids < 1)).sum())}) have no track; a "
            "cell that is seen once is a track of its own."
        )
    return objects


def checked_clones(ids: Ints, tracks: pd.DataFrame | None) -> Ints:
    """The index of the clone of each track: all tracks with one first mother; else its own.

    Cells of one clone are alike and divide together, so that clones, not cells, are what chance
    draws independently.
    """
    if tracks is None or not len(tracks):
        return np.arange(len(ids))
    missing = [name for name in ("track_id", "parent_id") if name not in tracks]
    if missing:
        raise MeasureError(f"The tracks table has no column {', '.join(missing)}.")
    mother = dict(zip(tracks["track_id"].tolist(), tracks["parent_id"].tolist(), strict=True))
    founders: dict[int, int] = {}

    def founder(track: int) -> int:
        line = []
        while track not in founders:
            line.append(track)
            parent = mother.get(track, 0)
            if parent in line:
                raise MeasureError(f"Track {track} is its own ancestor; check the tracks table.")
            founders.update({track: track} if parent <= 0 else {})
            track = parent if parent > 0 else track
        founders.update(dict.fromkeys(line, founders[track]))
        return founders[track]

    found = np.array([founder(int(track)) for track in ids], np.int64)
    clones: Ints = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return clones
