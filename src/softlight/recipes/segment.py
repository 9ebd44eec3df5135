"""Segment files and folders with one model: label images, a table, pictures and a report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.data.samples import counted
from softlight.inference.predict import Segmenter
from softlight.io.files import replacing
from softlight.io.images import ImageError, Movie, find_images, open_movie
from softlight.io.labels import label_writer, open_label_movie
from softlight.io.strict_json import write_json
from softlight.io.zarr import write_ome_zarr
from softlight.measure.morphology import measure_frame
from softlight.recipes.apart import keep_apart
from softlight.recipes.bounds import bounds
from softlight.recipes.class_maps import COLUMNS as CLASS_COLUMNS
from softlight.recipes.class_maps import ClassMaps, class_path, shares_in_words, with_held
from softlight.recipes.divide import Found, Options
from softlight.recipes.finder import Begun, CellFinder
from softlight.recipes.provenance import stamp

COLUMNS = [
    "file",
    "frame",
    "time_min",
    "cells",
    "confluence",
    "median_area_px",
    "median_area_um2",
    "mean_score",
    "cells_low",
    "cells_high",
    "confluence_low",
    "confluence_high",
]
CELL_COLUMNS = ["file", "frame", "label", "y_px", "x_px", "area_px", "y_um", "x_um", "area_um2"]


@dataclass(frozen=True)
class Reading:
    """How the files are to be read, where they do not say it themselves."""

    axes: str | None = None
    channel: int | None = None
    pixel_size_um: float | None = None
    interval_min: float | None = None


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
    cells: list[pd.DataFrame] = field(default_factory=list)  # one row a cell, a table a frame
    classes: list[dict[str, Any]] = field(default_factory=list)  # one row a class and frame
    classes_path: Path | None = None  # of a model that tells more than cells
    begun: Begun = field(default_factory=Begun)  # what its first frame decided
    notes: list[str] = field(default_factory=list)  # what was decided
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
        of_classes = f"; {shares_in_words(self.classes)}" if self.classes else ""
        if len(cells) == 1:
            found = f"{counted(cells[0], 'cell')}, confluence {cover[0]:.1%}"
            return f"{self.source.name}: {found}{of_classes}"
        return (
            f"{self.source.name}: {len(cells)} frames, {cells[0]} to {cells[-1]} cells, "
            f"confluence {cover[0]:.1%} to {cover[-1]:.1%}{of_classes}"
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
        out: ``labels/``, ``frames.csv``, ``cells.csv``, ``run.json`` go here; of a model of several
            classes also ``classes/`` (a map for each label file) and ``classes.csv`` (areas).
        reading: what the files do not say themselves.
        options: how foreground becomes labels.
        as_movies: each folder is one movie, the files in it its frames.
        progress: told (file name, frames done, frames in all).
    """
    reading, options = reading or Reading(), options or Options()
    files = [Path(path) for path in inputs] if as_movies else find_images(inputs)
    keep_apart(files, out, whole=[] if as_movies else [path for path in files if path.is_dir()])
    names = output_names(files)
    targets = [out / "labels" / f"{name}.tif" for name in names]
    (out / "labels").mkdir(parents=True, exist_ok=True)
    results = []
    for path, target in zip(files, targets, strict=True):
        for old in (target, class_path(target)):  # else a failure would leave an older run's
            old.unlink(missing_ok=True)
        results.append(_segment_file(path, target, segmenter, reading, options, progress))
    shared = _shared([path.name for path in files])
    for result in results:
        if result.source.name.casefold() in shared:
            result.rows = [{**row, "file": str(result.source)} for row in result.rows]
            result.classes = [{**row, "file": str(result.source)} for row in result.classes]
    _write_summary(results, segmenter, out, reading, options)
    return results


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
        _find_all(result, movie, target, segmenter, options, progress)
        if options.ome_zarr is not None:
            zarr = target.parents[1] / "ome-zarr" / f"{target.stem}.ome.zarr"
            found = open_label_movie(target)
            assert result.movie is not None
            write_ome_zarr(zarr, result.movie, labels=found, version=options.ome_zarr)
        result.labels_path = target
        result.classes_path = class_path(target) if result.classes else None
        result.warnings += _doubts(result, options, segmenter)
    except (ImageError, ValueError, OSError, MemoryError) as error:
        result.error = str(error) or f"{type(error).__name__} while segmenting"
        result.rows, result.cells, result.classes = [], [], []
    return result


