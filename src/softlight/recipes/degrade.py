"""Write images, movies and annotated sets as gentler imaging would have given them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.config import ConfigError
from softlight.data.degradation import Degradation, coarse_shape, degrade_frame, for_movie
from softlight.data.sets import is_dataset, open_dataset
from softlight.io.images import ImageError, Movie, find_images, open_movie
from softlight.io.labels import write_labels
from softlight.io.stacks import write_stack
from softlight.recipes.apart import keep_apart
from softlight.recipes.segment import Reading, output_names


@dataclass
class DegradedFile:
    """What became of one image or movie.

    Attributes:
        source: the file, or the name of a sample.
        path: the worse one; None where that failed.
        frames: how many.
        error: why it failed.
    """

    source: Path
    path: Path | None = None
    frames: int = 0
    error: str | None = None


def degrade_files(
    inputs: Sequence[Path],
    out: Path,
    how: Degradation,
    *,
    seed: int = 0,
    reading: Reading | None = None,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> list[DegradedFile]:
    """Write the inputs made worse into ``out``; one bad file does not stop the rest.

    Each file becomes an OME-TIFF of its own type. Of a folder that is a data set, the images go to
    ``images/`` and their labels, as they are, to ``labels/``.

    Args:
        inputs: files, folders of files, or the folder of one data set.
        out: where to.
        how: what is given up. ``brightest``, where it is not given, is that of each image, and of
            the first frame of a movie.
        seed: of the noise.
        reading: what the files do not say themselves.
        progress: told (done, total).
        note: told what is worth knowing.
    """
    if how.changes_nothing:
        raise ConfigError(
            "Nothing would be made worse. Say what is given up: factor, blur_px, photons, bits or "
            "bleaching."
        )
    keep_apart(inputs, out)
    if len(inputs) == 1 and is_dataset(inputs[0]):
        return _degrade_dataset(inputs[0], out, how, seed=seed, progress=progress, note=note)
    files = find_images(inputs)
    results = []
    for number, (path, name) in enumerate(zip(files, output_names(files), strict=True)):
        result = DegradedFile(path)
        target = out / f"{name.removesuffix('.ome')}.ome.tif"
        try:
            movie = open_movie(path, **asdict(reading or Reading()))
            _degrade_movie(movie, target, how, seed=seed)
            result.path, result.frames = target, len(movie)
        except (ImageError, ValueError, OSError, MemoryError) as error:
            result.error = str(error) or f"{type(error).__name__} while writing"
        results.append(result)
        if progress is not None:
            progress(number + 1, len(files))
    return results


def _degrade_movie(movie: Movie, target: Path, how: Degradation, *, seed: int) -> None:
    of_movie = for_movie(how, movie.frame(0)) if len(movie) > 1 else how
    shape, size = movie.shape[1:3], movie.pixel_size_um
    if how.up == "none":
        shape = coarse_shape((movie.shape[1], movie.shape[2]), how.factor)
        size = None if size is None else size * movie.shape[1] / shape[0]
    write_stack(
        target,
        (
            _as_type(degrade_frame(movie.frame(t), of_movie, seed=seed, frame=t), movie.dtype)
            for t in range(len(movie))
        ),
        shape=(len(movie), *shape, *movie.shape[3:]),
        dtype=movie.dtype,
        colour=movie.colour,
        pixel_size_um=size,
        frame_interval_min=movie.frame_interval_min,
    )


def _degrade_dataset(
    folder: Path,
    out: Path,
    how: Degradation,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None,
    note: Callable[[str], None],
) -> list[DegradedFile]:
    if how.up == "none" and how.factor < 1:
        raise ConfigError(
            f"{folder} is a data set, whose labels are on its own grid, and up = none leaves the "
            "images on a coarser one. Use bicubic or nearest, or give the images alone."
        )
    if how.bleaching:
        raise ConfigError(
            f"{folder} is a data set, whose images are no movie that bleaches. Give the frames or "
            "the movie alone, or leave out bleaching."
        )
    dataset = open_dataset(folder)
    results, partly = [], 0
    for number, sample in enumerate(dataset.samples):
        annotated = sample.read()
        raw = annotated.image
        target = out / "images" / f"{sample.name}.tif"
        write_stack(
            target,
            [_as_type(degrade_frame(raw, how, seed=seed, frame=number), raw.dtype)],
            shape=(1, *raw.shape),
            dtype=raw.dtype,
            colour=raw.ndim == 3,
            pixel_size_um=annotated.pixel_size_um,
        )
        write_labels(out / "labels" / f"{sample.name}.tif", annotated.labels)
        partly += annotated.valid is not None
        results.append(DegradedFile(Path(sample.name), target, 1))
        if progress is not None:
            progress(number + 1, len(dataset))
    for line in dataset.notes:
        note(line)
    if partly:
        note(
            f"{partly} images are not annotated everywhere, which label images cannot say. Score "
            "such a set where it lies, by softlight evaluate --degrade."
        )
    return results


def _as_type(image: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values in the type that they came in: whole numbers are rounded and cut to its range."""
    if dtype.kind == "f":
        return image.astype(dtype)
    if dtype.kind == "b":
        return image >= 0.5
    limits = np.iinfo(dtype)
    return np.clip(np.rint(image), limits.min, limits.max).astype(dtype)
