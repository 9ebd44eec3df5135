"""OME-Zarr planes: checked claims from our own reading of the metadata, pixels from zarr."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from softlight.io.errors import ImageError, reading
from softlight.io.zarr_metadata import (
    ZarrArray,
    attributes,
    full_resolution,
    lay_out,
    multiscale,
)


def label_group(path: Path) -> Path | None:
    """The first label image in the ``labels`` group of an OME-Zarr, where there is one."""
    with reading(path, "OME-Zarr"):
        listed = attributes(path / "labels", path.name).get("labels")
        if not isinstance(listed, list) or not listed:
            return None
        name = listed[0]
        if not isinstance(name, str) or not name or {"..", "/", "\0"} & {name, *name}:
            raise ImageError(f"{path.name} is damaged: it names its labels {str(name)!r:.40}.")
        return path / "labels" / name


class ZarrPlanes:
    """The planes of one OME-Zarr image at full resolution."""

    def __init__(self, path: Path, *, blank_is_missing: bool = True) -> None:
        self.path = path
        self._blank_is_missing = blank_is_missing  # labels may well be empty, images never
        with reading(path, "OME-Zarr"):
            group, name = path, path.name
            if attributes(path, name).get("bioformats2raw.layout") and (path / "0").is_dir():
                group = path / "0"  # the first image series of a converted file
            scale = multiscale(group, name)
            self._array = full_resolution(group, scale, name)
            self.layout = lay_out(scale, self._array, name)

    def plane(self, number: int) -> NDArray[np.generic]:
        """One raw (Y, X) plane."""
        with reading(self.path, "OME-Zarr"):
            outer = self._array.shape[:-2]
            at = tuple(int(one) for one in np.unravel_index(number, outer)) if outer else ()
            self._check_chunks(at)
            array = zarr.open_array(self._array.path, mode="r")
            return np.asarray(array[at])

    def _check_chunks(self, at: tuple[int, ...]) -> None:
        """An ImageError where none of the plane's chunks is there, or one is an empty file.

        Zarr reads a missing chunk as its fill value, and writers leave out chunks that are all
        zero; a frame without any chunk is one that was never copied.
        """
        array = self._array
        files = list(_chunk_files(array, at))
        sizes = [file.stat().st_size for file in files if file.is_file()]
        if 0 in sizes:
            raise ImageError(f"{self.path.name} is truncated: a chunk of it is an empty file.")
        if not sizes and self._blank_is_missing:
            raise ImageError(
                f"{self.path.name} is incomplete: frame {at} has no stored pixels; "
                "copy it again from the source."
            )


def _chunk_files(array: ZarrArray, at: tuple[int, ...]) -> list[Path]:
    outer = tuple(one // part for one, part in zip(at, array.chunks, strict=False))
    sides = zip(array.shape[-2:], array.chunks[-2:], strict=True)
    grid = [range(math.ceil(side / part)) for side, part in sides]
    return [array.chunk_file((*outer, *inner)) for inner in product(*grid)]
