"""What every exchange format is read into and written from: masks, cells and tracks of one movie.

The masks may be lazy: any sequence of (Y, X) label images. A format without masks gives None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.io.errors import ImageError

Frames = Sequence[NDArray[np.int32]]


class ExchangeError(ImageError):
    """Cells or tracks cannot be read or written as asked: one sentence for the user."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackedMovie:
    """Cells of one movie: label images, a table of cells, a table of tracks, as far as known.

    ``objects`` has a row per cell and frame (``frame, label, y_px, x_px``, and ``track_id`` where
    there are tracks); ``tracks`` has ``track_id, parent_id, first_frame, last_frame``.
    """

    name: str
    labels: Frames | None = None
    objects: pd.DataFrame | None = None
    tracks: pd.DataFrame | None = None
    pixel_size_um: float | None = None
    frame_interval_min: float | None = None
    shape: tuple[int, int, int] | None = None  # frames, height, width; else those of the masks
    notes: tuple[str, ...] = ()  # what was guessed or left out while reading

    @property
    def size(self) -> tuple[int, int, int] | None:
        """Frames, height and width; None where neither masks nor the file tell."""
        if self.shape is None and self.labels is not None and len(self.labels):
            height, width = self.labels[0].shape
            return len(self.labels), height, width
        return self.shape


def frame_count(tracked: TrackedMovie) -> int:
    """How many frames the movie has: as its masks or file tell, else up to its last cell."""
    if tracked.size is not None:
        return tracked.size[0]
    objects = tracked.objects
    return 0 if objects is None or objects.empty else int(objects["frame"].max()) + 1


def locate_cells(
    labels: Frames,
    *,
    pixel_size_um: float | None = None,
    frames: Iterable[int] | None = None,
) -> pd.DataFrame:
    """A row per cell and frame with its centroid and area, from the masks of these frames."""
    parts = [_locate(labels[t], t) for t in (range(len(labels)) if frames is None else frames)]
    found = pd.concat(parts, ignore_index=True) if parts else _locate(np.zeros((1, 1), int), 0)
    return with_micrometres(found, pixel_size_um)


def _locate(labels: NDArray[Any], frame: int) -> pd.DataFrame:
    rows, columns = np.nonzero(labels)
    numbers, which = np.unique(labels[rows, columns], return_inverse=True)
    area = np.bincount(which, minlength=len(numbers))
    return pd.DataFrame(
        {
            "frame": np.full(len(numbers), frame, np.int64),
            "label": numbers.astype(np.int64),
            "y_px": np.bincount(which, rows, len(numbers)) / np.maximum(area, 1),
            "x_px": np.bincount(which, columns, len(numbers)) / np.maximum(area, 1),
            "area_px": area.astype(np.int64),
        }
    )


def with_micrometres(objects: pd.DataFrame, pixel_size_um: float | None) -> pd.DataFrame:
    """The table with ``y_um``, ``x_um`` and ``area_um2`` beside the pixels where the size is known.

    Columns that are there already stay as they are.
    """
    if pixel_size_um is None:
        return objects
    factors = {"y": ("um", 1), "x": ("um", 1), "area": ("um2", 2)}
    new = {
        f"{stem}_{unit}": objects[f"{stem}_px"] * pixel_size_um**power
        for stem, (unit, power) in factors.items()
        if f"{stem}_px" in objects and f"{stem}_{unit}" not in objects
    }
    return objects.assign(**new)
