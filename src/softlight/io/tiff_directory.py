"""Walking the directories of a TIFF and checking every claim against the file's real size.

This runs before any library sees the file and before memory for pixels is taken. The decoders
below it are lenient by design: a directory beyond the end of the file is logged and left out,
a missing strip becomes zeros. Here each of these is an error.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError
from softlight.io.planes import MAX_FRAMES, check_claim

_MAX_TAGS = 4096
_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 5: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4"}
_TYPES |= {10: "i4", 11: "f4", 12: "f8", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_RATIONAL = (5, 10)

# What a codec can at most gain. Where it has no bound, large frames alone are held to deflate's.
_MOST_GAIN = {1: 1.0, 5: 1400.0, 8: 1050.0, 32946: 1050.0, 32773: 65.0}
_UNBOUNDED_GAIN_BYTES = 128 << 20
_UNCOMPRESSED = 1


@dataclass(frozen=True)
class Directory:
    """One checked image file directory."""

    offset: int
    width: int
    height: int
    samples: int
    bits: int
    sample_format: int
    compression: int
    photometric: int
    planar: bool
    reduced: bool
    offsets: NDArray[np.int64]
    byte_counts: NDArray[np.int64]
    plane_bytes: int
    description: str
    resolution: float | None  # pixels per unit
    resolution_unit: int
    stack_planes: int  # MetaMorph: further planes follow the first without directories

    @property
    def kind(self) -> tuple[int, ...]:
        """What must be the same in all pages of one movie."""
        return (self.height, self.width, self.samples, self.bits, self.sample_format)


class _Walker:
    """Reads directory after directory with every offset checked against the size."""

    def __init__(self, path: Path, handle: BinaryIO, size: int) -> None:
        self.name, self.handle, self.size = path.name, handle, size
        head = self._read(0, min(size, 16))
        if len(head) < 8 or head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            raise ImageError(f"{self.name} is not a TIFF file, whatever its name says.")
        self.order = "<" if head[:2] == b"II" else ">"
        self.big = 43 in head[2:4]
        if self.big and (len(head) < 16 or self._number(head[4:6]) != 8):
            raise ImageError(f"{self.name} has a damaged BigTIFF header; export it again.")
        self.first = self._number(head[8:16] if self.big else head[4:8])

    def _number(self, raw: bytes) -> int:
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def _read(self, offset: int, count: int) -> bytes:
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ImageError(
                f"{self.name} is truncated or damaged: it points to byte {offset + count:,} "
                f"but ends at {self.size:,}; copy it again from the source."
            )
        self.handle.seek(offset)
        return self.handle.read(count)

    def entries(self, offset: int) -> tuple[dict[int, tuple[int, int, bytes]], int]:
        """The raw entries of the directory at this offset, and the offset of the next."""
        head, step, tail = (8, 20, 8) if self.big else (2, 12, 4)
        number = self._number(self._read(offset, head))
        if not 1 <= number <= _MAX_TAGS:
            raise ImageError(
                f"{self.name} is damaged: a directory claims {number:,} entries; "
                "copy it again from the source."
            )
        raw = self._read(offset + head, number * step + tail)
        form = struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))
        found = {
            tag: (kind, count, value)
            for tag, kind, count, value in form.iter_unpack(raw[: number * step])
        }
        return found, self._number(raw[number * step :])

    def values(self, entry: tuple[int, int, bytes], tag: int) -> NDArray[np.generic]:
        """All values of one entry."""
        kind, count, inline = entry
        if kind not in _TYPES:
            raise ImageError(f"{self.name} is damaged: its tag {tag} has no known type.")
        dtype = np.dtype(self.order + _TYPES[kind])
        length = count * dtype.itemsize * (2 if kind in _RATIONAL else 1)
        if length <= len(inline):
            return np.frombuffer(inline[:length], dtype)
        return np.frombuffer(self._read(self._number(inline), length), dtype)


def _text(walker: _Walker, found: dict[int, tuple[int, int, bytes]], tag: int) -> str:
    if tag not in found:
        return ""
    raw = walker.values(found[tag], tag).tobytes().split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _segments_needed(
    walker: _Walker, numbers: dict[int, int], *, height: int, width: int, planes: int
) -> int:
    """How many strips or tiles a page of this size must have."""
    tile_width, tile_height = numbers.get(322, 0), numbers.get(323, 0)
    if 324 in numbers or tile_width or tile_height:
        if not 1 <= tile_width <= 1 << 16 or not 1 <= tile_height <= 1 << 16:
            raise ImageError(f"{walker.name} claims tiles of {tile_height}×{tile_width} pixels.")
        return -(-height // tile_height) * -(-width // tile_width) * planes
    rows = numbers.get(278, height)
    if rows < 1:
        raise ImageError(f"{walker.name} claims strips of {rows} rows; it is damaged.")
    return -(-height // min(rows, height)) * planes


def _data_places(
    walker: _Walker, found: dict[int, tuple[int, int, bytes]], *, needed: int, raw_bytes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and byte counts of the strips or tiles, each inside the file."""
    where, length = (324, 325) if 324 in found else (273, 279)
    if where not in found:
        raise ImageError(f"{walker.name} has a page without pixel data; export it again.")
    offsets = walker.values(found[where], where).astype(np.int64)
    if length in found:
        counts = walker.values(found[length], length).astype(np.int64)
    else:
        counts = np.array([raw_bytes], np.int64)
    if len(offsets) != needed or len(counts) != needed:
        raise ImageError(
            f"{walker.name} is damaged: a page needs {needed:,} pieces of pixel data "
            f"but lists {len(offsets):,} places and {len(counts):,} lengths."
        )
    if (offsets < 8).any() or (counts < 1).any():
        raise ImageError(
            f"{walker.name} is incomplete: some of its pixel data were never written; "
            "export it again."
        )
    end = int((offsets + np.minimum(counts, walker.size + 1)).max())
    if int(counts.max()) > walker.size or end > walker.size:
        raise ImageError(
            f"{walker.name} is truncated: its pixel data end at byte {end:,} "
            f"but the file at {walker.size:,}; copy it again from the source."
        )
    return offsets, counts


