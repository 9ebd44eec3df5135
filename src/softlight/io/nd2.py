"""Nikon ND2, by the package ``nd2``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError
from softlight.io.planes import Layout, check_claim

_OUTER = "TZC"


def _interval_min(experiment: list[Any]) -> float | None:
    for loop in experiment:
        if getattr(loop, "type", "") == "TimeLoop" and loop.parameters.periodMs > 0:
            return float(loop.parameters.periodMs) / 60_000
    return None


def open_file(package: ModuleType, path: Path) -> tuple[Layout, Callable[[int], NDArray[Any]]]:
    """The layout of the first position, and a function that reads one of its planes."""
    with package.ND2File(path) as file:
        sizes = dict(file.sizes)
        strange = set(sizes) - set("TZCPYXS")
        if strange:
            raise ImageError(f"{path.name} has axes {sorted(strange)}, which cannot be read.")
        dtype = np.dtype(file.dtype)
        samples = sizes.get("S", 1)
        check_claim(path.name, sizes["Y"], sizes["X"], samples=samples, item_bytes=dtype.itemsize)
        loops = list(file.loop_indices)
        pixel = float(file.voxel_size().x)
        interval = _interval_min(file.experiment)
    axes = "".join(axis for axis in _OUTER if sizes.get(axis, 1) > 1)
    outer = tuple(sizes[axis] for axis in axes)
    # The frames of the file by time and slice; a frame holds all channels.
    places = {
        (loop.get("T", 0), loop.get("Z", 0)): at
        for at, loop in reversed(list(enumerate(loops)))
        if loop.get("P", 0) == 0
    }
    positions = sizes.get("P", 1)
    layout = Layout(
        axes=axes + ("YXC" if samples > 1 else "YX"),
        sizes=(*outer, sizes["Y"], sizes["X"], *((samples,) if samples > 1 else ())),
        dtype=dtype,
        how="from the ND2 file",
        colour=samples in (3, 4),
        pixel_size_um=pixel if pixel > 0 else None,
        frame_interval_min=interval,
        notes=(f"It holds {positions} positions; the first was read.",) if positions > 1 else (),
    )

    def read(number: int) -> NDArray[Any]:
        at = np.unravel_index(number, outer) if outer else ()
        where = dict(zip(axes, map(int, at), strict=True))
        with package.ND2File(path) as file:
            frame = np.asarray(file.read_frame(places[where.get("T", 0), where.get("Z", 0)]))
        return np.array(frame[where["C"]] if "C" in where else frame)

    return layout, read
