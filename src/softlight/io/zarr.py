"""Writing movies and their labels as OME-Zarr 0.4 or 0.5, one frame a chunk.

https://ngff.openmicroscopy.org/0.5 (zarr version 3) and /0.4 (zarr version 2).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from softlight.io.errors import ImageError
from softlight.io.images import Movie
from softlight.io.labels import as_labels, smallest_type
from softlight.io.sniff import is_zarr

Version = Literal["0.4", "0.5"]
LabelFrames = NDArray[np.integer[Any]] | Sequence[NDArray[np.integer[Any]]]
LABELS_NAME = "cells"
_MAX_CHUNK_BYTES = 2_000_000_000  # what compressors take in one piece


@dataclass(frozen=True, kw_only=True)
class _Stack:
    """What is written as one array: (Y, X[, C]) frames by number."""

    frames: int
    plane: tuple[int, ...]
    dtype: np.dtype[Any]
    frame: Callable[[int], NDArray[Any]]
    missing: tuple[int, ...] = ()

    @property
    def channels(self) -> int | None:
        return self.plane[2] if len(self.plane) == 3 else None


@contextmanager
def replacing_zarr(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` that becomes ``path`` if the block ends well."""
    if path.exists() and not is_zarr(path):
        raise ImageError(f"{path} exists and is not an OME-Zarr; choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary, old = (path.with_name(f".{path.name}.{mark}.{end}") for end in ("new", "old"))
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _array_stack(array: NDArray[Any]) -> _Stack:
    if array.ndim == 2:
        array = array[None]
    if array.ndim not in (3, 4) or 0 in array.shape or array.dtype.kind not in "buif":
        raise ImageError(
            f"An array of shape {array.shape} and type {array.dtype} is no movie; "
            "give numbers as (Y, X), (T, Y, X) or (T, Y, X, C)."
        )
    return _Stack(
        frames=array.shape[0], plane=array.shape[1:], dtype=array.dtype, frame=array.__getitem__
    )


def _label_stack(labels: LabelFrames, movie: _Stack) -> _Stack:
    """The labels as one array; each frame is read once to know the largest, once to be written."""
    frames = labels[None] if isinstance(labels, np.ndarray) and labels.ndim == 2 else labels
    largest = 0
    for t in range(len(frames)):
        shape = (len(frames), *frames[t].shape)
        if shape != (movie.frames, *movie.plane[:2]):
            raise ImageError(
                f"The labels have the shape {shape} but the movie "
                f"{(movie.frames, *movie.plane[:2])}; they must agree."
            )
        largest = max(largest, int(as_labels(frames[t], "labels").max()))
    kind = smallest_type(largest)
    return _Stack(
        frames=movie.frames,
        plane=movie.plane[:2],
        dtype=kind,
        frame=lambda t: frames[t].astype(kind),
    )


def _axes(stack: _Stack, *, timed: bool, sized: bool) -> list[dict[str, str]]:
    """The axes; a unit only where the scale along it is known."""
    axes = [{"name": "t", "type": "time"} | ({"unit": "minute"} if timed else {})]
    if stack.channels:
        axes.append({"name": "c", "type": "channel"})
    unit = {"unit": "micrometer"} if sized else {}
    return axes + [{"name": side, "type": "space"} | unit for side in "yx"]


def _multiscales(
    stack: _Stack, *, name: str, version: Version, pixel: float | None, interval: float | None
) -> list[dict[str, Any]]:
    scale = [interval or 1.0, *([1.0] if stack.channels else []), pixel or 1.0, pixel or 1.0]
    described: dict[str, Any] = {
        "name": name,
        "axes": _axes(stack, timed=interval is not None, sized=pixel is not None),
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        ],
    }
    return [{"version": version} | described] if version == "0.4" else [described]


def _set_ome(group: zarr.Group, version: Version, values: dict[str, Any]) -> None:
    """Where each version keeps its attributes: 0.5 under one key, 0.4 at the top."""
    group.attrs.update({"ome": {"version": version} | values} if version == "0.5" else values)


