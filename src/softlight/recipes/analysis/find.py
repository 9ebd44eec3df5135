"""The cells of every frame of a position: from a model or from given labels, and measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.config import ModelSpec
from softlight.inference.predict import Segmenter
from softlight.io.images import Movie
from softlight.io.labels import label_writer
from softlight.measure.morphology import measure_frame
from softlight.measure.quality import frame_quality
from softlight.recipes.analysis.given_labels import labels_of
from softlight.recipes.analysis.kept import KeptFrames
from softlight.recipes.analysis.positions import Position
from softlight.recipes.bounds import Bounds, bounds
from softlight.recipes.class_maps import COLUMNS as CLASS_COLUMNS
from softlight.recipes.class_maps import ClassMaps, class_path
from softlight.recipes.divide import Options
from softlight.recipes.finder import Begun, CellFinder

Scores = NDArray[np.float64]
Classes = NDArray[np.int32]
# Labels, scores and classes of a frame; given labels have the first alone, cells the first two.
Find = Callable[[int], tuple[NDArray[np.int32], Scores | None, Classes | None]]


class FoundCells(NamedTuple):
    """What was found in all frames; the labels are in their file.

    Attributes:
        objects: one row a cell and frame; with ``score`` where a model found them.
        frames: one row a frame: whether it is missing, and what its image is like.
        classes: one row a class and frame, of a model that tells classes; else empty.
        begun: what the first frame said of the movie; nothing where labels were given.
        movie: on the grid of the labels.
    """

    objects: pd.DataFrame
    frames: pd.DataFrame
    classes: pd.DataFrame
    begun: Begun
    movie: Movie


def found_cells(
    position: Position,
    movie: Movie,
    cells: Segmenter | Path,
    target: Path,
    *,
    options: Options,
    only: bool,
    kept: KeptFrames | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FoundCells:
    """The cells of a position, measured; their labels are written to ``target``.

    The class maps of a model that tells classes go beside them: see ``class_path``.

    Args:
        position: what is read.
        movie: its frames.
        cells: the model that finds the cells, or where their labels lie.
        target: the label file.
        options: how foreground becomes labels.
        only: whether it is the only position.
        kept: frames that were found before, and where those found now are kept.
        progress: told (frames done, frames in all).
    """
    if isinstance(cells, Segmenter):
        finder = CellFinder(movie, cells, options, begun=None if kept is None else kept.begun)
        search = _searching(finder, kept)
        maps = ClassMaps(cells.spec, pixel_size_um=finder.movie.pixel_size_um)
        with maps.writing(class_path(target)):
            objects, frames = _measured(finder.movie, search, target, maps, progress)
        classes = pd.DataFrame(maps.rows, columns=CLASS_COLUMNS)
        return FoundCells(objects, frames, classes, finder.begun, finder.movie)
    given = _looking_up(position, cells, movie, only=only)
    none = ClassMaps(None, pixel_size_um=movie.pixel_size_um)
    objects, frames = _measured(movie, given, target, none, progress)
    return FoundCells(objects, frames, pd.DataFrame(columns=CLASS_COLUMNS), Begun(), movie)


def _searching(finder: CellFinder, kept: KeptFrames | None) -> Find:
    def find(t: int) -> tuple[NDArray[np.int32], Scores | None, Classes | None]:
        found = None if kept is None else kept.frame(t)
        if found is None:
            found = finder.find(t)
            if kept is not None:
                kept.keep(t, found, finder.begun)
        return found.labels, found.scores, found.classes

    return find


def _looking_up(position: Position, given: Path, movie: Movie, *, only: bool) -> Find:
    labels = labels_of(position, given, frames=len(movie), only=only)

    def look_up(t: int) -> tuple[NDArray[np.int32], None, None]:
        found = labels[t]
        if found.shape != tuple(movie.shape[1:3]):
            raise ValueError(
                f"The labels of frame {t} of {position.name} are {found.shape} and its image "
                f"{tuple(movie.shape[1:3])}; they must be of one size."
            )
        return found, None, None

    return look_up


def _measured(
    movie: Movie,
    find: Find,
    target: Path,
    maps: ClassMaps,
    progress: Callable[[int, int], None] | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(the objects, one row a frame of what its image is like); the labels are in ``target``."""
    tables: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    blank = np.zeros(movie.shape[1:3], np.int32)
    with label_writer(target) as add:
        for t in range(len(movie)):
            row: dict[str, Any] = {"frame": t, "missing": t in movie.missing}
            labels = blank
            if not row["missing"]:
                labels, scores, classes = find(t)
                maps.add(classes, t)
                image = measured_image(movie, t)
                objects = measure_frame(labels, image, frame=t, pixel_size_um=movie.pixel_size_um)
                tables.append(objects if scores is None else objects.assign(score=scores))
                row |= frame_quality(image if image.ndim == 2 else image[..., 0])
            elif maps.told:
                maps.add(blank, t)
            add(labels)
            rows.append(row)
            if progress is not None:
                progress(t + 1, len(movie))
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)


def measured_image(movie: Movie, t: int) -> NDArray[Any]:
    """The frame whose grey values are measured: colours as grey, channels as they are."""
    return movie.grey(t) if movie.colour else movie.frame(t)


def with_bounds(
    population: pd.DataFrame, objects: pd.DataFrame, spec: ModelSpec, *, known: bool
) -> pd.DataFrame:
    """The population with intervals of what each frame truly holds; nan where they are not known.

    A mended cell has no score; the frames beside it vouch for it as for others of its frame.
    """
    scores = objects["score"].groupby(objects["frame"])
    by_frame = {frame: part.fillna(part.mean()).fillna(1.0) for frame, part in scores}
    rows = [
        bounds(
            by_frame.get(frame, pd.Series(dtype=float)).to_numpy(float), share, spec, known=known
        )
        for frame, share in zip(population["frame"], population["confluence"], strict=True)
    ]
    found = pd.DataFrame(rows, columns=list(Bounds._fields), index=population.index)
    found[population["count"].isna()] = np.nan
    table = population.copy()
    for name in ("count", "confluence"):
        for end in ("high", "low"):
            column = f"{name}_{end}"
            table.insert(list(table.columns).index(name) + 1, column, found[column])
    return table
