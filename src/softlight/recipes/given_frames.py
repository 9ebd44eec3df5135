"""Label images that are there already, in the order of time, with the gaps between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softlight.config import ConfigError
from softlight.io.ctc import read_ctc_result
from softlight.io.labels import LazyFrames, open_label_movie, read_labels
from softlight.io.sniff import is_zarr
from softlight.recipes.analysis.positions import Position, find_positions
from softlight.recipes.segment import Reading

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class GivenFrames:
    """The labels of each frame, and what the names of the files say of them.

    Attributes:
        labels: read when they are asked for; without a cell where a frame is missing.
        missing: the frames that no file holds.
        interval_min: time between frames, where the names tell it.
        notes: what is to be told of the times.
    """

    labels: Sequence[Labels]
    missing: tuple[int, ...] = ()
    interval_min: float | None = None
    notes: tuple[str, ...] = ()


def given_frames(path: Path, *, interval_min: float | None = None) -> GivenFrames:
    """The labels in a stack, a folder of frames, a run of segment or a Challenge folder, lazily.

    Args:
        path: where they lie.
        interval_min: time between frames, if it was given; it goes before what names say.
    """
    if interval_min is not None and not 0 < interval_min < math.inf:
        raise ConfigError(
            f"The interval between frames is {interval_min:g}; it must be above 0. Leave it out or "
            "mend it."
        )
    if not path.is_dir() or is_zarr(path):
        return GivenFrames(open_label_movie(path), interval_min=interval_min)
    if any((path / name).is_file() for name in ("res_track.txt", "man_track.txt")):
        masks = read_ctc_result(path).masks
        labels = LazyFrames(len(masks), lambda t: read_labels(masks[t]))
        return GivenFrames(labels, interval_min=interval_min)
    for below in (path / "TRA", path / "labels"):  # 01_GT, a run of softlight segment
        if below.is_dir():
            return given_frames(_only_stack(below), interval_min=interval_min)
    positions = find_positions([path])
    if len(positions) == 1 and positions[0].frames:
        return _in_time(positions[0], interval_min)
    return GivenFrames(open_label_movie(path), interval_min=interval_min)


def _only_stack(folder: Path) -> Path:
    """The one movie in the labels of a run; the folder itself where they are its frames."""
    files = sorted(file for file in folder.glob("*.tif") if not file.name.startswith("."))
    if folder.name == "labels" and len(files) == 1:
        return files[0]
    return folder


def _in_time(position: Position, interval_min: float | None) -> GivenFrames:
    """The frames of a position, as `softlight analyze` would take images of the same names."""
    files = position.files

    def read(t: int) -> Labels:
        file = files[t]
        if file is None:
            return np.zeros(read_labels(position.there[0]).shape, np.int32)
        return read_labels(file)

    reading = Reading(interval_min=interval_min)
    return GivenFrames(
        labels=LazyFrames(len(files), read),
        missing=tuple(t for t, file in enumerate(files) if file is None),
        interval_min=interval_min or position.interval_min,
        notes=(*position.notes, *position.doubts(reading)),
    )
