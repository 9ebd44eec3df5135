"""Leica LIF, by the package ``readlif``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError
from softlight.io.planes import Layout, check_claim


def _notes(images: int, tiles: int) -> tuple[str, ...]:
    notes = [f"It holds {images} image series; the first was read."] if images > 1 else []
    if tiles > 1:
        notes.append(f"It holds {tiles} positions; the first was read.")
    return tuple(notes)


def open_file(package: ModuleType, path: Path) -> tuple[Layout, Callable[[int], NDArray[Any]]]:
    """The layout of the first series, and a function that reads one of its planes."""
    file = package.LifFile(str(path))
    if file.num_images < 1:
        raise ImageError(f"{path.name} holds no image.")
    image = file.get_image(0)
    if image.offsets[1] == 0:  # the package would hand out blank frames
        raise ImageError(f"{path.name} is truncated; copy it again from the source.")
    bits = int(image.bit_depth[0])
    if not 1 <= bits <= 16:
        raise ImageError(f"{path.name} has {bits}-bit pixels; 8 to 16 can be read.")
    dtype = np.dtype("u1" if bits == 8 else "u2")
    sizes = {"T": int(image.dims.t), "Z": int(image.dims.z), "C": int(image.channels)}
    height, width = int(image.dims.y), int(image.dims.x)
    check_claim(path.name, height, width, samples=1, item_bytes=dtype.itemsize)
    axes = "".join(axis for axis, size in sizes.items() if size > 1)
    outer = tuple(sizes[axis] for axis in axes)
    per_um, per_second = image.scale[0], image.scale[3] if len(image.scale) > 3 else None
    layout = Layout(
        axes=axes + "YX",
        sizes=(*outer, height, width),
        dtype=dtype,
        how="from the LIF file",
        pixel_size_um=1 / per_um if per_um and per_um > 0 else None,
        frame_interval_min=1 / per_second / 60 if per_second and per_second > 0 else None,
        notes=_notes(int(file.num_images), int(image.dims.m)),
    )

    def read(number: int) -> NDArray[Any]:
        at = np.unravel_index(number, outer) if outer else ()
        where = {axis.lower(): int(one) for axis, one in zip(axes, at, strict=True)}
        return np.asarray(package.LifFile(str(path)).get_image(0).get_frame(**where)).astype(dtype)

    return layout, read
