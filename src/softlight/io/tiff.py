"""TIFF planes: checked claims from our own walk, pixels from tifffile's decoders.

Each plane opens the file anew, so that a movie can be pickled, sent to a worker and left unclosed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from softlight.io.errors import ImageError, reading
from softlight.io.planes import UNKNOWN, Layout
from softlight.io.tiff_directory import Directory, read_directories
from softlight.io.tiff_metadata import (
    Described,
    from_imagej,
    from_ome,
    from_shaped,
)
from softlight.io.units import micrometres

_RGB, _PALETTE, _YCBCR = 2, 3, 6
_JPEG_CODECS = (6, 7, 34892, 33007)
_PER_CENTIMETRE = 3


def _raw_dtype(page: Directory, order: str) -> np.dtype[np.generic] | None:
    """The type in which uncompressed bytes of this page can be viewed, where they can."""
    kind = {1: "u", 2: "i", 3: "f", 4: "u"}.get(page.sample_format)
    if kind is None or page.bits not in (8, 16, 32, 64) or (kind == "f" and page.bits < 16):
        return None
    return np.dtype(f"{order}{kind}{page.bits // 8}")


def _pages_of_one_movie(pages: list[Directory], name: str) -> list[Directory]:
    """The pages without thumbnails; all of one size and type."""
    full = [page for page in pages if not page.reduced] or pages
    for number, page in enumerate(full):
        if page.kind != full[0].kind:
            raise ImageError(
                f"{name}: page {number + 1} is {page.height}×{page.width} with {page.bits} bits "
                f"and the first is {full[0].height}×{full[0].width} with {full[0].bits}; "
                "one movie needs frames of one size and type."
            )
    return full


def _describe(pages: list[Directory], *, name: str, size: int) -> Described:
    """What the file says of its axes, whichever program wrote it."""
    first = pages[0]
    text = first.description.lstrip("\ufeff \t\r\n")
    room = size - int(first.offsets[0])
    if text.startswith("ImageJ="):
        return from_imagej(pages, name=name, room_bytes=room)
    if text.startswith("<") and "<OME" in text[:4096]:
        return from_ome([replace(first, description=text), *pages[1:]], name=name)
    if text.startswith('{"shape":'):
        shaped = from_shaped(pages, name=name, room_bytes=room)
        if shaped is not None:
            return shaped
    planes, contiguous = len(pages), False
    if first.stack_planes > 1 and len(pages) == 1:
        planes, contiguous = first.stack_planes, True
        if first.compression != 1 or planes * first.plane_bytes > room:
            raise ImageError(f"{name} is truncated: it claims {planes:,} planes.")
    pixel = None
    if first.resolution and first.resolution_unit == _PER_CENTIMETRE:
        pixel = micrometres(1 / first.resolution, "cm")
        pixel = pixel if pixel is not None and 0.01 <= pixel <= 50 else None  # not a print size
    return Described(
        axes=UNKNOWN if planes > 1 else "",
        sizes=(planes,) if planes > 1 else (),
        how="the file does not say" if planes > 1 else "a single page",
        contiguous=contiguous,
        pixel_size_um=pixel,
    )


class TiffPlanes:
    """The planes of one TIFF file."""

    def __init__(self, path: Path) -> None:
        with reading(path, "TIFF"):
            self.path = path
            pages, self._order, size = read_directories(path)
            self._pages = _pages_of_one_movie(pages, path.name)
            said = _describe(self._pages, name=path.name, size=size)
            self._page_of, self._contiguous = said.order, said.contiguous
            self.layout = self._lay_out(said)

    def _lay_out(self, said: Described) -> Layout:
        first = self._pages[0]
        with tifffile.TiffFile(self.path) as tif:
            page = self._open_page(tif, first)
            dtype = page.dtype
        if dtype is None:
            raise ImageError(
                f"{self.path.name} has {first.bits}-bit pixels of a kind that cannot be read; "
                "convert it to 8 or 16 bits."
            )
        notes = said.notes
        if first.photometric == _PALETTE:
            notes += ("Its colour table is for display and was not applied.",)
        if first.photometric == 0 and first.bits > 1:
            notes += ("It is displayed inverted; the stored values were read.",)
        sides = (first.height, first.width)
        inner = ("YXC", (*sides, first.samples)) if first.samples > 1 else ("YX", sides)
        return Layout(
            axes=said.axes + inner[0],
            sizes=said.sizes + inner[1],
            dtype=np.dtype(dtype).newbyteorder("="),
            how=said.how,
            colour=first.samples in (3, 4) and first.photometric in (_RGB, _YCBCR),
            pixel_size_um=said.pixel_size_um,
            frame_interval_min=said.frame_interval_min,
            notes=notes,
        )

    @staticmethod
    def _open_page(tif: tifffile.TiffFile, page: Directory) -> tifffile.TiffPage:
        tif.filehandle.seek(page.offset)
        return tifffile.TiffPage(tif, 0)

    def plane(self, number: int) -> NDArray[np.generic]:
        """One raw (Y, X[, C]) plane."""
        with reading(self.path, "TIFF"):
            if self._contiguous:
                return self._contiguous_plane(number)
            return self._decoded(self._pages[self._page_of[number] if self._page_of else number])

    def _contiguous_plane(self, number: int) -> NDArray[np.generic]:
        first = self._pages[0]
        dtype = _raw_dtype(first, self._order)
        if dtype is None:
            raise ImageError(f"{self.path.name} packs its pixels in a way that cannot be read.")
        with self.path.open("rb") as handle:
            handle.seek(int(first.offsets[0]) + number * first.plane_bytes)
            raw = handle.read(first.plane_bytes)
        sides: tuple[int, ...] = (first.height, first.width)
        if first.samples > 1:
            sides = (first.samples, *sides) if first.planar else (*sides, first.samples)
        block = np.frombuffer(raw, dtype).reshape(sides).astype(dtype.newbyteorder("="))
        return np.moveaxis(block, 0, -1) if first.planar else block

    def _decoded(self, directory: Directory) -> NDArray[np.generic]:
        with tifffile.TiffFile(self.path) as tif:
            page = self._open_page(tif, directory)
            if math.prod(page.shaped) != directory.height * directory.width * directory.samples:
                raise ImageError(f"{self.path.name} is damaged: its header contradicts itself.")
            result = np.empty(page.shaped, np.dtype(page.dtype).newbyteorder("="))
            tables, header = page.jpegtables, page.jpegheader
            for index, (offset, count) in enumerate(
                zip(directory.offsets, directory.byte_counts, strict=True)
            ):
                tif.filehandle.seek(int(offset))
                raw = tif.filehandle.read(int(count))
                if directory.compression in _JPEG_CODECS:
                    # The decoder fills what a cut stream lacks with grey and says nothing.
                    _check_jpeg_end(raw, self.path.name)
                    piece, at, _ = page.decode(raw, index, jpegtables=tables, jpegheader=header)
                else:
                    piece, at, _ = page.decode(raw, index)
                if piece is None:
                    raise ImageError(f"{self.path.name} lacks a part of its pixels.")
                _put(result, piece, at)
        planar_first = result[:, 0]  # (S, Y, X, C)
        image = (
            planar_first[0]
            if planar_first.shape[0] == 1
            else np.moveaxis(planar_first[..., 0], 0, -1)
        )
        return np.ascontiguousarray(image[..., 0] if image.shape[-1] == 1 else image)


def _check_jpeg_end(raw: bytes, name: str) -> None:
    if b"\xff\xd9" not in raw[-16:]:
        raise ImageError(f"{name} is damaged: a JPEG stream in it breaks off.")


def _put(
    result: NDArray[np.generic], piece: NDArray[np.generic], at: tuple[int, int, int, int, int]
) -> None:
    """The decoded strip or tile in its place, cut where it reaches over the edge."""
    sample, depth, top, left, _ = at
    place = result[
        sample,
        depth : depth + piece.shape[0],
        top : top + piece.shape[1],
        left : left + piece.shape[2],
    ]
    place[...] = piece[: place.shape[0], : place.shape[1], : place.shape[2]]
