"""GEFF, read: every claim of the zarr is checked before the zarr library sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from softlight.io.errors import reading
from softlight.io.exchange.checks import ready
from softlight.io.exchange.facts import checked_facts
from softlight.io.exchange.geff_masks import read_masks
from softlight.io.exchange.lineage import tracks_from_links
from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.planes import MAX_FRAMES
from softlight.io.sniff import is_zarr
from softlight.io.units import micrometres, minutes
from softlight.io.zarr_metadata import read_columns, read_json

_FLAT = 1e-9  # how much z may differ in a flat movie


@dataclass(frozen=True)
class _Axis:
    name: str
    kind: str
    unit: str
    scale: float | None
    scaled_unit: str


def find_geff(path: Path) -> Path | None:
    """The graph in a zarr: the folder itself, or a group in it that is a GEFF."""
    groups = [path, *sorted(child for child in path.iterdir() if is_zarr(child))]
    return next((group for group in groups if _metadata(group, path.name)), None)


def _metadata(group: Path, name: str) -> dict[str, Any]:
    """The GEFF metadata of a group; empty where it has none."""
    modern = read_json(group / "zarr.json", name).get("attributes")
    held = modern if isinstance(modern, dict) else read_json(group / ".zattrs", name)
    geff = held.get("geff")
    return geff if isinstance(geff, dict) else {}


def read_geff(path: Path | str) -> TrackedMovie:
    """The cells and tracks of a GEFF, and its masks where it has some beside it."""
    path = Path(path)
    name = path.name
    with reading(path, "GEFF"):
        group = find_geff(path) if path.is_dir() else None
        if group is None:
            raise ExchangeError(f"{path} is not a GEFF: no group of the zarr has geff metadata.")
        said = _metadata(group, name)
        ids = _values(group / "nodes" / "ids", name)
        axes = _axes(said, name)
        nodes = _properties(group, said, len(ids), name)
        frames, interval = _frames(nodes, axes, name)
        masks = read_masks(path, group, said)
        places, pixel, notes = _places(nodes, axes, masks.pixel_size_um, name)
        edges = _edges(group, ids, name)
        wanted = nodes.get(_track_property(said))
        track, tracks, merged = tracks_from_links(frames, edges, name=name, wanted=_whole(wanted))
    given = _whole(nodes.get(masks.label_property or "label"))
    labels = masks.labels if given is not None else None
    counted = pd.Series(frames).groupby(frames).cumcount().to_numpy(np.int64) + 1
    label = counted if given is None else given
    known = {axis.name for axis in axes} | {"label", "track_id", "lineage_id", "frame"}
    more = {key: values for key, values in nodes.items() if key not in known}
    table = {"frame": frames, "label": label} | places | more | {"track_id": track}
    own = said.get("extra")
    own = own.get("softlight") if isinstance(own, dict) else None
    facts = checked_facts(own, name) if isinstance(own, dict) else {}
    return ready(
        TrackedMovie(
            name=facts.get("name", path.stem),
            labels=labels,
            objects=pd.DataFrame(table),
            tracks=tracks,
            pixel_size_um=pixel,
            frame_interval_min=interval,
            shape=facts.get("shape"),
            notes=(*masks.notes, *notes, *merged),
        )
    )


def _axes(said: Mapping[str, Any], name: str) -> list[_Axis]:
    """The time axis and the two or three axes of space, in the order of the file."""
    listed = said.get("axes")
    axes = []
    for raw in listed if isinstance(listed, list) else []:
        if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
            raise ExchangeError(f"{name}: an axis of its geff metadata has no name.")
        scale = raw.get("scale")
        known = isinstance(scale, int | float) and 0 < scale < float("inf")
        axes.append(
            _Axis(
                raw["name"],
                str(raw.get("type")),
                str(raw.get("unit") or ""),
                float(scale) if known and scale is not None else None,
                str(raw.get("scaled_unit") or ""),
            )
        )
    kinds = [axis.kind for axis in axes]
    if kinds.count("time") != 1 or kinds.count("space") not in (2, 3):
        raise ExchangeError(
            f"{name} has {kinds.count('time')} axes of time and {kinds.count('space')} of space; "
            "a movie of cells needs one of time and two of space."
        )
    return axes


def _values(path: Path, name: str) -> NDArray[Any]:
    return np.asarray(zarr.open_array(read_columns(path, name).path, mode="r")[...])


def _properties(
    group: Path, said: Mapping[str, Any], rows: int, name: str
) -> dict[str, NDArray[Any]]:
    """Every property that is one number a node; missing values are NaN, or none at all."""
    described = said.get("node_props_metadata")
    found = {}
    for key, held in described.items() if isinstance(described, dict) else ():
        place = group / "nodes" / "props" / key
        if "/" in key or "\\" in key or key in ("", ".", "..") or not isinstance(held, dict):
            raise ExchangeError(f"{name} is damaged: it names a property {key!r:.40}.")
        if held.get("varlength") or held.get("dtype") in ("str", "bytes"):
            continue
        values = _values(place / "values", name)
        if values.shape[0] != rows:
            raise ExchangeError(f"{name}: {key} has {values.shape[0]} values for {rows} nodes.")
        if values.ndim != 1:
            continue
        if (place / "missing").is_dir():
            gone = _values(place / "missing", name).astype(np.bool_)
            values = np.where(gone, np.nan, values) if gone.any() else values
        found[key] = values
    return found


def _axis_values(nodes: Mapping[str, NDArray[Any]], axis: _Axis, name: str) -> NDArray[np.float64]:
    if axis.name not in nodes:
        raise ExchangeError(f"{name} is incomplete: its nodes have no {axis.name}.")
    values = nodes[axis.name].astype(np.float64)
    if not np.isfinite(values).all():
        number = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ExchangeError(f"{name}: node {number} has no {axis.name} (NaN or infinite).")
    return values


def _frames(
    nodes: Mapping[str, NDArray[Any]], axes: list[_Axis], name: str
) -> tuple[NDArray[np.int64], float | None]:
    """The frame of each node, and the minutes between frames where they are known."""
    axis = next(axis for axis in axes if axis.kind == "time")
    times = _axis_values(nodes, axis, name)
    interval = minutes(axis.scale, axis.scaled_unit) if axis.scale else None
    step = 1.0
    if minutes(1.0, axis.unit) is not None:  # real times, not numbers of frames
        apart = np.diff(np.unique(times))
        step = float(apart.min()) if len(apart) else max(float(times.max(initial=1.0)), 1.0)
        interval = minutes(step, axis.unit)
    frames = times / step
    if (np.abs(frames - np.rint(frames)) > 1e-3).any() or frames.min(initial=0) < 0:
        raise ExchangeError(f"{name}: its times are no whole frames from 0, {step:g} apart.")
    if frames.max(initial=0) >= MAX_FRAMES:
        raise ExchangeError(f"{name} speaks of frame {frames.max():.0f}; no movie is so long.")
    return np.rint(frames).astype(np.int64), interval


def _places(
    nodes: Mapping[str, NDArray[Any]], axes: list[_Axis], mask_pixel: float | None, name: str
) -> tuple[dict[str, NDArray[np.float64]], float | None, tuple[str, ...]]:
    """Positions in pixels, the size of a pixel in µm where it is known, and remarks."""
    space = [axis for axis in axes if axis.kind == "space"]
    letters = {axis.name.lower().rpartition("_")[2]: axis for axis in space}  # also POSITION_X
    flat = [letters["y"], letters["x"]] if {"y", "x"} <= set(letters) else space[-2:]
    for axis in space:
        if axis not in flat and np.ptp(_axis_values(nodes, axis, name)) > _FLAT:
            raise ExchangeError(f"{name} is three-dimensional ({axis.name}); movies here are flat.")
    y, x = (_axis_values(nodes, axis, name) for axis in flat)
    axis = flat[0]
    unit = micrometres(1.0, axis.unit)
    if unit is None:
        pixel = micrometres(axis.scale, axis.scaled_unit) if axis.scale else None
        return {"y_px": y, "x_px": x}, pixel or mask_pixel, ()
    pixel = mask_pixel or unit
    notes = () if mask_pixel else (f"It has no pixel size; a pixel was taken as 1 {axis.unit}.",)
    return {"y_px": y * unit / pixel, "x_px": x * unit / pixel}, pixel, notes


def _edges(group: Path, ids: NDArray[Any], name: str) -> NDArray[np.int64]:
    """The links as positions in the nodes."""
    edges = _values(group / "edges" / "ids", name)
    if ids.ndim != 1 or edges.ndim != 2 or edges.shape[1] != 2:
        raise ExchangeError(f"{name} is damaged: its links are {edges.shape}, not pairs.")
    order = np.argsort(ids, kind="stable")
    if len(np.unique(ids)) != len(ids):
        raise ExchangeError(f"{name}: two nodes have the same id.")
    strange = np.setdiff1d(edges, ids)
    if strange.size:
        raise ExchangeError(f"{name}: a link names node {strange[0]}, which is not there.")
    return np.asarray(order[np.searchsorted(ids[order], edges)], np.int64).reshape(-1, 2)


def _track_property(said: Mapping[str, Any]) -> str:
    named = said.get("track_node_props")
    tracklet = named.get("tracklet") if isinstance(named, dict) else None
    return tracklet if isinstance(tracklet, str) else "track_id"


def _whole(values: NDArray[Any] | None) -> NDArray[np.int64] | None:
    """The values as whole numbers above 0, or None where they are not all such."""
    if values is None or not np.isfinite(values.astype(np.float64)).all():
        return None
    whole = np.rint(values.astype(np.float64)).astype(np.int64)
    return whole if (whole == values).all() and (whole > 0).all() else None
