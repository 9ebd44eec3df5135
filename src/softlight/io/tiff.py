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

_INVERTED, _RGB, _PALETTE, _YCBCR = 0, 2, 3, 6
_UNSIGNED, _SIGNED, _FLOAT, _UNDEFINED = 1, 2, 3, 4
_UNCOMPRESSED, _LZW = 1, 5
_FAX_CODECS = (2, 3, 4)
_UNSAID = "the file does not say"
_JPEG_CODECS = (6, 7, 34892, 33007)
_PER_CENTIMETRE = 3


def _dtype(page: Directory) -> np.dtype[np.generic] | None:
    """The type of the decoded pixels: the next larger one where bits are packed (12 in 16)."""
    if page.sample_format == _FLOAT:
        return np.dtype(f"f{page.bits // 8}") if page.bits in (16, 32, 64) else None
    if page.sample_format == _SIGNED:
        return np.dtype(f"i{page.bits // 8}") if page.bits in (8, 16, 32, 64) else None
    if page.sample_format not in (_UNSIGNED, _UNDEFINED):
        return None
    if page.bits == 1:
        return np.dtype(np.bool_)
    return np.dtype(f"u{next(size for size in (1, 2, 4, 8) if page.bits <= 8 * size)}")


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
        how=_UNSAID if planes > 1 else "a single page",
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
        dtype = _dtype(first)
        known = first.compression in tifffile.TIFF.DECOMPRESSORS
        if dtype is None or not known or (first.bits < 8 and first.compression in _JPEG_CODECS):
            raise ImageError(
                f"{self.path.name} has {first.bits}-bit pixels in a form that cannot be read "
                f"(compression {first.compression}); save it uncompressed with 8 or 16 bits."
            )
        notes = said.notes
        if first.photometric == _PALETTE:
            notes += ("Its colour table is for display and was not applied.",)
        if first.photometric == _INVERTED and first.bits > 1:
            notes += ("It is displayed inverted; the stored values were read.",)
        outer = [at for at, size in enumerate(said.sizes) if size > 1]
        axes = "".join(said.axes[at] for at in outer)
        sizes = tuple(said.sizes[at] for at in outer)
        if first.planar:
            axes, sizes = axes + _sample_axis(first, said), (*sizes, first.samples)
        axes, sizes = axes + "YX", (*sizes, first.height, first.width)
        if first.samples > 1 and not first.planar:
            axes, sizes = axes + "C", (*sizes, first.samples)
        return Layout(
            axes=axes,
            sizes=sizes,
            dtype=dtype,
            how=_how(axes, said.how),
            colour=first.samples in (3, 4) and first.photometric in (_RGB, _YCBCR) and "C" in axes,
            pixel_size_um=said.pixel_size_um,
            frame_interval_min=said.frame_interval_min,
            notes=notes,
        )

    def plane(self, number: int) -> NDArray[np.generic]:
        """One raw (Y, X[, C]) plane."""
        separate = self._pages[0].samples if self._pages[0].planar else 1
        with reading(self.path, "TIFF"):
            if self._contiguous:
                return self._contiguous_plane(number, separate)
            at, sample = divmod(number, separate)
            return self._decoded(self._pages[self._page_of[at] if self._page_of else at], sample)

    def _contiguous_plane(self, number: int, separate: int) -> NDArray[np.generic]:
        first = self._pages[0]
        if first.bits not in (8, 16, 32, 64):
            raise ImageError(f"{self.path.name} packs its pixels in a way that cannot be read.")
        size = first.plane_bytes // separate
        with self.path.open("rb") as handle:
            handle.seek(int(first.offsets[0]) + number * size)
            raw = handle.read(size)
        sides: tuple[int, ...] = (first.height, first.width)
        if first.samples > 1 and not first.planar:
            sides = (*sides, first.samples)
        block = np.frombuffer(raw, np.dtype(self._order + self.layout.dtype.str[1:])).reshape(sides)
        return block.astype(self.layout.dtype)

    def _decoded(self, directory: Directory, sample: int) -> NDArray[np.generic]:
        together = 1 if directory.planar else directory.samples
        segments = len(directory.offsets) // (directory.samples if directory.planar else 1)
        first = sample * segments
        with tifffile.TiffFile(self.path) as tif:
            tif.filehandle.seek(directory.offset)
            page = tifffile.TiffPage(tif, 0)
            if math.prod(page.shaped) != directory.height * directory.width * directory.samples:
                raise ImageError(f"{self.path.name} is damaged: its header contradicts itself.")
            result = np.empty((directory.height, directory.width, together), self.layout.dtype)
            for index in range(first, first + segments):
                tif.filehandle.seek(int(directory.offsets[index]))
                raw = tif.filehandle.read(int(directory.byte_counts[index]))
                _put(result, *self._piece(page, raw, index))
        return result[..., 0] if together == 1 else result

    def _piece(
        self, page: tifffile.TiffPage, raw: bytes, index: int
    ) -> tuple[NDArray[np.generic], int, int]:
        """One decoded strip or tile (Y, X, C) with its top and left."""
        tables = {}
        if page.compression in _JPEG_CODECS:
            if b"\xff\xd9" not in raw[-16:]:
                # The decoder fills what a cut stream lacks with grey and says nothing.
                raise ImageError(f"{self.path.name} is damaged: a JPEG stream in it breaks off.")
            tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
        piece, (_, _, top, left, _), shape = page.decode(raw, index, **tables)
        if piece is None:
            raise ImageError(f"{self.path.name} lacks a part of its pixels.")
        if _holds_more(page, raw, shape):
            raise ImageError(
                f"{self.path.name} stores more pixels than its header claims; it is damaged."
            )
        return piece[0], top, left


def _holds_more(page: tifffile.TiffPage, raw: bytes, shape: tuple[int, ...]) -> bool:
    """Whether a strip or tile goes on after the last pixel that the header speaks of.

    The other decoders refuse to run over; those of LZW and of single bits stop in silence.
    """
    if page.compression == _UNCOMPRESSED or not (
        page.compression == _LZW or page.bitspersample == 1
    ):
        return False
    if page.compression in _FAX_CODECS:
        return False
    row = -(-shape[2] * shape[3] * page.bitspersample // 8)
    room = shape[0] * shape[1] * row + max(512, row)
    return len(tifffile.TIFF.DECOMPRESSORS[page.compression](raw, out=room)) >= room


def _sample_axis(page: Directory, said: Described) -> str:
    """What samples on planes of their own are: colours, channels or, in a small stack, frames.

    Writers are known to store three or four grey frames as such samples and to call them RGB;
    so only eight bits, as displays have, are believed to be colours.
    """
    if said.sample_axis:
        return said.sample_axis if said.sample_axis in "TZ" else "C"
    believed = page.photometric != _RGB or page.bits <= 8
    return "C" if believed or said.how.startswith("from") else UNKNOWN


def _how(axes: str, said: str) -> str:
    """Where the axes come from, once the samples of a pixel are among them."""
    if UNKNOWN in axes:
        return _UNSAID
    return "from the TIFF tags" if said == _UNSAID else said


def _put(result: NDArray[np.generic], piece: NDArray[np.generic], top: int, left: int) -> None:
    """Sets the decoded strip or tile in its place, cut where it reaches over the edge."""
    place = result[top : top + piece.shape[0], left : left + piece.shape[1]]
    place[...] = piece[: place.shape[0], : place.shape[1]]
