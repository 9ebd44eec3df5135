"""Movies on a coarser grid than they were taken on: OME-TIFF that knows the way back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from xml.etree import ElementTree as ET  # expat refuses entity bombs; nothing external is loaded

import numpy as np
import tifffile
from numpy.typing import NDArray

from softlight.io.errors import ImageError, reading
from softlight.io.files import replacing

Compression = Literal["deflate", "zstd", "none"]
_CODECS = {"deflate": "zlib", "zstd": "zstd", "none": None}
_KEY = "softlight-shrunk-"
_VERSION = "1"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CLASSIC_TIFF_BYTES = 4_000_000_000
_MOST = 2**20  # pixels along a side that a grid is believed to have


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a shrunk movie comes from, and how to go back.

    Attributes:
        height: of the frames before, in pixels.
        width: the same.
        offset: grey value before of what is stored as 0.
        step: grey values before of 1 stored.
        source: name of the file.
        sha256: of that file; empty where it was a folder.
    """

    height: int
    width: int
    offset: float = 0.0
    step: float = 1.0
    source: str = ""
    sha256: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) of the frames before."""
        return self.height, self.width

    def factor(self, shape: tuple[int, ...]) -> float:
        """Share of the resolution along a line that frames of this shape have kept."""
        return math.sqrt(shape[0] * shape[1] / (self.height * self.width))

    @property
    def keeps_values(self) -> bool:
        """Whether stored grey values are those of before."""
        return self.offset == 0 and self.step == 1


def write_shrunk(
    path: Path | str,
    frames: Iterable[NDArray[Any]],
    origin: Origin,
    *,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    pixel_size_um: float | None = None,
    frame_interval_min: float | None = None,
    compression: Compression = "deflate",
) -> None:
    """Write frames of one type as an OME-TIFF with its way back.

    Args:
        path: of the file.
        frames: (Y, X) or (Y, X, C), as many as ``shape`` says.
        origin: what the frames were before.
        shape: (T, Y, X) or (T, Y, X, C) of all.
        dtype: uint8 or uint16.
        pixel_size_um: of the coarse pixels, where it is known.
        frame_interval_min: between frames, where it is known.
        compression: of the pixels; all keep every bit.
    """
    if compression not in get_args(Compression):
        raise ImageError(
            f"The compression is {compression!r}; it must be one of "
            f"{', '.join(get_args(Compression))}."
        )
    channels = shape[3:] if len(shape) == 4 else ()
    planes = (
        plane for frame in frames for plane in (np.moveaxis(frame, 2, 0) if channels else [frame])
    )
    says: dict[str, Any] = {
        "axes": "TCYX" if channels else "TYX",
        "MapAnnotation": {_KEY + "version": _VERSION}
        | {_KEY + name: str(value) for name, value in asdict(origin).items()},
    }
    if pixel_size_um is not None:
        says |= {f"PhysicalSize{axis}": pixel_size_um for axis in "XY"}
        says |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    if frame_interval_min is not None:
        says |= {"TimeIncrement": frame_interval_min, "TimeIncrementUnit": "min"}
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            planes,
            shape=(shape[0], *channels, *shape[1:3]),
            dtype=dtype,
            ome=True,
            bigtiff=math.prod(shape) * dtype.itemsize > _CLASSIC_TIFF_BYTES,
            compression=_CODECS[compression],
            predictor=compression != "none",
            photometric="minisblack",
            metadata=says,
            software="softlight",
        )


def read_origin(path: Path | str) -> Origin | None:
    """Where a movie comes from if it was shrunk; None for every other file or folder."""
    path = Path(path)
    if not path.is_file():
        return None
    with reading(path):
        with path.open("rb") as handle:
            if not handle.read(4).startswith(_TIFF):
                return None
        with tifffile.TiffFile(path) as file:
            text = str(file.pages.first.description)
    if _KEY not in text:
        return None
    try:
        said = {
            str(element.get("K")).removeprefix(_KEY): element.text or ""
            for element in ET.fromstring(text).iter()  # noqa: S314 - see the import
            if str(element.get("K")).startswith(_KEY)
        }
        return _origin(said, path.name)
    except (ET.ParseError, KeyError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(
            f"{path.name} was shrunk, but what it says of its grid before is not readable; shrink "
            "it again."
        ) from None


def _origin(said: dict[str, str], name: str) -> Origin:
    if said["version"] != _VERSION:
        raise ImageError(
            f"{name} was shrunk by another Softlight (version {said['version']:.20}, this one "
            f"reads {_VERSION}); upgrade Softlight."
        )
    found = Origin(
        height=int(said["height"]),
        width=int(said["width"]),
        offset=float(said["offset"]),
        step=float(said["step"]),
        source=said["source"],
        sha256=said["sha256"],
    )
    numbers = (found.offset, found.step)
    if not all(0 < side <= _MOST for side in found.shape) or not all(map(math.isfinite, numbers)):
        raise ValueError
    return found
