"""Labels that are there already, found for each position by its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from softlight.data.samples import counted
from softlight.io.images import ImageError
from softlight.io.labels import open_label_movie, read_labels
from softlight.recipes.analysis.positions import Position

_SUFFIXES = (".tif", ".tiff", ".png", ".ome.zarr", ".zarr", "")


class _LabelFiles(Sequence[NDArray[np.int32]]):
    """One label file a frame; a frame without a file may not be asked for."""

    def __init__(self, files: Sequence[Path | None]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.int32]: ...

    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.int32]]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[t] for t in range(*index.indices(len(self)))]
        file = self._files[index]
        if file is None:
            raise ImageError(f"There are no labels of frame {index}.")
        return read_labels(file)


def labels_of(
    position: Position, given: Path, *, frames: int, only: bool
) -> Sequence[NDArray[np.int32]]:
    """The labels of each frame of a position, read when they are asked for.

    Args:
        position: whose labels are looked for.
        given: a label movie, or a folder of label files called as the positions or as the frames.
        frames: how many there must be.
        only: whether it is the only position, which may have all that was given.
    """
    if not given.exists():
        raise ImageError(f"{given} does not exist; check the path of the labels.")
    files = _candidates(position, given)
    found: Sequence[NDArray[np.int32]] | None = None
    if files:
        found = open_label_movie(files[0])
    elif position.frames and given.is_dir():
        found = _by_frame(position, given)
    if found is None and only:
        found = open_label_movie(given)
    if found is None:
        raise ImageError(
            f"{given} holds no labels of {position.name}; they may be called {position.name}.tif, "
            "or as the image of each frame."
        )
    if len(found) != frames:
        raise ImageError(
            f"The labels of {position.name} have {counted(len(found), 'frame')} and its images "
            f"{frames}; there must be one for each."
        )
    return found


def _candidates(position: Position, given: Path) -> list[Path]:
    if not given.is_dir():
        return []
    places = (given / f"{position.name}{suffix}" for suffix in _SUFFIXES)
    return [place for place in places if place.exists()]


def _by_frame(position: Position, given: Path) -> _LabelFiles | None:
    """One label file for each frame, by its stem; None where there is none for any frame."""
    by_stem = {file.stem: file for file in sorted(given.iterdir()) if file.is_file()}
    files = [None if file is None else by_stem.get(file.stem) for file in position.files]
    absent = [
        image.name
        for image, file in zip(position.files, files, strict=True)
        if image is not None and file is None
    ]
    if len(absent) == len(position.there):
        return None
    if absent:
        raise ImageError(
            f"{given} holds no labels for {counted(len(absent), 'frame')} of {position.name}, the "
            f"first {absent[0]}; give one for each, or leave that frame out."
        )
    return _LabelFiles(files)