def _check_gain(walker: _Walker, compression: int, raw_bytes: int, stored: int) -> None:
    """An ImageError where so few stored bytes cannot be so many pixels."""
    gain = _MOST_GAIN.get(compression)
    if gain is None:
        if raw_bytes <= _UNBOUNDED_GAIN_BYTES:
            return
        gain = _MOST_GAIN[8]
    # Two thousand bytes of grace: tiny strips carry relatively more than the asymptote says.
    if raw_bytes > stored * gain + (0 if compression == _UNCOMPRESSED else 2000):
        raise ImageError(
            f"{walker.name} claims {raw_bytes:,} bytes of pixels in a frame but stores {stored:,}; "
            "the header is wrong or the file is truncated."
        )


def _numbers(walker: _Walker, found: dict[int, tuple[int, int, bytes]]) -> dict[int, int]:
    """The first value of each whole-number entry that describes the page."""
    wanted = (254, 256, 257, 258, 259, 262, 277, 278, 284, 296, 322, 323, 339)
    numbers: dict[int, int] = {}
    for tag in wanted:
        if tag not in found:
            continue
        values = walker.values(found[tag], tag)
        if values.dtype.kind not in "ui" or len(values) == 0:
            raise ImageError(f"{walker.name} is damaged: its tag {tag} is not a number.")
        if tag in (258, 339) and (values != values[0]).any():
            raise ImageError(
                f"{walker.name} mixes channels of different types, which cannot be read; "
                "export it with one bit depth."
            )
        numbers[tag] = int(values[0])
    return numbers


def _directory(walker: _Walker, offset: int, found: dict[int, tuple[int, int, bytes]]) -> Directory:
    numbers = _numbers(walker, found)
    if 256 not in numbers or 257 not in numbers:
        raise ImageError(f"{walker.name} has a page without a size; it is damaged.")
    width, height = numbers[256], numbers[257]
    samples, bits = numbers.get(277, 1), numbers.get(258, 1)
    if not 1 <= bits <= 64:
        raise ImageError(f"{walker.name} claims {bits} bits per pixel; 1 to 64 can be read.")
    check_claim(walker.name, height, width, samples=samples, item_bytes=max(1, bits / 8))
    planar = numbers.get(284, 1) == 2 and samples > 1
    interleaved = 1 if planar else samples
    plane_bytes = height * -(-width * interleaved * bits // 8) * (samples if planar else 1)
    needed = _segments_needed(
        walker, numbers, height=height, width=width, planes=samples if planar else 1
    )
    offsets, counts = _data_places(walker, found, needed=needed, raw_bytes=plane_bytes)
    compression = numbers.get(259, _UNCOMPRESSED)
    _check_gain(walker, compression, plane_bytes, int(counts.sum()))
    resolution = None
    if 282 in found and found[282][0] == 5:
        top, bottom = (int(value) for value in walker.values(found[282], 282)[:2])
        resolution = top / bottom if top and bottom else None
    return Directory(
        offset=offset,
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        sample_format=numbers.get(339, 1),
        compression=compression,
        photometric=numbers.get(262, 1),
        planar=planar,
        reduced=bool(numbers.get(254, 0) & 1),
        offsets=offsets,
        byte_counts=counts,
        plane_bytes=plane_bytes,
        description=_text(walker, found, 270),
        resolution=resolution,
        resolution_unit=numbers.get(296, 2),
        stack_planes=found[33629][1] if 33629 in found else 1,
    )


def read_directories(path: Path) -> tuple[list[Directory], str, int]:
    """Every page of a TIFF, checked; with the byte order ("<" or ">") and the file's size."""
    size = path.stat().st_size
    if size == 0:
        raise ImageError(f"{path.name} is empty (0 bytes); copy it again from the source.")
    with path.open("rb") as handle:
        walker = _Walker(path, handle, size)
        pages: list[Directory] = []
        seen: set[int] = set()
        offset = walker.first
        while offset:
            if offset in seen:
                raise ImageError(f"{path.name} is damaged: its list of pages runs in a circle.")
            if len(pages) >= MAX_FRAMES:
                raise ImageError(f"{path.name} has more than {MAX_FRAMES:,} pages.")
            seen.add(offset)
            found, following = walker.entries(offset)
            pages.append(_directory(walker, offset, found))
            offset = following
    if not pages:
        raise ImageError(f"{path.name} is a TIFF without any image; it was never finished.")
    return pages, walker.order, size
