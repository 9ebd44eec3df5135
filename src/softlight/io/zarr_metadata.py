"""The JSON of an OME-Zarr, read and checked by hand before the zarr library sees any of it.

Zarr metadata choose decoders by name, and one of those that exist unpickles; so only known ones
pass. Claimed shapes and chunks are held to the limits of every other format.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from softlight.io.errors import ImageError
from softlight.io.planes import (
    MAX_FRAME_BYTES,
    MAX_FRAMES,
    UNKNOWN,
    Layout,
    check_claim,
)
from softlight.io.units import micrometres, minutes

_MAX_JSON_BYTES = 16 << 20
_MAX_DIMENSIONS = 8
_CODECS = {
    "blosc", "zstd", "gzip", "zlib", "lz4", "lzma", "bz2", "crc32", "crc32c", "adler32",
    "delta", "shuffle", "bitround", "bytes", "endian", "transpose", "sharding_indexed",
    "vlen-utf8",
}  # fmt: skip
_DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip


@dataclass(frozen=True)
class ZarrArray:
    """One checked array of a zarr group."""

    path: Path
    shape: tuple[int, ...]
    chunks: tuple[int, ...]  # what is one file: the shard, where there are shards
    dtype: np.dtype[np.generic]
    prefix: str  # of a chunk's file name: "" or "c"
    separator: str

    def chunk_file(self, at: tuple[int, ...]) -> Path:
        """Where the chunk with this grid position lies."""
        parts = ([self.prefix] if self.prefix else []) + [str(number) for number in at]
        return self.path / self.separator.join(parts)


def read_json(path: Path, name: str) -> dict[str, Any]:
    """The JSON object in a small file; an empty dict where there is no file."""
    if not path.is_file():
        return {}
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise ImageError(f"{name} is damaged: its {path.name} is larger than any metadata.")
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ImageError(
            f"{name} is damaged: its {path.name} is not readable JSON; copy it again."
        ) from None
    if not isinstance(values, dict):
        raise ImageError(f"{name} is damaged: its {path.name} holds no settings.")
    return values


def attributes(group: Path, name: str) -> dict[str, Any]:
    """The OME attributes of a group, 0.5 (zarr.json) or 0.4 and before (.zattrs)."""
    modern = read_json(group / "zarr.json", name)
    if modern:
        held = modern.get("attributes", {})
        ome = held.get("ome", held) if isinstance(held, dict) else {}
        return ome if isinstance(ome, dict) else {}
    return read_json(group / ".zattrs", name)


def _whole(
    values: object, name: str, what: str, *, fewest: int = 2, least: int = 1
) -> tuple[int, ...]:
    """These sides of an array, at least so many and each at least so long."""
    if (
        not isinstance(values, list)
        or not fewest <= len(values) <= _MAX_DIMENSIONS
        or any(isinstance(one, bool) or not isinstance(one, int) or one < least for one in values)
    ):
        raise ImageError(f"{name} is damaged: its {what} is {str(values)!r:.60}.")
    return tuple(values)


def _check_codecs(codecs: object, name: str, *, key: str) -> None:
    """An ImageError unless every codec is a known, harmless one."""
    listed = codecs if isinstance(codecs, list) else [codecs]
    for codec in listed:
        if codec is None:
            continue
        kind = codec.get(key) if isinstance(codec, dict) else codec
        if not isinstance(kind, str) or kind.removeprefix("numcodecs.") not in _CODECS:
            raise ImageError(
                f"{name} is compressed by {str(kind)!r:.40}, which is not read here; "
                "save it with zstd or blosc."
            )
        inner = codec.get("configuration") if isinstance(codec, dict) else None
        if isinstance(inner, dict):
            for nested in ("codecs", "index_codecs"):
                _check_codecs(inner.get(nested), name, key=key)


def _part(values: Mapping[str, Any], *keys: str) -> Any:
    found: Any = values
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def read_array(path: Path, name: str) -> ZarrArray:
    """What an array of images claims, checked; an ImageError where no sane one claims it."""
    array = _claims(path, name, fewest=2, least=1)
    _check_size(array, name)
    return array


def read_columns(path: Path, name: str) -> ZarrArray:
    """What an array of table columns claims, checked: one or two dimensions, maybe no row."""
    array = _claims(path, name, fewest=1, least=0)
    size = math.prod(array.shape) * array.dtype.itemsize
    chunk = math.prod(array.chunks) * array.dtype.itemsize
    if len(array.shape) > 2 or max(size, chunk) > MAX_FRAME_BYTES:
        raise ImageError(
            f"{name}: {path.parent.name}/{path.name} claims {array.shape} values "
            f"({size / 1e9:.1f} GB); no table is so large."
        )
    return array


def _claims(path: Path, name: str, *, fewest: int, least: int) -> ZarrArray:
    modern = read_json(path / "zarr.json", name)
    if modern:
        shape = _whole(modern.get("shape"), name, "shape", fewest=fewest, least=least)
        grid = _part(modern, "chunk_grid", "configuration", "chunk_shape")
        chunks = _whole(grid, name, "chunk shape", fewest=fewest)
        kind = modern.get("data_type")
        _check_codecs(modern.get("codecs"), name, key="name")
        encoding = _part(modern, "chunk_key_encoding", "name")
        default = "." if encoding == "v2" else "/"
        separator = _part(modern, "chunk_key_encoding", "configuration", "separator") or default
        prefix = "" if encoding == "v2" else "c"
    else:
        legacy = read_json(path / ".zarray", name)
        if not legacy:
            raise ImageError(
                f"{name} is incomplete: its array {path.name} is missing; copy it again."
            )
        shape = _whole(legacy.get("shape"), name, "shape", fewest=fewest, least=least)
        chunks = _whole(legacy.get("chunks"), name, "chunk shape", fewest=fewest)
        kind = _legacy_dtype(legacy.get("dtype"))
        _check_codecs(legacy.get("compressor"), name, key="id")
        _check_codecs(legacy.get("filters"), name, key="id")
        separator, prefix = legacy.get("dimension_separator", "."), ""
    if kind not in _DTYPES or separator not in ("/", ".") or len(chunks) != len(shape):
        raise ImageError(
            f"{name} has pixels of type {str(kind)!r:.30}, or its metadata are damaged."
        )
    return ZarrArray(path, shape, chunks, np.dtype(kind), prefix, separator)


def _legacy_dtype(text: object) -> str | None:
    if not isinstance(text, str) or len(text) != 3 or text[1] not in "buif":
        return None
    try:
        return np.dtype(text).name
    except TypeError:
        return None


def _check_size(array: ZarrArray, name: str) -> None:
    frames = math.prod(array.shape[:-2])
    if frames > MAX_FRAMES:
        raise ImageError(f"{name} claims {frames:,} planes; at most {MAX_FRAMES:,} can be.")
    size = array.dtype.itemsize
    check_claim(name, *array.shape[-2:], samples=1, item_bytes=size)
    chunk = math.prod(array.chunks) * size
    across = math.prod(
        -(-side // part) for side, part in zip(array.shape[-2:], array.chunks[-2:], strict=True)
    )
    if chunk * across > 4 * MAX_FRAME_BYTES or chunk > MAX_FRAME_BYTES:
        raise ImageError(
            f"{name} claims chunks of {chunk / 1e9:.1f} GB; "
            f"the limit is {MAX_FRAME_BYTES / 1e9:.1f} GB, so save it with one frame a chunk."
        )


def multiscale(group: Path, name: str) -> dict[str, Any]:
    """The first multiscale image that a group describes; an ImageError where it has none."""
    held = attributes(group, name)
    scales = held.get("multiscales")
    if isinstance(scales, list) and scales and isinstance(scales[0], dict):
        return scales[0]
    wells = _part(held, "plate", "wells")
    if isinstance(wells, list):
        raise ImageError(
            f"{name} is a plate of {len(wells)} wells; give one image in it, such as {name}/A/1/0."
        )
    raise ImageError(f"{name} is a zarr but not an OME-Zarr image: it has no multiscales.")


def full_resolution(group: Path, scale: Mapping[str, Any], name: str) -> ZarrArray:
    """The array of the finest level, which must lie inside the group."""
    datasets = scale.get("datasets")
    path = _part(datasets[0], "path") if isinstance(datasets, list) and datasets else None
    inside = isinstance(path, str) and path and ".." not in PurePosixPath(path).parts
    if not inside or PurePosixPath(str(path)).is_absolute() or "\0" in str(path):
        raise ImageError(f"{name} is damaged: it does not say where its pixels lie.")
    return read_array(group / str(path), name)


def _scales(scale: Mapping[str, Any], dimensions: int, name: str) -> list[float]:
    """The product of the level's and the image's scale along each axis."""
    found = [1.0] * dimensions
    for place in (_part(scale, "datasets")[0], scale):
        steps = _part(place, "coordinateTransformations")
        for step in steps if isinstance(steps, list) else []:
            values = _part(step, "scale") if _part(step, "type") == "scale" else None
            if values is None:
                continue
            if (
                not isinstance(values, list)
                or len(values) != dimensions
                or not all(isinstance(one, int | float) for one in values)
            ):
                raise ImageError(f"{name} is damaged: its scale is {str(values)!r:.60}.")
            found = [before * float(one) for before, one in zip(found, values, strict=True)]
    return found


def lay_out(scale: Mapping[str, Any], array: ZarrArray, name: str) -> Layout:
    """The axes, pixel size and interval of an OME-Zarr image."""
    given = scale.get("axes")
    if not isinstance(given, list):
        given = list("tczyx"[-len(array.shape) :])  # version 0.2 and before
    names = [_part(axis, "name") if isinstance(axis, dict) else axis for axis in given]
    if len(names) != len(array.shape) or names[-2:] != ["y", "x"]:
        raise ImageError(
            f"{name} has the axes {str(names)!r:.60} for {len(array.shape)} dimensions; "
            "an OME-Zarr image ends in y, x."
        )
    units = [str(_part(axis, "unit") or "") if isinstance(axis, dict) else "" for axis in given]
    scales = _scales(scale, len(names), name)
    interval = None
    if "t" in names:
        at = names.index("t")
        interval = minutes(scales[at], units[at])
    outer = "".join(
        str(axis).upper() if axis in ("t", "c", "z") else UNKNOWN for axis in names[:-2]
    )
    return Layout(
        axes=outer + "YX",
        sizes=array.shape,
        dtype=array.dtype,
        how="from the OME-Zarr metadata",
        pixel_size_um=micrometres(scales[-1], units[-1]),
        frame_interval_min=interval,
    )
