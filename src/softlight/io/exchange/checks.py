"""What must hold of cells and tracks before they are handed on; each breach is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.io.exchange.movie import ExchangeError, TrackedMovie, locate_cells
from softlight.io.labels import MAX_LABEL

OBJECT_COLUMNS = ("frame", "label", "y_px", "x_px")
TRACK_COLUMNS = ("track_id", "parent_id", "first_frame", "last_frame")


def ready(tracked: TrackedMovie, *, tracks: bool = False, masks: bool = False) -> TrackedMovie:
    """The movie with checked, sorted tables; cells without a table are located in the masks.

    Args:
        tracked: what a reader or an analysis gave; it is not changed.
        tracks: the format is of use only with tracks.
        masks: the format is of use only with masks.
    """
    if masks and tracked.labels is None:
        raise ExchangeError(
            f"{tracked.name} has positions but no masks, and this format is made of masks; "
            "choose csv, napari, geff or trackmate."
        )
    if tracks and (tracked.tracks is None or tracked.objects is None):
        raise ExchangeError(
            f"{tracked.name} has no tracks, and this format is made of tracks; run softlight "
            "analyze first, or choose csv, geojson, roi, coco or ome-zarr."
        )
    if tracked.objects is None:
        if tracked.labels is None:
            raise ExchangeError(f"{tracked.name} has neither masks nor a table of cells.")
        objects = locate_cells(tracked.labels, pixel_size_um=tracked.pixel_size_um)
        return replace(tracked, objects=objects, tracks=None)
    size = tracked.size
    frames = None if size is None else size[0]
    objects = check_objects(tracked.objects, tracked.name, frames=frames)
    found = None
    if tracked.tracks is not None:
        found = check_tracks(tracked.tracks, objects, tracked.name)
    return replace(tracked, objects=objects, tracks=found)


def whole_column(table: pd.DataFrame, column: str, name: str) -> NDArray[np.int64]:
    """The values of a column as int64; an ExchangeError where one is missing or not whole."""
    if column not in table:
        raise ExchangeError(
            f"{name}: the table needs a column {column}; it has "
            f"{', '.join(map(str, table.columns[:12]))}."
        )
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(values) | (values != np.rint(values)) | (np.abs(values) > 2**53)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ExchangeError(
            f"{name}: {column} is {table[column].iloc[at]!r:.40} in row {at + 1} of the table; "
            "it must be a whole number."
        )
    return values.astype(np.int64)


def check_objects(objects: pd.DataFrame, name: str, *, frames: int | None = None) -> pd.DataFrame:
    """The table of cells sorted by frame and label, whole numbers whole and positions finite."""
    checked = objects.copy()
    tracked = ("track_id",) if "track_id" in objects else ()
    for column in ("frame", "label", *tracked):
        checked[column] = whole_column(objects, column, name)
    for column in ("y_px", "x_px"):
        if column not in objects:
            raise ExchangeError(f"{name}: the table of cells needs a column {column}.")
        checked[column] = pd.to_numeric(objects[column], errors="coerce").astype(np.float64)
    checked = checked.sort_values(["frame", "label"], kind="stable", ignore_index=True)
    lost = ~np.isfinite(checked["y_px"]) | ~np.isfinite(checked["x_px"])
    if lost.any():
        raise ExchangeError(
            f"{name}: {_cell(checked[lost].iloc[0])} has no position (NaN or infinite); "
            f"{int(lost.sum())} of {len(checked)} rows are so."
        )
    _check_ranges(checked, name, frames)
    for key, what in (("label", "cells with the label"), ("track_id", "cells of track")):
        twice = checked.duplicated(["frame", key]) if key in checked else None
        if twice is not None and twice.any():
            row = checked[twice].iloc[0]
            raise ExchangeError(
                f"{name}: frame {row['frame']:.0f} has two {what} {row[key]:.0f}; "
                "each may be there once a frame."
            )
    return checked


def _check_ranges(objects: pd.DataFrame, name: str, frames: int | None) -> None:
    if not len(objects):
        return
    first, last = int(objects["frame"].min()), int(objects["frame"].max())
    if first < 0 or (frames is not None and last >= frames):
        wrong = first if first < 0 else last
        held = (
            "frames count from 0" if frames is None else f"the movie has frames 0 to {frames - 1}"
        )
        raise ExchangeError(f"{name}: the table speaks of frame {wrong}, but {held}.")
    for column in ("label", "track_id"):
        if column not in objects:
            continue
        low, high = int(objects[column].min()), int(objects[column].max())
        if low < 1 or high > MAX_LABEL:
            raise ExchangeError(
                f"{name}: {column} {low if low < 1 else high} is out of range; "
                f"it must be 1 to {MAX_LABEL:,}."
            )


def _cell(row: pd.Series) -> str:
    return f"cell {row['label']:.0f} of frame {row['frame']:.0f}"


def check_tracks(tracks: pd.DataFrame, objects: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table of tracks sorted by number, each with the cells and the parent that it claims."""
    columns = {column: whole_column(tracks, column, name) for column in TRACK_COLUMNS}
    checked = tracks.assign(**columns).sort_values("track_id", ignore_index=True)
    known = checked["track_id"].to_numpy()
    if len(known) and (known[0] < 1 or len(np.unique(known)) != len(known)):
        raise ExchangeError(f"{name}: every track needs its own number above 0.")
    seen = whole_column(objects, "track_id", name)
    strange = np.setdiff1d(seen, known)
    if strange.size:
        raise ExchangeError(
            f"{name}: cells name track {strange[0]}, which is not in the table of tracks."
        )
    unused = np.setdiff1d(known, seen)
    if unused.size:
        raise ExchangeError(f"{name}: track {unused[0]} has no cell in the table of cells.")
    spans = objects.groupby("track_id")["frame"].agg(["min", "max"])
    for row, low, high in zip(checked.itertuples(), spans["min"], spans["max"], strict=True):
        if (row.first_frame, row.last_frame) != (low, high):
            raise ExchangeError(
                f"{name}: track {row.track_id} is said to span frames {row.first_frame} to "
                f"{row.last_frame}, but its cells span {low} to {high}."
            )
    check_parents(checked, name)
    return checked


