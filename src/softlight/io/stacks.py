"""Images and movies written as OME-TIFF, with what is known of their scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from softlight.io.files import replacing

_CLASSIC_TIFF_BYTES = 4_000_000_000


def write_stack(
    path: Path | str,
    frames: Iterable[NDArray[Any]],
    *,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    colour: bool = False,
    pixel_size_um: float | None = None,
    frame_interval_min: float | None = None,
) -> None:
    """Write frames of one type as a deflate OME-TIFF that ``open_movie`` reads back the same.

    Args:
        path: of the file.
        frames: (Y, X) or (Y, X, C), as many as ``shape`` says.
        shape: (T, Y, X) or (T, Y, X, C) of all.
        dtype: of the frames.
        colour: the channels are red, green, blue (and alpha).
        pixel_size_um: where it is known.
        frame_interval_min: where it is known.
    """
    apart = len(shape) == 4 and not colour  # channels are planes of their own
    planes = (
        plane for frame in frames for plane in (np.moveaxis(frame, 2, 0) if apart else [frame])
    )
    says: dict[str, Any] = {"axes": "TYXS" if colour else "TCYX" if apart else "TYX"}
    if pixel_size_um is not None:
        says |= {f"PhysicalSize{axis}": pixel_size_um for axis in "XY"}
        says |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    if frame_interval_min is not None:
        says |= {"TimeIncrement": frame_interval_min, "TimeIncrementUnit": "min"}
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            planes,
            shape=(shape[0], shape[3], *shape[1:3]) if apart else shape,
            dtype=dtype,
            ome=True,
            bigtiff=math.prod(shape) * dtype.itemsize > _CLASSIC_TIFF_BYTES,
            compression="zlib",
            predictor=dtype.kind in "iu",
            photometric="rgb" if colour else "minisblack",
            metadata=says,
            software="softlight",
        )
