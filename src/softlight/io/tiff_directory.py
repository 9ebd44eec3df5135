"""Walking the directories of a TIFF and checking every claim against the file's real size.

This runs before any library sees the file and before memory for pixels is taken. The decoders
below it are lenient by design: a directory beyond the end of the file is logged and left out,
a missing strip becomes zeros. Here each of these is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError
from softlight.io.planes import MAX_FRAMES, check_claim
from softlight.io.tiff_walk import Entry, TiffWalker

_RATIONAL = 5
_ONE_VALUE = (254, 256, 257, 259, 262, 277, 278, 284, 296, 317, 322, 323, 32997, 32998)
_VALUE_PER_SAMPLE = (258, 339)  # bits, sample format
_NAMES = {256: "width", 257: "height", 258: "bits per pixel", 262: "photometric kind"}

# What a codec can at most gain. Where it has no bound, large frames alone are held to deflate's.
_MOST_GAIN = {1: 1.0, 5: 1400.0, 8: 1050.0, 32946: 1050.0, 32773: 65.0}
_UNBOUNDED_GAIN_BYTES = 128 << 20
_UNCOMPRESSED = 1
_PREDICTORS = (1, 2, 3)
_MAX_TILE_PX = 1 << 24
_STACK_TAG = 33629  # MetaMorph; as many values as planes


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
    tiled: bool
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


def _segments_needed(
    walker: TiffWalker, numbers: dict[int, int], *, height: int, width: int, planes: int
) -> int:
    """How many strips or tiles a page of this size must have."""
    if 322 in numbers or 323 in numbers:
        tile_width, tile_height = numbers.get(322, 0), numbers.get(323, 0)
        most = max(_MAX_TILE_PX, 2 * height * width)
        if tile_width < 1 or tile_height < 1 or tile_width * tile_height > most:
            raise ImageError(
                f"{walker.name} claims tiles of {tile_height}×{tile_width} pixels; "
                "its header is damaged."
            )
        return -(-height // tile_height) * -(-width // tile_width) * planes
    rows = numbers.get(278, height)
    if rows < 1:
        raise ImageError(f"{walker.name} claims strips of {rows} rows; it is damaged.")
    return -(-height // min(rows, height)) * planes


def _data_places(
    walker: TiffWalker, found: dict[int, Entry], *, needed: int, raw_bytes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and byte counts of the strips or tiles, each inside the file."""
    where, length = (324, 325) if 322 in found else (273, 279)
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
    limit = walker.size + 1  # beyond it one byte tells as much, and the sum cannot overflow
    end = int((np.minimum(offsets, limit) + np.minimum(counts, limit)).max())
    if end > walker.size:
        raise ImageError(
            f"{walker.name} is truncated: its pixel data end at byte {end:,} "
            f"but the file at {walker.size:,}; copy it again from the source."
        )
    return offsets, counts


def _check_gain(walker: TiffWalker, page: Directory) -> None:
    """An ImageError where the stored bytes cannot be that many, or that few, pixels."""
    raw_bytes, stored, compression = page.plane_bytes, int(page.byte_counts.sum()), page.compression
    surplus = stored - raw_bytes
    if (
        compression == _UNCOMPRESSED
        and not page.tiled
        and surplus > max(512, raw_bytes // page.height)
    ):
        raise ImageError(
            f"{walker.name} claims {page.height}×{page.width} pixels but stores {surplus:,} bytes "
            "more than that; its header is damaged."
        )
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


def _numbers(walker: TiffWalker, found: dict[int, Entry]) -> dict[int, int]:
    """The first value of each whole-number entry that describes the page."""
    numbers: dict[int, int] = {}
    for tag in (*_ONE_VALUE, *_VALUE_PER_SAMPLE):
        if tag not in found:
            continue
        if tag in _ONE_VALUE and found[tag][1] != 1:
            raise ImageError(f"{walker.name} is damaged: its tag {tag} has {found[tag][1]} values.")
        values = walker.values(found[tag], tag)
        if values.dtype.kind not in "ui" or len(values) == 0:
            raise ImageError(f"{walker.name} is damaged: its tag {tag} is not a number.")
        if tag in _VALUE_PER_SAMPLE and len(values) > 1 and (values != values[0]).any():
            raise ImageError(
                f"{walker.name} mixes channels of different types, which cannot be read; "
                "export it with one bit depth."
            )
        numbers[tag] = int(values[0])
    return numbers


def _must_have(walker: TiffWalker, numbers: dict[int, int]) -> None:
    """An ImageError where a page leaves open what it is; sets the one thing that it may."""
    if 258 not in numbers and numbers.get(262) in (0, 1) and numbers.get(277, 1) == 1:
        numbers[258] = 1  # black and white may leave it out
    for tag, missing in _NAMES.items():
        if tag not in numbers:
            raise ImageError(f"{walker.name} does not say its {missing}; export it again.")
    if not 1 <= numbers[258] <= 64:
        raise ImageError(
            f"{walker.name} claims {numbers[258]} bits per pixel; 1 to 64 can be read."
        )
    if numbers.get(32997, 1) != 1 or numbers.get(32998, 1) != 1:
        raise ImageError(f"{walker.name} stores volumes; save its slices as single pages.")
    if numbers.get(317, 1) not in _PREDICTORS:
        raise ImageError(f"{walker.name} is damaged: it claims the predictor {numbers[317]}.")


def _resolution(walker: TiffWalker, found: dict[int, Entry]) -> float | None:
    """Pixels per unit along X, where given."""
    if 282 not in found or found[282][:2] != (_RATIONAL, 1):
        return None
    top, bottom = (int(value) for value in walker.values(found[282], 282))
    return top / bottom if top and bottom else None


def _directory(walker: TiffWalker, offset: int, found: dict[int, Entry]) -> Directory:
    """One directory with each of its claims checked against the file."""
    numbers = _numbers(walker, found)
    _must_have(walker, numbers)
    width, height, bits, samples = numbers[256], numbers[257], numbers[258], numbers.get(277, 1)
    check_claim(walker.name, height, width, samples=samples, item_bytes=max(1, bits / 8))
    planar = numbers.get(284, 1) == 2 and samples > 1
    separate, together = (samples, 1) if planar else (1, samples)
    plane_bytes = height * -(-width * together * bits // 8) * separate
    needed = _segments_needed(walker, numbers, height=height, width=width, planes=separate)
    offsets, counts = _data_places(walker, found, needed=needed, raw_bytes=plane_bytes)
    page = Directory(
        offset=offset,
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        sample_format=numbers.get(339, 1),
        compression=numbers.get(259, _UNCOMPRESSED),
        photometric=numbers[262],
        planar=planar,
        tiled=322 in found,
        reduced=bool(numbers.get(254, 0) & 1),
        offsets=offsets,
        byte_counts=counts,
        plane_bytes=plane_bytes,
        description=walker.text(found[270], 270) if 270 in found else "",
        resolution=_resolution(walker, found),
        resolution_unit=numbers.get(296, 2),
        stack_planes=found[_STACK_TAG][1] if _STACK_TAG in found else 1,
    )
    _check_gain(walker, page)
    return page


def read_directories(path: Path) -> tuple[list[Directory], str, int]:
    """Every page of a TIFF, checked; with the byte order ("<" or ">") and the file's size."""
    size = path.stat().st_size
    if size == 0:
        raise ImageError(f"{path.name} is empty (0 bytes); copy it again from the source.")
    with path.open("rb") as handle:
        walker = TiffWalker(path, handle, size)
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
