"""Cells that a file gives as outlines, made into a movie: labels, positions, what was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.io.exchange.checks import ready
from softlight.io.exchange.drawing import Outline, drawn_frames, room_for
from softlight.io.exchange.movie import ExchangeError, TrackedMovie, locate_cells
from softlight.io.planes import MAX_FRAMES


@dataclass(frozen=True)
class Shape:
    """One cell in one frame: its outline, and the numbers that the file has for it."""

    frame: int
    rings: Sequence[NDArray[Any]]
    label: int = 0  # 0: the file has none
    track_id: int = 0
    parent_id: int = 0


def movie_of_shapes(
    shapes: Sequence[Shape], facts: dict[str, Any], *, name: str, notes: tuple[str, ...] = ()
) -> TrackedMovie:
    """The movie that these outlines make.

    Cells without a number get the next free one of their frame. The image is as large as the file
    says, else just large enough for all outlines.
    """
    frames = 1 + max((shape.frame for shape in shapes), default=0)
    claimed = facts.get("shape")
    if claimed is not None and frames > claimed[0]:
        raise ExchangeError(
            f"{name}: a cell is in frame {frames - 1}, but the movie has {claimed[0]} frames."
        )
    if min((shape.frame for shape in shapes), default=0) < 0 or frames > MAX_FRAMES:
        raise ExchangeError(f"{name}: the frames of its cells are not 0 to {MAX_FRAMES:,}.")
    numbers = _numbers(shapes, name)
    outlines: dict[int, list[Outline]] = {}
    for shape, number in zip(shapes, numbers, strict=True):
        outlines.setdefault(shape.frame, []).append((number, shape.rings))
    height, width = claimed[1:] if claimed else room_for(outlines)
    size = (claimed[0] if claimed else frames, height, width)
    if claimed is None:
        notes += (f"It does not say how large the image is; {height}×{width} pixels hold all.",)
    labels = drawn_frames(outlines, size, name)
    pixel = facts.get("pixel_size_um")
    objects = locate_cells(labels, pixel_size_um=pixel, frames=sorted(outlines))
    lost = len(shapes) - len(objects)
    if lost:
        notes += (f"Outlines without a pixel of their own ({lost}) were left out.",)
    objects, tracks = _with_tracks(objects, shapes, numbers)
    return ready(
        TrackedMovie(
            name=facts.get("name", name),
            labels=labels,
            objects=objects,
            tracks=tracks,
            pixel_size_um=pixel,
            frame_interval_min=facts.get("frame_interval_min"),
            shape=size,
            notes=notes,
        )
    )


def _numbers(shapes: Sequence[Shape], name: str) -> list[int]:
    """The label of each cell: the file's, or the next free one of its frame."""
    taken: dict[int, set[int]] = {}
    for shape in shapes:
        if shape.label:
            used = taken.setdefault(shape.frame, set())
            if shape.label in used:
                raise ExchangeError(
                    f"{name}: frame {shape.frame} has two cells with the label {shape.label}."
                )
            used.add(shape.label)
    found = []
    following: dict[int, int] = {}
    for shape in shapes:
        number = shape.label
        if not number:
            number = following.get(shape.frame, 1)
            while number in taken.get(shape.frame, ()):
                number += 1
            following[shape.frame] = number + 1
        found.append(number)
    return found


def _with_tracks(
    objects: pd.DataFrame, shapes: Sequence[Shape], numbers: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The cells with their tracks and the tracks; None where not every cell has one."""
    if not shapes or not all(shape.track_id for shape in shapes):
        return objects, None
    given = pd.DataFrame(
        {
            "frame": [shape.frame for shape in shapes],
            "label": list(numbers),
            "track_id": [shape.track_id for shape in shapes],
            "parent_id": [shape.parent_id for shape in shapes],
        }
    )
    joined = objects.merge(given, on=["frame", "label"], how="left", validate="one_to_one")
    return joined.drop(columns="parent_id"), spans(joined)


def spans(cells: pd.DataFrame) -> pd.DataFrame:
    """The table of tracks, from cells with ``track_id`` and ``parent_id``."""
    grouped = cells.groupby("track_id", sort=True)
    return pd.DataFrame(
        {
            "track_id": np.array(list(grouped.groups), np.int64),
            "parent_id": grouped["parent_id"].max().to_numpy(np.int64),
            "first_frame": grouped["frame"].min().to_numpy(np.int64),
            "last_frame": grouped["frame"].max().to_numpy(np.int64),
        }
    )


def parent_of(tracked: TrackedMovie) -> dict[int, int]:
    """The parent of each track, 0 for none; empty where there are no tracks."""
    if tracked.tracks is None:
        return {}
    return dict(
        zip(tracked.tracks["track_id"].tolist(), tracked.tracks["parent_id"].tolist(), strict=True)
    )