def _write_stack(group: zarr.Group, stack: _Stack, version: Version) -> None:
    channels = stack.channels
    dtype = np.dtype(np.uint8) if stack.dtype == np.bool_ else stack.dtype.newbyteorder("<")
    height, width = stack.plane[:2]
    if height * width * dtype.itemsize > _MAX_CHUNK_BYTES:
        raise ImageError(
            f"Frames of {height}×{width} pixels are too large for one chunk; tile them."
        )
    lead = (stack.frames, channels) if channels else (stack.frames,)
    ones = (1,) * len(lead)
    options: dict[str, Any]
    if version == "0.5":
        names = ["t", "c", "y", "x"] if channels else ["t", "y", "x"]
        codec = ZstdCodec(level=3, checksum=True)
        options = {"compressors": codec, "dimension_names": names}
    else:
        options = {
            "compressors": {"id": "zstd", "level": 3, "checksum": True},
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    array = group.create_array(
        "0",
        shape=(*lead, height, width),
        chunks=(*ones, height, width),
        dtype=dtype,
        fill_value=0,
        # A chunk that is not there would be read as zeros, so that loss could not be told.
        config={"write_empty_chunks": True},
        **options,
    )
    for t in range(stack.frames):
        if t in stack.missing:  # read back, it is an error that says so, and not a dark frame
            continue
        frame = stack.frame(t).astype(dtype, copy=False)
        array[t] = np.moveaxis(frame, -1, 0) if channels else frame


def write_ome_zarr(
    path: Path | str,
    movie_or_array: Movie | NDArray[Any],
    *,
    labels: LabelFrames | None = None,
    version: Version = "0.5",
    pixel_size_um: float | None = None,
    frame_interval_min: float | None = None,
) -> None:
    """Write a movie, and its (T, Y, X) labels beside it, as an OME-Zarr folder.

    Labels may be an array or a sequence of (Y, X) frames, such as a LabelMovie, read one by one.
    The folder appears when it is complete. An OME-Zarr of that name is replaced; anything else
    of that name is an error. Pixel size and interval override those of a Movie.
    """
    if version not in ("0.4", "0.5"):
        raise ImageError(f"OME-Zarr version {version!r} cannot be written; choose 0.4 or 0.5.")
    path = Path(path)
    if isinstance(movie_or_array, Movie):
        movie = movie_or_array
        pixel_size_um = pixel_size_um or movie.pixel_size_um
        frame_interval_min = frame_interval_min or movie.frame_interval_min
        stack = _Stack(
            frames=len(movie),
            plane=movie.shape[1:],
            dtype=movie.dtype,
            frame=movie.frame,
            missing=movie.missing,
        )
    else:
        stack = _array_stack(np.asarray(movie_or_array))
    name = path.name.removesuffix(".zarr").removesuffix(".ome")
    scale: dict[str, Any] = {
        "version": version,
        "pixel": pixel_size_um,
        "interval": frame_interval_min,
    }
    zarr_format: Literal[2, 3] = 3 if version == "0.5" else 2
    label_stack = None if labels is None else _label_stack(labels, stack)
    with replacing_zarr(path) as temporary:
        group = zarr.open_group(temporary, mode="w", zarr_format=zarr_format)
        _set_ome(group, version, {"multiscales": _multiscales(stack, name=name, **scale)})
        _write_stack(group, stack, version)
        if label_stack is not None:
            below = group.create_group("labels")
            _set_ome(below, version, {"labels": [LABELS_NAME]})
            image = below.create_group(LABELS_NAME)
            described = {"source": {"image": "../../"}}
            _write_labels(image, label_stack, described, name=LABELS_NAME, **scale)


def write_label_group(
    group: zarr.Group,
    labels: Sequence[NDArray[np.integer[Any]]],
    *,
    name: str = LABELS_NAME,
    properties: list[dict[str, int]] | None = None,
    pixel_size_um: float | None = None,
    frame_interval_min: float | None = None,
) -> None:
    """Write labels without their images into an empty zarr group, as an OME-Zarr label image.

    The version of OME-Zarr is that of the group: 0.5 is zarr version 3, 0.4 version 2.
    ``properties`` say more of single labels, each named by its ``label-value``.
    """
    first = labels[0]
    alone = _Stack(
        frames=len(labels), plane=first.shape, dtype=first.dtype, frame=labels.__getitem__
    )
    _write_labels(
        group,
        _label_stack(labels, alone),
        {"properties": properties} if properties else {},
        name=name,
        version="0.5" if group.metadata.zarr_format == 3 else "0.4",
        pixel=pixel_size_um,
        interval=frame_interval_min,
    )


def _write_labels(
    group: zarr.Group,
    stack: _Stack,
    described: dict[str, Any],
    *,
    name: str,
    version: Version,
    pixel: float | None,
    interval: float | None,
) -> None:
    scales = _multiscales(stack, name=name, version=version, pixel=pixel, interval=interval)
    held = {"version": version} | described if version == "0.4" else described
    _set_ome(group, version, {"multiscales": scales, "image-label": held})
    _write_stack(group, stack, version)
