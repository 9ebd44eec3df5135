"""One image and its label image read as arrays, and whole lists of such pairs checked at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from softlight.data.samples import Annotated, DataError, Progress, counted, listed
from softlight.io.images import open_movie
from softlight.io.labels import read_labels


@dataclass(frozen=True)
class Checked:
    """What was found in a list of pairs."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    empty: tuple[str, ...]  # names of the pairs without any labelled pixel


def read_still(path: Path) -> tuple[npt.NDArray[Any], float | None]:
    """The only frame of an image file, raw, and its pixel size where the file tells it."""
    movie = open_movie(path)
    _need_one_frame(path, movie.shape[0])
    if len(movie.shape) == 4 and not movie.colour:
        raise DataError(
            f"{path.name} has {movie.shape[3]} channels that are not red, green and blue. Save the "
            "one to train on as an image of its own."
        )
    return movie.frame(0), movie.pixel_size_um


def still_shape(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, from its header."""
    shape = open_movie(path).shape
    _need_one_frame(path, shape[0])
    return int(shape[1]), int(shape[2])


def read_pair(image: Path, labels: Path) -> Annotated:
    """One image with its labels, of the same size."""
    pixels, pixel_size_um = read_still(image)
    values = read_labels(labels)
    if pixels.shape[:2] != values.shape:
        raise DataError(other_size(labels, values.shape, image, pixels.shape[:2]))
    return Annotated(image=pixels, labels=values, pixel_size_um=pixel_size_um)


def check_pairs(
    pairs: Sequence[tuple[str, Path, Path]], *, progress: Progress | None = None
) -> Checked:
    """Every problem of these (name, image, labels) at once: unreadable, other size, empty.

    Of images the header is read, label images are decoded, since only that shows empty ones.
    """
    problems, empty, full = [], [], []
    for index, (name, image, labels) in enumerate(pairs):
        try:
            shape = still_shape(image)
            values = read_labels(labels)
        except (ValueError, OSError) as error:
            problems.append(str(error))
        else:
            if values.shape != shape:
                problems.append(other_size(labels, values.shape, image, shape))
            elif not values.any():
                empty.append(name)
            elif values.all():
                full.append(name)
        if progress is not None:
            progress(index + 1, len(pairs))
    notes = []
    if empty:
        notes.append(
            f"{counted(len(empty), 'label image')} of {len(pairs)} hold no cell and count as empty "
            f"fields: {listed(empty, shown=5)}."
        )
    if full:
        notes.append(
            f"{counted(len(full), 'label image')} of {len(pairs)} hold no background (value 0): "
            f"{listed(full, shown=5)}."
        )
    return Checked(tuple(problems), tuple(notes), tuple(empty))


def _need_one_frame(path: Path, frames: int) -> None:
    if frames != 1:
        raise DataError(
            f"{path.parent.name}/{path.name} holds {frames} frames. Save every frame as a file of "
            "its own, with a label image each."
        )


def other_size(labels: Path, found: tuple[int, ...], image: Path, wanted: tuple[int, ...]) -> str:
    """The sentence that says that labels and image differ in size."""
    return (
        f"{labels.parent.name}/{labels.name} is {_size(found)} pixels, but "
        f"{image.parent.name}/{image.name} is {_size(wanted)}"
    )


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(side) for side in shape)
