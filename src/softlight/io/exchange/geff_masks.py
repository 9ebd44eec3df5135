"""The masks that lie beside a GEFF in its zarr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from softlight.io.exchange.movie import Frames
from softlight.io.labels import LazyFrames, as_labels, open_label_movie
from softlight.io.zarr_metadata import ZarrArray, lay_out, multiscale, read_array, read_json


@dataclass(frozen=True)
class Masks:
    """The label images of a GEFF, which property of a node is its label, and remarks."""

    labels: Frames | None = None
    label_property: str | None = None
    pixel_size_um: float | None = None
    notes: tuple[str, ...] = ()


def read_masks(path: Path, group: Path, said: Mapping[str, Any]) -> Masks:
    """The masks that the metadata name, if they lie within the zarr and are one plane a frame."""
    related = said.get("related_objects")
    for item in related if isinstance(related, list) else []:
        if not isinstance(item, dict) or item.get("type") != "labels":
            continue
        key = item.get("node_prop") or item.get("label_prop")
        place = _within(path if group != path else path.parent, group, item.get("path"))
        if place is None or not isinstance(key, str):
            return Masks(notes=(f"Its masks ({str(item.get('path'))!r:.60}) were not read.",))
        return _open(place, key, path.name)
    return Masks()


def _within(root: Path, group: Path, relative: object) -> Path | None:
    """Where the masks lie; None where that is outside the zarr, or nothing is there."""
    if not isinstance(relative, str) or "\0" in relative:
        return None
    place = (group / relative).resolve()
    return place if place.is_relative_to(root.resolve()) and place.is_dir() else None


def _open(place: Path, key: str, name: str) -> Masks:
    is_array = (place / ".zarray").is_file() or "shape" in read_json(place / "zarr.json", name)
    if not is_array:
        return Masks(open_label_movie(place), key, _pixel(place, name))
    array = read_array(place, name)
    if len(array.shape) != 3:
        return Masks(notes=(f"Its masks have {len(array.shape)} dimensions; they were not read.",))
    return Masks(_frames(array, name), key, _pixel(place.parent, name))


def _frames(array: ZarrArray, name: str) -> LazyFrames:
    def make(t: int) -> NDArray[np.int32]:
        return as_labels(np.asarray(zarr.open_array(array.path, mode="r")[t]), name)

    return LazyFrames(array.shape[0], make)


def _pixel(group: Path, name: str) -> float | None:
    """The size of a pixel where the masks are an OME-Zarr image."""
    try:
        scale = multiscale(group, name)
        array = read_array(group / "0", name)
        return lay_out(scale, array, name).pixel_size_um
    except ValueError:
        return None
