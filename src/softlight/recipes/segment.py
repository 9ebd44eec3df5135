"""Segment files and folders with one model: label images, a table, pictures and a report."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.config import ModelSpec
from softlight.data.samples import counted
from softlight.inference.predict import Segmenter, class_probability, foreground_probability
from softlight.instances.distance import split_by_distance
from softlight.instances.flows import split_by_flow
from softlight.instances.split import split_components, split_touching
from softlight.io.files import replacing
from softlight.io.images import ImageError, Movie, find_images, open_movie
from softlight.io.labels import label_writer, open_label_movie
from softlight.io.zarr import write_ome_zarr
from softlight.recipes.provenance import stamp

DEFAULT_DIAMETER_PX = 20.0  # where the model does not know the size of its cells
COLUMNS = [
    "file",
    "frame",
    "time_min",
    "cells",
    "confluence",
    "median_area_px",
    "median_area_um2",
]
CENTRES_APART = 0.25  # of a diameter, at least: the best on true masks (docs/reference/prediction)


@dataclass(frozen=True)
class Reading:
    """How the files are to be read, where they do not say it themselves."""

    axes: str | None = None
    channel: int | None = None
    pixel_size_um: float | None = None
    interval_min: float | None = None


@dataclass(frozen=True)
class Options:
    """How foreground becomes labels."""

    threshold: float | None = None  # None: the model's own
    min_area_px: int | None = None  # None: the model's own
    touching: bool = True  # cut cells that touch; False leaves connected pieces
    flips: bool = False  # average over mirror images
    ome_zarr: Literal["0.4", "0.5"] | None = None  # also write images and labels in this version


@dataclass
class SegmentedFile:
    """What was found in one file, or why nothing could be."""

    source: Path
    frames: int = 0
    axes: str = ""
    axes_note: str = ""
    pixel_size_um: float | None = None
    labels_path: Path | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    sha256: str = ""
    movie: Movie | None = None

    def line(self) -> str:
        """What was found, for the terminal."""
        if self.error:
            return f"{self.source.name}: failed"
        cells = [row["cells"] for row in self.rows]
        cover = [row["confluence"] for row in self.rows]
        if len(cells) == 1:
            return f"{self.source.name}: {counted(cells[0], 'cell')}, confluence {cover[0]:.1%}"
        return (
            f"{self.source.name}: {len(cells)} frames, {cells[0]} to {cells[-1]} cells, "
            f"confluence {cover[0]:.1%} to {cover[-1]:.1%}"
        )


def segment(
    inputs: Sequence[Path],
    segmenter: Segmenter,
    out: Path,
    *,
    reading: Reading | None = None,
    options: Options | None = None,
    as_movies: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[SegmentedFile]:
    """Every input file segmented into ``out``; a file that cannot be read does not stop the rest.

    Args:
        inputs: image files, movies, or folders of them.
        segmenter: the model.
        out: ``labels/``, ``frames.csv``, ``run.json`` go here.
        reading: what the files do not say themselves.
        options: how foreground becomes labels.
        as_movies: each folder is one movie, the files in it its frames.
        progress: told (file name, frames done, frames in all).
    """
    reading, options = reading or Reading(), options or Options()
    files = [Path(path) for path in inputs] if as_movies else find_images(inputs)
    names = output_names(files)
    targets = [out / "labels" / f"{name}.tif" for name in names]
    _spare_inputs(files, targets)
    (out / "labels").mkdir(parents=True, exist_ok=True)
    results = []
    for path, target in zip(files, targets, strict=True):
        target.unlink(missing_ok=True)  # else a failure would leave an older run's labels
        results.append(_segment_file(path, target, segmenter, reading, options, progress))
    shared = _shared([path.name for path in files])
    for result in results:
        if result.source.name.casefold() in shared:
            result.rows = [{**row, "file": str(result.source)} for row in result.rows]
    _write_summary(results, segmenter, out, reading, options)
    return results


def _spare_inputs(files: Sequence[Path], targets: Sequence[Path]) -> None:
    """Raise before anything is written if labels would replace an image."""
    written = {target.resolve() for target in targets}
    lost = [path for path in files if path.resolve() in written]
    if lost:
        raise ValueError(
            f"The labels would replace {len(lost)} of the images, the first {lost[0]}. Give --out "
            "another folder."
        )


def output_names(files: Sequence[Path]) -> list[str]:
    """A name for the labels of each file, no two alike: its stem, and more where that is shared.

    More is the folder, then the suffix too, then a number.
    """
    names = [path.stem for path in files]
    with_folder = [f"{path.parent.name}_{path.stem}" for path in files]
    with_suffix = [f"{path.parent.name}_{path.name}".replace(".", "_") for path in files]
    for longer in (with_folder, with_suffix):
        shared = _shared(names)
        names = [
            more if name.casefold() in shared else name
            for name, more in zip(names, longer, strict=True)
        ]
    taken: set[str] = set()
    for index, name in enumerate(names):
        number = 1
        while names[index].casefold() in taken:
            number += 1
            names[index] = f"{name}_{number}"
        taken.add(names[index].casefold())
    return names


def _shared(names: Sequence[str]) -> set[str]:
    """The names that come more than once, on disks that do not tell A from a too."""
    counts = Counter(name.casefold() for name in names)
    return {name for name, count in counts.items() if count > 1}


def _segment_file(
    path: Path,
    target: Path,
    segmenter: Segmenter,
    reading: Reading,
    options: Options,
    progress: Callable[[str, int, int], None] | None,
) -> SegmentedFile:
    result = SegmentedFile(path)
    try:
        movie = open_movie(path, **asdict(reading))
        _describe(result, movie)
        grey = segmenter.spec.model.in_channels == 1
        with label_writer(target) as add:
            for frame in range(len(movie)):
                image = movie.grey(frame) if grey else movie.frame(frame)
                labels = label_cells(image, segmenter, options, movie.pixel_size_um)
                add(labels)
                result.rows.append(_row(path, frame, labels, movie))
                if progress is not None:
                    progress(path.name, frame + 1, len(movie))
        if options.ome_zarr is not None:
            zarr = target.parents[1] / "ome-zarr" / f"{target.stem}.ome.zarr"
            found = open_label_movie(target)
            write_ome_zarr(zarr, movie, labels=found, version=options.ome_zarr)
        result.labels_path = target
        result.warnings += _doubts(result, options, segmenter)
    except (ImageError, ValueError, OSError, MemoryError) as error:
        result.error = str(error) or f"{type(error).__name__} while segmenting"
        result.rows = []
    return result


def label_cells(
    image: npt.NDArray[Any],
    segmenter: Segmenter,
    options: Options,
    pixel_size_um: float | None = None,
) -> npt.NDArray[np.int32]:
    """The cells of one raw frame (Y, X[, C]) as labels (Y, X).

    The model's cell size and smallest area are on its own grid; here they are brought to the
    frame's. An area in the options is in the frame's pixels already.
    """
    maps = segmenter.maps(image, pixel_size_um=pixel_size_um, flips=options.flips)
    scale = segmenter.scale_for(maps.shape[1:], pixel_size_um)
    return divide_cells(maps, segmenter.spec, options, scale=scale)


def divide_cells(
    maps: npt.NDArray[np.float32], spec: ModelSpec, options: Options, *, scale: float = 1.0
) -> npt.NDArray[np.int32]:
    """The labels (Y, X) in the outputs (K, Y, X) of a network, as its kind of output asks.

    Args:
        maps: what ``Segmenter.maps`` gives.
        spec: of the model: what its outputs mean, its thresholds and the size of its cells.
        options: what goes before the model's own settings.
        scale: pixels of the model's grid per pixel of the maps.
    """
    threshold = spec.threshold if options.threshold is None else options.threshold
    min_area = options.min_area_px
    if min_area is None:
        min_area = round(spec.min_area_px / scale**2)
    foreground = foreground_probability(class_probability(maps, spec))
    if not options.touching:
        return split_components(foreground >= threshold, min_area_px=min_area)
    if spec.target == "distance":
        return split_by_distance(
            foreground,
            maps[1],
            maps[2],
            foreground_threshold=threshold,
            seed_threshold=spec.split.seed_threshold,
            dip=spec.split.dip,
            smoothing_px=spec.split.smoothing_px / scale,
            min_area_px=min_area,
        )
    if spec.target == "flow":
        return split_by_flow(
            foreground,
            maps[1:],
            foreground_threshold=threshold,
            dip=spec.split.dip,
            min_area_px=min_area,
        )
    diameter = (spec.cell_diameter_px or DEFAULT_DIAMETER_PX) / scale
    return split_touching(
        foreground,
        threshold=threshold,
        min_area_px=min_area,
        min_distance_px=diameter * CENTRES_APART,
    )


def _describe(result: SegmentedFile, movie: Movie) -> None:
    result.movie = movie
    result.frames = len(movie)
    result.axes, result.axes_note = movie.axes, movie.axes_note
    result.pixel_size_um = movie.pixel_size_um
    if result.source.is_file():
        with result.source.open("rb") as file:
            result.sha256 = hashlib.file_digest(file, "sha256").hexdigest()


def _row(path: Path, frame: int, labels: npt.NDArray[np.int32], movie: Movie) -> dict[str, Any]:
    """What one frame holds, sizes in pixels and where it is known in µm."""
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    median = float(np.median(areas)) if areas.size else float("nan")
    size, interval = movie.pixel_size_um, movie.frame_interval_min
    return {
        "file": path.name,
        "frame": frame,
        "time_min": float("nan") if interval is None else frame * interval,
        "cells": int(areas.size),
        "confluence": float((labels > 0).mean()),
        "median_area_px": median,
        "median_area_um2": float("nan") if size is None else median * size**2,
    }


def _doubts(result: SegmentedFile, options: Options, segmenter: Segmenter) -> list[str]:
    """What a careful person would say about this result."""
    cells = [row["cells"] for row in result.rows]
    confluence = [row["confluence"] for row in result.rows]
    empty = sum(count == 0 for count in cells)
    threshold = segmenter.spec.threshold if options.threshold is None else options.threshold
    if empty == len(cells):
        return [
            f"No cell was found in {result.source.name}: no pixel has a foreground probability of "
            f"{threshold:g} or more in a large enough piece. Look at the picture; if there are "
            "cells, check --axes and --channel, lower --threshold, or train on images like it."
        ]
    if empty:
        return [f"{empty} of {len(cells)} frames of {result.source.name} have no cell."]
    if min(confluence) > 0.99:
        return [
            f"Nearly all of {result.source.name} was called cell; the model may not fit this image."
        ]
    return []


def summary(results: Sequence[SegmentedFile]) -> list[dict[str, Any]]:
    """What was found in each file, as plain values."""
    return [
        {
            "source": str(result.source),
            "sha256": result.sha256,
            "frames": result.frames,
            "axes": result.axes,
            "cells": [row["cells"] for row in result.rows],
            "confluence": [row["confluence"] for row in result.rows],
            "labels": None if result.labels_path is None else str(result.labels_path),
            "warnings": result.warnings,
            "error": result.error,
        }
        for result in results
    ]


def _write_summary(
    results: Sequence[SegmentedFile],
    segmenter: Segmenter,
    out: Path,
    reading: Reading,
    options: Options,
) -> None:
    table = pd.DataFrame([row for result in results for row in result.rows], columns=COLUMNS)
    with replacing(out / "frames.csv") as temporary:
        table.to_csv(temporary, index=False)
    run = {
        "provenance": stamp(),
        "model": segmenter.spec.model_dump(mode="json"),
        "reading": asdict(reading),
        "options": asdict(options),
        "device": str(segmenter.device),
        "files": summary(results),
    }
    with replacing(out / "run.json") as temporary:
        temporary.write_text(json.dumps(run, indent=2), encoding="utf-8")
