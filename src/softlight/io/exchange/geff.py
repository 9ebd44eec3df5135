"""GEFF, the graph exchange file format: cells as nodes, links as edges, in a zarr.

https://liveimagetrackingtools.org/geff . The folder is a zarr (version 2, which every reader
takes) with the graph in ``tracks`` and, beside it as the format recommends, the masks as an
OME-Zarr 0.4 label image in ``segmentation``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from softlight.io.exchange.checks import checked_frames, ready
from softlight.io.exchange.lineage import links, roots
from softlight.io.exchange.movie import TrackedMovie
from softlight.io.zarr import replacing_zarr, write_label_group

VERSION = "1.1"
GRAPH, MASKS = "tracks", "segmentation"
_ROWS_PER_CHUNK = 1_000_000
_ZSTD: dict[str, Any] = {"id": "zstd", "level": 3}


def write_geff(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write a zarr with the graph and the masks; returns what the format could not hold."""
    tracked = ready(tracked, tracks=True)
    assert tracked.objects is not None
    assert tracked.tracks is not None
    objects, tracks = tracked.objects, tracked.tracks
    columns, texts = _columns(objects, tracks)
    with replacing_zarr(Path(path)) as temporary:
        whole = zarr.open_group(temporary, mode="w", zarr_format=2)
        graph = whole.create_group(GRAPH)
        nodes, edges = graph.create_group("nodes"), graph.create_group("edges")
        _store(nodes, "ids", np.arange(len(objects), dtype=np.uint64))
        _store(edges, "ids", links(objects, tracks).astype(np.uint64))
        edges.create_group("props")
        props = nodes.create_group("props")
        for key, values in columns.items():
            _store(props.create_group(key), "values", values)
        graph.attrs["geff"] = _metadata(tracked, columns)
        if tracked.labels is not None:
            for _ in checked_frames(tracked):  # masks and table must speak of the same cells
                pass
            write_label_group(
                whole.create_group(MASKS),
                tracked.labels,
                pixel_size_um=tracked.pixel_size_um,
                frame_interval_min=tracked.frame_interval_min,
            )
    left = f" ({', '.join(texts)})" if texts else ""
    return (f"Columns that are not numbers were left out{left}.",) if texts else ()


def _columns(
    objects: pd.DataFrame, tracks: pd.DataFrame
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The properties of the nodes, and the columns that cannot be one."""
    found = {
        "t": objects["frame"].to_numpy(np.int64),
        "y": objects["y_px"].to_numpy(np.float64),
        "x": objects["x_px"].to_numpy(np.float64),
        "label": objects["label"].to_numpy(np.int64),
        "track_id": objects["track_id"].to_numpy(np.int64),
        "lineage_id": objects["track_id"].map(roots(tracks)).to_numpy(np.int64),
    }
    texts = []
    for key in objects.columns.difference([*found, "frame", "y_px", "x_px"], sort=False):
        if objects[key].dtype.kind not in "biuf" or "/" in str(key):
            texts.append(str(key))
            continue
        found[str(key)] = objects[key].to_numpy()
    return found, texts


def _store(group: zarr.Group, name: str, values: NDArray[Any]) -> None:
    rows = max(1, min(len(values), _ROWS_PER_CHUNK))
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=(rows, *values.shape[1:]),
        dtype=values.dtype,
        fill_value=0,
        compressors=_ZSTD,
        config={"write_empty_chunks": True},
    )
    if values.size:
        array[...] = values


def _metadata(tracked: TrackedMovie, columns: dict[str, NDArray[Any]]) -> dict[str, Any]:
    assert tracked.tracks is not None
    units = {"y_px": "pixel", "x_px": "pixel", "y": "pixel", "x": "pixel", "t": "frame"}
    described = {}
    for key, values in columns.items():
        described[key] = {"identifier": key, "dtype": values.dtype.name, "varlength": False}
        if key in units:
            described[key]["unit"] = units[key]
    held: dict[str, Any] = {
        "geff_version": VERSION,
        "directed": True,
        "axes": [
            _axis("t", "time", "frame", columns, tracked.frame_interval_min, "minute"),
            _axis("y", "space", "pixel", columns, tracked.pixel_size_um, "micrometer"),
            _axis("x", "space", "pixel", columns, tracked.pixel_size_um, "micrometer"),
        ],
        "node_props_metadata": described,
        "edge_props_metadata": {},
        "track_node_props": _track_props(tracked.tracks),
        "extra": {"softlight": {"name": tracked.name, "shape": tracked.size}},
    }
    if tracked.labels is not None:
        held["related_objects"] = [
            {"type": "labels", "path": f"../{MASKS}/0", "node_prop": "label"}
        ]
    return held


def _axis(
    name: str,
    kind: str,
    unit: str,
    columns: dict[str, NDArray[Any]],
    scale: float | None,
    scaled_unit: str,
) -> dict[str, Any]:
    held: dict[str, Any] = {"name": name, "type": kind, "unit": unit}
    if len(columns[name]):
        held |= {"min": float(columns[name].min()), "max": float(columns[name].max())}
    return held | ({"scale": scale, "scaled_unit": scaled_unit} if scale else {})


def _track_props(tracks: pd.DataFrame) -> dict[str, str]:
    """What the numbers of tracks mean to GEFF: its tracklets go on through an only daughter."""
    daughters = tracks.loc[tracks["parent_id"] > 0, "parent_id"].value_counts()
    only = bool((daughters == 1).any())
    return {"lineage": "lineage_id"} | ({} if only else {"tracklet": "track_id"})
