"""What every reader returns: planes by number, the axes they span, and the limits on both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError

MAX_SIDE_PX = 1_000_000
MAX_FRAME_BYTES = 1 << 30  # one plane in memory; a movie may be any size, since it is lazy
MAX_FRAMES = 10_000_000
MAX_SAMPLES = 256  # channels that one pixel may interleave

UNKNOWN = "?"  # an axis of which the file does not say what it is


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The dimensions of a file: one letter an axis, planes of (Y, X[, C]) innermost."""

    axes: str  # such as "TZCYX", "?YX" or "TYXC"
    sizes: tuple[int, ...]
    dtype: np.dtype[np.generic]
    how: str  # where the axes come from, to be shown: "from the OME metadata"
    colour: bool = False  # the C inside a plane is red, green, blue (and alpha)
    pixel_size_um: float | None = None
    frame_interval_min: float | None = None
    notes: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()  # frames that no file holds


class Planes(Protocol):
    """A source of planes, numbered in C order over the axes before Y."""

    @property
    def layout(self) -> Layout:
        """The dimensions, known without any pixel having been read."""

    def plane(self, number: int) -> NDArray[np.generic]:
        """One raw (Y, X[, C]) plane."""


def check_claim(name: str, height: int, width: int, *, samples: int, item_bytes: float) -> int:
    """The bytes of one plane of this size, or an ImageError where no sane file is so large."""
    if height < 1 or width < 1 or samples < 1:
        raise ImageError(f"{name} claims an image of {height}×{width} pixels; it holds no image.")
    if max(height, width) > MAX_SIDE_PX:
        raise ImageError(
            f"{name} claims an image of {height}×{width} pixels; "
            f"no side may be over {MAX_SIDE_PX:,} pixels."
        )
    if samples > MAX_SAMPLES:
        raise ImageError(
            f"{name} claims {samples} samples per pixel; at most {MAX_SAMPLES} can be."
        )
    size = int(height * width * samples * item_bytes)
    if size > MAX_FRAME_BYTES:
        raise ImageError(
            f"{name} claims frames of {height}×{width} pixels ({size / 1e9:.1f} GB each); "
            f"the limit is {MAX_FRAME_BYTES / 1e9:.1f} GB, so crop or tile it first."
        )
    return size
