"""Zeiss CZI, by the package ``pylibCZIrw``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError
from softlight.io.planes import Layout, check_claim
from softlight.io.units import micrometres, minutes

_TYPES = {"Gray8": ("u1", 1), "Gray16": ("u2", 1), "Gray32Float": ("f4", 1)}
_TYPES |= {"Bgr24": ("u1", 3), "Bgr48": ("u2", 3)}
_OUTER = "TZC"


def _scale(xml: str) -> tuple[float | None, float | None]:
    """Pixel size in µm and interval in minutes, where the metadata have them."""
    try:
        root = ET.fromstring(xml)  # noqa: S314 - expat refuses entity bombs
        pixel = float(root.findtext(".//Scaling/Items/Distance[@Id='X']/Value") or 0)
        step = float(root.findtext(".//Dimensions/T/Positions/Interval/Increment") or 0)
    except (ET.ParseError, ValueError):
        return None, None
    return micrometres(pixel, "m"), minutes(step, "s")


def open_file(package: ModuleType, path: Path) -> tuple[Layout, Callable[[int], NDArray[Any]]]:
    """The layout of the first scene, and a function that reads one of its planes."""
    with package.open_czi(str(path)) as file:
        ranges = dict(file.total_bounding_box)
        scenes = dict(file.scenes_bounding_rectangle)
        kinds = set(dict(file.pixel_types).values())
        pixel, interval = _scale(file.raw_metadata)
    if len(kinds) != 1 or not kinds <= set(_TYPES):
        raise ImageError(
            f"{path.name} has pixels of the kinds {', '.join(sorted(map(str, kinds)))}; "
            f"one of {', '.join(_TYPES)} can be read."
        )
    kind, samples = _TYPES[str(kinds.pop())]
    scene = min(scenes) if scenes else None
    if scene is None:
        width, height = (int(ranges[side][1] - ranges[side][0]) for side in "XY")
    else:
        width, height = int(scenes[scene].w), int(scenes[scene].h)
    dtype = np.dtype(kind)
    check_claim(path.name, height, width, samples=samples, item_bytes=dtype.itemsize)
    sizes = {axis: int(ranges[axis][1] - ranges[axis][0]) for axis in _OUTER if axis in ranges}
    axes = "".join(axis for axis, size in sizes.items() if size > 1)
    outer = tuple(sizes[axis] for axis in axes)
    layout = Layout(
        axes=axes + ("YXC" if samples > 1 else "YX"),
        sizes=(*outer, height, width, *((samples,) if samples > 1 else ())),
        dtype=dtype,
        how="from the CZI file",
        colour=samples == 3,
        pixel_size_um=pixel,
        frame_interval_min=interval,
        notes=(f"It holds {len(scenes)} scenes; the first was read.",) if len(scenes) > 1 else (),
    )

    def read(number: int) -> NDArray[Any]:
        at = np.unravel_index(number, outer) if outer else ()
        plane = {axis: int(ranges[axis][0]) for axis in sizes}
        plane |= {axis: int(ranges[axis][0] + one) for axis, one in zip(axes, at, strict=True)}
        with package.open_czi(str(path)) as file:
            pixels = np.asarray(file.read(plane=plane, scene=scene))
        return np.array(pixels[..., ::-1] if samples > 1 else pixels[..., 0])  # BGR to RGB

    return layout, read
