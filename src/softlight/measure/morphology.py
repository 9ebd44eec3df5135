"""One row per cell of a frame: where it is, how large, what shape, how bright, what beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.measure.errors import MeasureError
from softlight.measure.intensity import channel_suffixes, intensity_columns
from softlight.measure.neighbours import border_contact, neighbour_columns
from softlight.measure.runs import checked_labels, runs_of
from softlight.measure.shape import shape_columns


def measure_frame(
    labels: NDArray[np.integer | np.bool_],
    image: NDArray[Any] | None = None,
    *,
    frame: int = 0,
    pixel_size_um: float | None = None,
    channels: Sequence[str] | None = None,
    nearby_px: float | None = None,
) -> pd.DataFrame:
    """The objects table of one frame: one row per label, ascending.

    Names and definitions are scikit-image's with the unit in the name; with a pixel size, columns
    in micrometres stand beside those in pixels. A frame without cells gives an empty table with
    the same columns and types.

    Args:
        labels: (Y, X), 0 = background; values may be sparse and large.
        image: the raw (Y, X) or (Y, X, C) image; without it there are no intensities.
        frame: written into the column ``frame``.
        pixel_size_um: side of a pixel, if it is known.
        channels: names for the intensity columns; one unnamed channel has no suffix, several
            are ``_c0``, ``_c1``, …
        nearby_px: reach of ``nearby_count``; by default twice the frame's median cell diameter.
    """
    scale = checked_scale(pixel_size_um)
    plane = checked_labels(labels)
    runs = runs_of(plane)
    columns: dict[str, NDArray[Any]] = {
        "frame": np.full(len(runs.labels), frame, np.int64),
        "label": runs.labels,
    }
    columns |= shape_columns(runs, plane)
    columns["area_px"] = columns["area_px"].astype(np.int64)
    columns["touches_border"] = border_contact(runs)
    centres = np.stack([columns["y_px"], columns["x_px"]], axis=1)
    columns |= neighbour_columns(runs, plane, centres=centres, nearby_px=nearby_px)
    if image is not None:
        pixels = np.asarray(image)
        names = None if channels is None else tuple(channels)
        suffixes = channel_suffixes(pixels, plane.shape, names)
        for number, suffix in enumerate(suffixes):
            channel = pixels if pixels.ndim == 2 else pixels[..., number]
            found = intensity_columns(runs, channel)
            columns |= {with_suffix(name, suffix): values for name, values in found.items()}
    return pd.DataFrame(with_micrometres(columns, scale))


def with_suffix(name: str, suffix: str) -> str:
    """The column's name for one channel: ``bright_y_px`` becomes ``bright_y_red_px``."""
    if name.endswith("_px"):
        return f"{name.removesuffix('_px')}{suffix}_px"
    return f"{name}{suffix}"


def with_micrometres(columns: dict[str, NDArray[Any]], scale: float | None) -> dict[str, Any]:
    """The columns with one in micrometres right after each one in pixels, if the scale is known."""
    if scale is None:
        return columns
    wide: dict[str, Any] = {}
    for name, values in columns.items():
        wide[name] = values
        if name == "area_px":
            wide["area_um2"] = values * scale**2
        elif name.endswith("_px"):
            wide[f"{name.removesuffix('_px')}_um"] = values * scale
    return wide


def checked_scale(pixel_size_um: float | None) -> float | None:
    """The pixel size if it is unknown or a positive number."""
    if pixel_size_um is not None and not (np.isfinite(pixel_size_um) and pixel_size_um > 0):
        raise MeasureError(
            f"The pixel size is {pixel_size_um} µm; it must be a positive number, or left out "
            "where it is not known."
        )
    return pixel_size_um