def check_parents(tracks: pd.DataFrame, name: str) -> None:
    """An ExchangeError where a parent is unknown, its own ancestor, or ends too late."""
    parents = dict(zip(tracks["track_id"].tolist(), tracks["parent_id"].tolist(), strict=True))
    ends = dict(zip(tracks["track_id"].tolist(), tracks["last_frame"].tolist(), strict=True))
    _check_cycles(parents, name)
    for track, first in zip(tracks["track_id"].tolist(), tracks["first_frame"], strict=True):
        parent = parents[track]
        if parent and parent not in parents:
            raise ExchangeError(
                f"{name}: track {track} has the parent {parent}, which is no track."
            )
        if parent and ends[parent] >= first:
            raise ExchangeError(
                f"{name}: track {track} begins in frame {first}, but its parent {parent} is there "
                f"until frame {ends[parent]}; a parent must end before."
            )


def _check_cycles(parents: dict[int, int], name: str) -> None:
    cleared: set[int] = set()
    for track in parents:
        path: list[int] = []
        on_path: set[int] = set()
        at = track
        while at in parents and at not in cleared:
            if at in on_path:
                circle = " → ".join(str(step) for step in [*path[path.index(at) :][:5], at])
                raise ExchangeError(
                    f"{name}: the parents of the tracks run in a circle ({circle}); "
                    "no cell is its own ancestor."
                )
            path.append(at)
            on_path.add(at)
            at = parents[at]
        cleared.update(path)


def checked_frames(tracked: TrackedMovie) -> Iterator[tuple[int, NDArray[np.int32], pd.DataFrame]]:
    """Each frame's number, masks and rows of the table, which must speak of the same cells."""
    if tracked.labels is None or tracked.objects is None:
        raise ExchangeError(f"{tracked.name} has no masks to write.")
    groups = dict(iter(tracked.objects.groupby("frame", sort=False)))
    none = tracked.objects.iloc[:0]
    size = tracked.labels[0].shape if len(tracked.labels) else None
    for t in range(len(tracked.labels)):
        labels = tracked.labels[t]
        if labels.shape != size:
            raise ExchangeError(
                f"{tracked.name}: frame {t} has masks of {labels.shape} pixels and the first of "
                f"{size}; frames of one movie must have one size."
            )
        rows = groups.get(t, none)
        held = np.unique(labels)
        held = held[held > 0]
        listed = rows["label"].to_numpy()
        for missing, where, other in (
            (np.setdiff1d(listed, held), "the table", "the masks"),
            (np.setdiff1d(held, listed), "the masks", "the table"),
        ):
            if missing.size:
                raise ExchangeError(
                    f"{tracked.name}: cell {missing[0]} of frame {t} is in {where} but not in "
                    f"{other}; they do not belong together."
                )
        yield t, labels, rows


def relabelled(
    labels: NDArray[np.int32], old: NDArray[np.int64], new: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The masks with every label of ``old`` replaced by the one beside it in ``new``."""
    found = np.zeros(labels.shape, np.int32)
    inside = labels > 0
    if inside.any():
        order = np.argsort(old)
        at = np.searchsorted(old[order], labels[inside])
        found[inside] = new[order][at]
    return found
