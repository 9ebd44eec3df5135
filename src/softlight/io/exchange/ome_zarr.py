"""Masks as an OME-Zarr label image, 0.5 or 0.4, whose labels are the tracks where there are some.

Track and parent of each label are in ``image-label/properties``, where OME-Zarr keeps what is
known of labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from softlight.io.errors import reading
from softlight.io.exchange.checks import checked_frames, ready, relabelled
from softlight.io.exchange.facts import checked_facts
from softlight.io.exchange.json_file import as_whole
from softlight.io.exchange.movie import TrackedMovie, locate_cells
from softlight.io.exchange.shapes import spans
from softlight.io.labels import LazyFrames, open_label_movie
from softlight.io.zarr import Version, replacing_zarr, write_label_group
from softlight.io.zarr_metadata import attributes, full_resolution, lay_out, multiscale
from softlight.io.zarr_planes import label_group


def write_ome_zarr_labels(
    path: Path | str, tracked: TrackedMovie, *, version: Version = "0.5"
) -> tuple[str, ...]:
    """Write the masks as one OME-Zarr label image; returns what the format could not hold."""
    tracked = ready(tracked, masks=True)
    assert tracked.labels is not None
    frames = tracked.labels
    properties = None
    for _ in checked_frames(tracked):  # before anything is written
        pass
    if tracked.tracks is not None:
        frames = _by_track(tracked)
        pairs = tracked.tracks[["track_id", "parent_id"]].itertuples(index=False)
        properties = [
            {"label-value": int(track), "track_id": int(track), "parent_id": int(parent)}
            for track, parent in pairs
        ]
    with replacing_zarr(Path(path)) as temporary:
        write_label_group(
            zarr.open_group(temporary, mode="w", zarr_format=3 if version == "0.5" else 2),
            frames,
            name=tracked.name,
            properties=properties,
            pixel_size_um=tracked.pixel_size_um,
            frame_interval_min=tracked.frame_interval_min,
        )
    said = ("The labels are the numbers of the tracks.",) if properties else ()
    return (*said, "Measurements have no place in a label image.")


def _by_track(tracked: TrackedMovie) -> LazyFrames:
    assert tracked.labels is not None
    assert tracked.objects is not None
    labels = tracked.labels
    rows = dict(iter(tracked.objects.groupby("frame")))
    none = tracked.objects.iloc[:0]

    def make(t: int) -> NDArray[np.int32]:
        found = rows.get(t, none)
        old, new = found["label"].to_numpy(np.int64), found["track_id"].to_numpy(np.int64)
        return relabelled(labels[t], old, new)

    return LazyFrames(len(labels), make)


def read_ome_zarr_labels(path: Path | str) -> TrackedMovie:
    """The first label image of an OME-Zarr, and its tracks where its properties tell them."""
    path = Path(path)
    with reading(path, "OME-Zarr"):
        group = label_group(path) or path
        scale = multiscale(group, path.name)
        layout = lay_out(scale, full_resolution(group, scale, path.name), path.name)
        parents = _parents(attributes(group, path.name), path.name)
        facts = checked_facts({"name": scale.get("name")}, path.name)
    plain = path.name.removesuffix(".zarr").removesuffix(".ome")
    labels = open_label_movie(path)
    objects = locate_cells(labels, pixel_size_um=layout.pixel_size_um)
    tracks = None
    if parents and objects["label"].isin(list(parents)).all():
        objects = objects.assign(track_id=objects["label"])
        tracks = spans(objects.assign(parent_id=objects["label"].map(parents)))
    return ready(
        TrackedMovie(
            name=facts.get("name", plain),
            labels=labels,
            objects=objects,
            tracks=tracks,
            pixel_size_um=layout.pixel_size_um,
            frame_interval_min=layout.frame_interval_min,
        )
    )


def _parents(held: dict[str, Any], name: str) -> dict[int, int]:
    """The parent of each label that is a track; empty where the file does not tell."""
    described = held.get("image-label")
    listed = described.get("properties") if isinstance(described, dict) else None
    found = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and "track_id" in item and "parent_id" in item:
            track = as_whole(item["track_id"], f"{name}: a track")
            found[track] = as_whole(item["parent_id"], f"{name}: the parent of a track")
    return found
