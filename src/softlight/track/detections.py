"""The objects table as plain arrays in the order of frames, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.track.settings import TrackError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEEDED = ("frame", "label", "y_px", "x_px")


@dataclass(frozen=True, slots=True)
class Detections:
    """The cells of a movie, sorted by frame; arrays of one length but for the last two."""

    frame: Ints
    label: Ints
    places: Floats  # (N, 2): y, x
    log_area: Floats | None
    log_intensity: Floats | None
    radius: Floats | None  # of a circle as large as the cell
    cut: NDArray[np.bool_]  # by the border of the image, so that size and centroid mislead
    order: Ints  # row of the caller's table
    frames: Ints  # the frames that hold a cell
    starts: Ints  # where each of them begins; one more at the end

    def __len__(self) -> int:
        return len(self.frame)

    def at(self, number: int) -> slice:
        """The cells of the ``number``-th frame that holds any."""
        return slice(int(self.starts[number]), int(self.starts[number + 1]))

    def radii(self, which: Ints, otherwise: float) -> Floats | float:
        """The radii of these cells, or what is typical where areas are unknown."""
        return otherwise if self.radius is None else np.asarray(self.radius[which])


def detections(objects: pd.DataFrame) -> Detections:
    """The table's cells, or a TrackError that says what is wrong with it."""
    missing = [name for name in NEEDED if name not in objects.columns]
    if missing:
        raise TrackError(
            f"The objects table has no column {', '.join(missing)}; tracking needs "
            f"{', '.join(NEEDED)}, and uses area_px and mean_intensity where they are."
        )
    frame, label = (_whole(objects, name) for name in ("frame", "label"))
    places = np.stack([_numbers(objects, "y_px"), _numbers(objects, "x_px")], axis=1)
    if not np.isfinite(places).all():
        raise TrackError(
            f"Cells of the objects table ({int((~np.isfinite(places).all(1)).sum())}) have no "
            "position; drop these rows."
        )
    order = np.lexsort((label, frame))
    frame, label = frame[order], label[order]
    twice = (np.diff(frame) == 0) & (np.diff(label) == 0)
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise TrackError(
            f"Label {label[row]} comes twice in frame {frame[row]} of the objects table; a label "
            "is one cell of a frame."
        )
    frames, starts = np.unique(frame, return_index=True)
    cut = np.zeros(len(order), bool)
    if "touches_border" in objects.columns:
        cut = _numbers(objects, "touches_border")[order] > 0
    log_area = _logs(objects, "area_px", order)
    return Detections(
        frame=frame,
        label=label,
        places=places[order],
        log_area=log_area,
        log_intensity=_logs(objects, "mean_intensity", order),
        radius=None if log_area is None else np.sqrt(np.exp(log_area) / np.pi),
        cut=cut,
        order=order,
        frames=frames,
        starts=np.append(starts, len(frame)).astype(np.int64),
    )


def _numbers(objects: pd.DataFrame, name: str) -> Floats:
    try:
        return np.asarray(objects[name], np.float64)
    except (TypeError, ValueError):
        raise TrackError(f"Column {name} of the objects table has values not numbers.") from None


def _whole(objects: pd.DataFrame, name: str) -> Ints:
    values = _numbers(objects, name)
    if not np.isfinite(values).all() or (values != np.rint(values)).any() or (values < 0).any():
        raise TrackError(f"Column {name} of the objects table must be whole numbers from 0.")
    return values.astype(np.int64)


def _logs(objects: pd.DataFrame, name: str, order: Ints) -> Floats | None:
    """Logarithms of a column; None where it is absent or not above 0 everywhere."""
    if name not in objects.columns:
        return None
    values = _numbers(objects, name)[order]
    if not (np.isfinite(values) & (values > 0)).all():
        return None
    logs: Floats = np.log(values)
    return logs
