"""A folder of numbered frames as one movie."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError, reading
from softlight.io.planes import Layout, Planes
from softlight.io.sniff import is_zarr, open_planes

FRAME_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".stk", ".lsm", ".btf", ".tf8")
_MOST_NAMED = 5


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """A sort key under which frame 9 comes before frame 10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def frame_files(folder: Path) -> list[Path]:
    """The image files of a folder in natural order, without hidden ones."""
    return sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in FRAME_SUFFIXES
            and not path.name.startswith(".")
            and path.is_file()
        ),
        key=natural_key,
    )


def frame_numbers(files: Sequence[Path], folder: Path) -> list[int]:
    """The number of each file: the one run of digits that differs between the names."""
    rows = [re.findall(r"\d+", path.stem) for path in files]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ImageError(
            f"{folder.name} is not one movie: its file names do not carry one frame number each; "
            "give the files one by one."
        )
    if len(files) == 1:
        return [int(rows[0][-1])]
    varying = [at for at in range(len(rows[0])) if len({int(row[at]) for row in rows}) > 1]
    words = {re.sub(r"\d+", "#", path.stem) for path in files}
    if len(varying) != 1 or len(words) != 1:
        raise ImageError(
            f"{folder.name} is not one movie: more than the frame number differs between its "
            f"file names (as in {files[0].name} and {files[-1].name}); give the files one by one."
        )
    numbers = [int(row[varying[0]]) for row in rows]
    if len(set(numbers)) != len(numbers):
        raise ImageError(f"{folder.name} holds two files with the same frame number.")
    return numbers


def _missing_note(numbers: Sequence[int]) -> tuple[str, ...]:
    missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
    if not missing:
        return ()
    named = ", ".join(str(number) for number in missing[:_MOST_NAMED])
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    return (f"Frame numbers {named}{more} are missing; the frames were taken as consecutive.",)


class FramePlanes:
    """The planes of files that hold one frame each; None stands where a frame is missing.

    Args:
        files: one for each moment, in the order of time.
        name: of the movie, for messages.
        notes: what is known of them already.
    """

    def __init__(
        self, files: Sequence[Path | None], *, name: str, notes: tuple[str, ...] = ()
    ) -> None:
        self._files = [None if file is None else open_planes(file) for file in files]
        there = [(file, one) for file, one in zip(files, self._files, strict=True) if file and one]
        first = there[0][1].layout
        for file, planes in there:
            _check_same(planes.layout, first, name=file.name, folder=name)
        plane = "YXC" if first.axes.endswith("C") else "YX"
        self.layout = replace(
            first,
            axes="T" + plane,
            sizes=(len(files), *first.sizes[-len(plane) :]),
            how=f"{len(there)} numbered files, taken as time",
            notes=first.notes + notes,
            missing=tuple(t for t, file in enumerate(files) if file is None),
        )
        self._name = name

    def plane(self, number: int) -> NDArray[np.generic]:
        """One raw (Y, X[, C]) plane."""
        planes = self._files[number]
        if planes is None:
            raise ImageError(f"Frame {number} of {self._name} is missing: no file holds it.")
        return planes.plane(0)


def folder_planes(folder: Path) -> FramePlanes:
    """The planes of a folder: one file, one frame, in the order of the one number that differs."""
    files = frame_files(folder)
    if not files:
        raise ImageError(
            f"{folder} holds no images ({', '.join(FRAME_SUFFIXES[:5])}); check the path."
        )
    numbers = frame_numbers(files, folder)
    if max(numbers) - min(numbers) > 1_000_000:
        raise ImageError(f"{folder.name} is not one movie: its frame numbers lie too far apart.")
    order = np.argsort(numbers, kind="stable")
    return FramePlanes([files[at] for at in order], name=folder.name, notes=_missing_note(numbers))


def _check_same(layout: Layout, first: Layout, *, name: str, folder: str) -> None:
    """An ImageError where a file is not one frame like the first of its folder."""
    inner = layout.axes.index("Y")
    planes = math.prod(layout.sizes[:inner])
    if planes > 1:
        raise ImageError(
            f"{folder} is not a folder of single frames: {name} alone holds {planes}; "
            "give the files one by one."
        )
    if layout.sizes[inner:] != first.sizes[first.axes.index("Y") :]:
        came, meant = layout.sizes[inner:], first.sizes[first.axes.index("Y") :]
        raise ImageError(
            f"{folder}: {name} is {'×'.join(map(str, came))} pixels and the first frame "
            f"{'×'.join(map(str, meant))}; frames of one movie must have one size."
        )
    if layout.dtype != first.dtype:
        raise ImageError(
            f"{folder}: {name} has pixels of type {layout.dtype} and the first frame "
            f"{first.dtype}; frames of one movie must have one type."
        )


def open_folder_or_file(path: Path) -> Planes:
    """The planes of a file, of an OME-Zarr, or of a folder of numbered frames."""
    with reading(path):
        return folder_planes(path) if path.is_dir() and not is_zarr(path) else open_planes(path)