def _find_all(
    result: SegmentedFile,
    movie: Movie,
    target: Path,
    segmenter: Segmenter,
    options: Options,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    """Labels of every frame in ``target``; tables, the movie on their grid, and doubts."""
    finder = CellFinder(movie, segmenter, options)
    result.begun, movie = finder.begun, finder.movie
    result.movie, result.pixel_size_um = movie, movie.pixel_size_um
    spec, size = segmenter.spec, movie.pixel_size_um
    maps = ClassMaps(spec, pixel_size_um=size)
    with label_writer(target) as add, maps.writing(class_path(target)):
        for frame in range(len(movie)):
            found = finder.find(frame)
            add(found.labels)
            cells = measure_frame(found.labels, frame=frame, pixel_size_um=movie.pixel_size_um)
            cells = cells[[name for name in CELL_COLUMNS if name in cells]]
            maps.add(found.classes, frame)
            cells = with_held(cells.assign(score=found.scores), found, spec, pixel_size_um=size)
            result.cells.append(cells)
            known = not result.begun.unlike
            result.rows.append(_row(result.source, frame, found, movie, segmenter, known=known))
            if progress is not None:
                progress(result.source.name, frame + 1, len(movie))
    result.classes = [{"file": result.source.name, **row} for row in maps.rows]
    result.notes += [result.begun.note] if result.begun.note else []


def _describe(result: SegmentedFile, movie: Movie) -> None:
    result.movie = movie
    result.frames = len(movie)
    result.axes, result.axes_note = movie.axes, movie.axes_note
    result.pixel_size_um = movie.pixel_size_um
    if result.source.is_file():
        with result.source.open("rb") as file:
            result.sha256 = hashlib.file_digest(file, "sha256").hexdigest()


def _row(
    path: Path, frame: int, found: Found, movie: Movie, segmenter: Segmenter, *, known: bool
) -> dict[str, Any]:
    """What one frame holds, sizes in pixels and where it is known in µm; ``known``: see bounds."""
    areas = np.bincount(found.labels.ravel())[1:]
    median = float(np.median(areas)) if areas.size else float("nan")
    size, interval = movie.pixel_size_um, movie.frame_interval_min
    confluence = float((found.labels > 0).mean())
    sure = bounds(found.scores, confluence, segmenter.spec, known=known)
    return {
        "file": path.name,
        "frame": frame,
        "time_min": float("nan") if interval is None else frame * interval,
        "cells": int(areas.size),
        "confluence": confluence,
        "median_area_px": median,
        "median_area_um2": float("nan") if size is None else median * size**2,
        "mean_score": float(found.scores.mean()) if areas.size else float("nan"),
        "cells_low": sure.count_low,
        "cells_high": sure.count_high,
        "confluence_low": sure.confluence_low,
        "confluence_high": sure.confluence_high,
    }


def _doubts(result: SegmentedFile, options: Options, segmenter: Segmenter) -> list[str]:
    """What a careful person would say about this result."""
    cells = [row["cells"] for row in result.rows]
    confluence = [row["confluence"] for row in result.rows]
    empty = sum(count == 0 for count in cells)
    threshold = segmenter.spec.threshold if options.threshold is None else options.threshold
    name = result.source.name
    if empty == len(cells):
        found = f"No cell was found in {name}"
        if result.begun.unlike:
            return [f"{found}. The image {result.begun.unlike}"]
        return [
            f"{found}: no pixel has a foreground probability of {threshold:g} or more in a large "
            "enough piece. Look at the picture; if there are cells, check --axes and --channel, "
            "lower --threshold, or train on images like it."
        ]
    doubts = result.begun.doubt(name)
    if empty:
        doubts.append(f"Frames of {name} without a cell: {empty} of {len(cells)}.")
    if min(confluence) > 0.99:
        doubts.append(f"Nearly all of {name} was called cell; the model may not fit this image.")
    return doubts


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
            "zoom": result.begun.zoom,
            "resolution": result.begun.resolution,
            "photons": result.begun.photons,
            "grid": None if result.movie is None else list(result.movie.shape[1:3]),
            "notes": result.notes,
            "labels": None if result.labels_path is None else str(result.labels_path),
            "classes": None if result.classes_path is None else str(result.classes_path),
            "warnings": result.warnings,
            "error": result.error,
        }
        for result in results
    ]


def cells_table(results: Sequence[SegmentedFile]) -> pd.DataFrame:
    """One row a cell and frame: where it is, how large, and how surely it is one.

    The columns in micrometres are there where a file has a pixel size.
    """
    tables = [
        cells.assign(file=row["file"])
        for result in results
        for row, cells in zip(result.rows, result.cells, strict=True)
    ]
    every = (
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=CELL_COLUMNS[:6])
    )
    columns = [name for name in (*CELL_COLUMNS, "score") if name in every or name == "score"]
    of_classes = [name for name in every.columns if name not in columns]
    return every.reindex(columns=[*columns, *of_classes])


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
    classes = [row for result in results for row in result.classes]
    if classes:
        with replacing(out / "classes.csv") as temporary:
            pd.DataFrame(classes, columns=["file", *CLASS_COLUMNS]).to_csv(
                temporary, index=False, float_format="%.6g"
            )
    with replacing(out / "cells.csv") as temporary:
        cells_table(results).to_csv(temporary, index=False, float_format="%.6g")
    run = {
        "provenance": stamp(),
        "model": segmenter.spec.model_dump(mode="json"),
        "reading": asdict(reading),
        "options": asdict(options),
        "device": str(segmenter.device),
        "files": summary(results),
    }
    write_json(out / "run.json", run)
