"""Images without annotation: every frame below some folders, whatever annotation lies beside."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from softlight.data.names import group_and_tags
from softlight.data.samples import Annotated, DataError, Sample, counted, listed, raise_all
from softlight.data.splits import spread
from softlight.io.images import ImageError, Movie, find_images, open_movie
from softlight.io.sniff import is_zarr

_NO_IMAGES = ("labels", "masks", "annotations", "training")  # of data sets and saved models
_NO_ENDS = ("_GT", "_ST", "_STbin", "_RES")  # of the Cell Tracking Challenge


def find_frames(
    inputs: Sequence[Path | str],
    *,
    in_channels: int = 1,
    axes: str | None = None,
    channel: int | None = None,
    pixel_size_um: float | None = None,
) -> tuple[Sample, ...]:
    """Every frame of these images, movies and folders, as samples without any label.

    Folders are searched to the bottom, but not what holds labels: ``labels/``, ``masks/``,
    ``01_GT/`` and the like. Of a data set, its images are found.

    Args:
        inputs: files and folders.
        in_channels: that the network takes; files with other channels than these, or colour, are
            an error.
        axes: of the files, where the guess is wrong.
        channel: to take, from 0.
        pixel_size_um: overrides what the files say.
    """
    files = [file for given in inputs for file in _files(Path(given))]
    files = list(dict.fromkeys(files))
    if not files:
        raise DataError(
            f"{listed([str(given) for given in inputs], shown=5)} holds no image. Give a folder "
            "with TIFF, PNG or JPEG files, or movies."
        )
    samples: list[Sample] = []
    problems = []
    for file, name in zip(files, _names(files), strict=True):
        try:
            movie = open_movie(file, axes=axes, channel=channel, pixel_size_um=pixel_size_um)
            _check_channels(movie, in_channels)
        except (ValueError, OSError) as error:
            problems.append(str(error))
        else:
            samples += _samples(movie, name)
    raise_all(Path(inputs[0]), problems)
    return tuple(samples)


def fairly(samples: Sequence[Sample], most: int) -> tuple[Sample, ...]:
    """At most so many samples: of each movie or well about as many, evenly spread; 0 = all."""
    if most == 0 or len(samples) <= most:
        return tuple(samples)
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    chosen: set[str] = set()
    for number, members in enumerate(sorted(groups.values(), key=len)):
        share = (most - len(chosen)) // (len(groups) - number)
        if share:
            chosen |= {sample.name for sample in spread(members, share)}
    return tuple(sample for sample in samples if sample.name in chosen)


def described(samples: Sequence[Sample]) -> str:
    """How many frames there are, of how many wells or movies, in words."""
    groups = len({sample.group for sample in samples})
    of = "1 image, well or movie" if groups == 1 else f"{groups} images, wells or movies"
    return f"{counted(len(samples), 'frame')} of {of}"


def _files(given: Path) -> list[Path]:
    """The image itself, or all images below the folder."""
    if not given.is_dir() or is_zarr(given):
        return find_images([given])  # says where there is none
    found: list[Path] = []
    for here, folders, _ in os.walk(given):
        place = Path(here)
        folders[:] = sorted(name for name in folders if _holds_images(place / name))
        try:
            found += find_images([place])
        except ImageError:  # a folder of folders
            continue
    return found


def _holds_images(folder: Path) -> bool:
    """Whether to look into the folder: not if it is hidden, an image itself or full of labels."""
    name = folder.name
    return not (
        name.startswith(".") or name in _NO_IMAGES or name.endswith(_NO_ENDS) or is_zarr(folder)
    )


def _names(files: Sequence[Path]) -> list[str]:
    """The stem of each file, with its folder where stems come twice, else the whole path."""
    stems = [file.stem.removesuffix(".ome") for file in files]
    for parts in (
        [[s] for s in stems],
        [[f.parent.name, s] for f, s in zip(files, stems, strict=True)],
    ):
        names = ["/".join(part) for part in parts]
        if max(Counter(names).values()) == 1:
            return names
    return [file.as_posix() for file in files]


def _check_channels(movie: Movie, in_channels: int) -> None:
    if len(movie.shape) == 4 and not movie.colour and movie.shape[3] != in_channels:
        raise DataError(
            f"{movie.source.name} has {movie.shape[3]} channels and the network takes "
            f"{in_channels}; choose one with --channel 0 to {movie.shape[3] - 1}"
        )


def _samples(movie: Movie, name: str) -> list[Sample]:
    """The frames of a movie, or the one image, with the well or movie that they belong to."""
    if len(movie) == 1:
        group, tags = group_and_tags(movie.name, set_name=movie.source.resolve().parent.name)
        return [Sample(name, group, partial(_read, movie, 0), tags)]
    return [
        Sample(f"{name}_t{t:04d}", name, partial(_read, movie, t), {"frame": str(t)})
        for t in range(len(movie))
        if t not in movie.missing
    ]


def _read(movie: Movie, t: int) -> Annotated:
    frame = movie.frame(t)
    nothing = np.zeros(frame.shape[:2], np.int32)
    return Annotated(frame, nothing, pixel_size_um=movie.pixel_size_um)
