"""Following the directories of a TIFF byte by byte, never beyond the end of the file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError

Entry = tuple[int, int, bytes]  # type, count, the value or where it lies

_MAX_TAGS = 4096
_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 5: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4"}
_TYPES |= {10: "i4", 11: "f4", 12: "f8", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_RATIONAL = (5, 10)


class TiffWalker:
    """Reads directory after directory with every offset checked against the size."""

    def __init__(self, path: Path, handle: BinaryIO, size: int) -> None:
        self.name, self.handle, self.size = path.name, handle, size
        self._allowance = 16
        head = self._read(0, min(size, 16))
        if len(head) < 8 or head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            raise ImageError(f"{self.name} is not a TIFF file, whatever its name says.")
        self.order = "<" if head[:2] == b"II" else ">"
        self.big = 43 in head[2:4]
        if self.big and (len(head) < 16 or self._number(head[4:6]) != 8):
            raise ImageError(f"{self.name} has a damaged BigTIFF header; export it again.")
        self.first = self._number(head[8:16] if self.big else head[4:8])
        # Directories and their values do not overlap in a sound file, so that all of them together
        # are no longer than it. Without this bound a small file could be read for hours.
        self._allowance = 2 * size + (16 << 20)

    def _number(self, raw: bytes) -> int:
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def _read(self, offset: int, count: int) -> bytes:
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ImageError(
                f"{self.name} is truncated or damaged: it points to byte {offset + count:,} "
                f"but ends at {self.size:,}; copy it again from the source."
            )
        self._allowance -= count
        if self._allowance < 0:
            raise ImageError(f"{self.name} is damaged: its directories overlap each other.")
        self.handle.seek(offset)
        return self.handle.read(count)

    def entries(self, offset: int) -> tuple[dict[int, Entry], int]:
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

    def values(self, entry: Entry, tag: int) -> NDArray[np.generic]:
        """All values of one entry."""
        kind, count, inline = entry
        if kind not in _TYPES:
            raise ImageError(f"{self.name} is damaged: its tag {tag} has no known type.")
        dtype = np.dtype(self.order + _TYPES[kind])
        length = count * dtype.itemsize * (2 if kind in _RATIONAL else 1)
        if length <= len(inline):
            return np.frombuffer(inline[:length], dtype)
        return np.frombuffer(self._read(self._number(inline), length), dtype)

    def text(self, entry: Entry, tag: int) -> str:
        """The text of one entry, up to its first zero byte."""
        raw = self.values(entry, tag).tobytes().split(b"\0", 1)[0]
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
