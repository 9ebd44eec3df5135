"""One movie from frames to tables: cells, tracks, motion, population."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.inference.predict import Segmenter
from softlight.io.images import Movie
from softlight.io.labels import LabelMovie, label_writer, open_label_movie
from softlight.io.zarr import write_ome_zarr
from softlight.measure.kinetics import track_kinetics
from softlight.measure.morphology import measure_frame
from softlight.measure.motion import motion_summary, msd_curve
from softlight.measure.population import event_rates, population_growth, population_table
from softlight.measure.quality import frame_quality
from softlight.recipes.analysis.doubts import doubts
from softlight.recipes.analysis.given_labels import labels_of
from softlight.recipes.analysis.positions import Position
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.divide import label_cells
from softlight.recipes.scale import Scaled, fit_scale
from softlight.track.lineage import build_lineage, division_table
from softlight.track.movie import Tracked, track_cells
from softlight.track.repair import COLUMNS as EDIT_COLUMNS
from softlight.track.repair import repair

Labels = NDArray[np.int32]
Finder = Callable[[int, NDArray[Any]], Labels]  # the labels of a frame, from its number and pixels


@dataclass
class Measured:
    """What one movie gave."""

    movie: Movie
    labels: LabelMovie
    tables: dict[str, pd.DataFrame]
    warnings: list[str] = field(default_factory=list)
    learned: dict[str, float] = field(default_factory=dict)


def analyze_movie(
    position: Position,
    cells: Segmenter | Path,
    target: Path,
    *,
    settings: AnalyzeSettings,
    only: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Measured:
    """The tables of one position, and its labels in ``target``.

    Args:
        position: what to read.
        cells: the model that finds the cells, or where their labels lie.
        target: the label file.
        settings: everything else.
        only: whether it is the only position.
        progress: told (frames done, frames in all) while cells are found.
    """
    movie = position.open(settings.reading)
    notes: list[str] = []
    find = _finder(position, cells, movie, settings, only=only, notes=notes)
    objects, frames = _find_cells(movie, find, target, progress)
    tracked = track_cells(
        objects,
        labels=open_label_movie(target),
        settings=settings.link,
        missing=movie.missing,
    )
    edits = pd.DataFrame(columns=EDIT_COLUMNS)
    found = isinstance(cells, Segmenter)
    if found if settings.repair is None else settings.repair:
        tracked, edits = _mended(tracked, movie, target, settings)
    labels = open_label_movie(target)
    tables = {"objects": tracked.objects, "tracks": tracked.tracks, "edits": edits}
    tables["divisions"] = division_table(
        build_lineage(tracked.tracks), frame_interval_min=movie.frame_interval_min
    )
    tables |= motion_tables(tracked.objects, tracked.tracks, tracked.drift, movie)
    tables |= population_tables(tracked.objects, tracked.tracks, frames, movie)
    links = [f"{position.name}: {note}" for note in tracked.notes if len(tracked.objects)]
    return Measured(
        movie=movie,
        labels=labels,
        tables=tables,
        warnings=[
            *movie.notes,
            *position.notes,
            *position.doubts(settings.reading),
            *notes,
            *doubts(position.name, tables),
            *links,
        ],
        learned=dict(tracked.learned),
    )


def _finder(
    position: Position,
    cells: Segmenter | Path,
    movie: Movie,
    settings: AnalyzeSettings,
    *,
    only: bool,
    notes: list[str],
) -> Finder:
    if isinstance(cells, Segmenter):
        grey = cells.spec.model.in_channels == 1
        sized: list[Scaled] = []  # by the first frame, for all

        def segmented(t: int, frame: NDArray[Any]) -> Labels:
            image = movie.grey(t) if grey and frame.ndim == 3 else frame
            size = movie.pixel_size_um
            if not sized:
                sized.append(fit_scale(image, cells, settings.options, pixel_size_um=size))
                notes.extend([sized[0].note] if sized[0].note else [])
            return label_cells(image, sized[0].segmenter, settings.options, size)

        return segmented
    given = labels_of(position, cells, frames=len(movie), only=only)

    def looked_up(t: int, frame: NDArray[Any]) -> Labels:
        labels = given[t]
        if labels.shape != frame.shape[:2]:
            raise ValueError(
                f"The labels of frame {t} of {position.name} are {labels.shape} and its image "
                f"{frame.shape[:2]}; they must be of one size."
            )
        return labels

    return looked_up


def _find_cells(
    movie: Movie,
    find: Finder,
    target: Path,
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
                raw = movie.frame(t)
                labels = find(t, raw)
                image = _measured_image(movie, t, raw)
                tables.append(
                    measure_frame(labels, image, frame=t, pixel_size_um=movie.pixel_size_um)
                )
                row |= frame_quality(image if image.ndim == 2 else image[..., 0])
            add(labels)
            rows.append(row)
            if progress is not None:
                progress(t + 1, len(movie))
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)


def _measured_image(movie: Movie, t: int, raw: NDArray[Any]) -> NDArray[Any]:
    """The frame whose grey values are measured: colours as grey, channels as they are."""
    return movie.grey(t) if movie.colour else raw


def _mended(
    tracked: Tracked, movie: Movie, target: Path, settings: AnalyzeSettings
) -> tuple[Tracked, pd.DataFrame]:
    """(tracks of the mended labels, the log of edits); the labels in ``target`` are replaced."""
    repaired = repair(open_label_movie(target), tracked)
    if repaired.edits.empty:
        return tracked, repaired.edits
    changed = sorted(set(repaired.edits["frame"].tolist()))
    objects = tracked.objects.drop(columns="track_id")
    tables = [objects[~objects["frame"].isin(changed)]]
    with label_writer(target) as add:
        for t, labels in enumerate(repaired.labels):
            add(labels)
            if t in changed:
                image = _measured_image(movie, t, movie.frame(t))
                tables.append(
                    measure_frame(labels, image, frame=t, pixel_size_um=movie.pixel_size_um)
                )
    objects = pd.concat(tables, ignore_index=True).sort_values(
        ["frame", "label"], ignore_index=True
    )
    again = track_cells(
        objects,
        labels=open_label_movie(target),
        settings=settings.link,
        missing=movie.missing,
    )
    return again, repaired.edits


def motion_tables(
    objects: pd.DataFrame, tracks: pd.DataFrame, drift: pd.DataFrame, movie: Movie
) -> dict[str, pd.DataFrame]:
    """``kinetics``, ``msd`` and ``motion``, with the drift of the field taken off."""
    still = without_drift(objects, drift, movie.pixel_size_um)
    interval = movie.frame_interval_min
    motion = motion_summary(still, frame_interval_min=interval, tracks=tracks)
    error = motion.set_index("measure")["value"].get("localisation_sd", 0.0)
    error = float(error) if np.isfinite(error) else 0.0
    return {
        "kinetics": track_kinetics(still, frame_interval_min=interval, localisation_sd=error),
        "msd": msd_curve(still, frame_interval_min=interval, tracks=tracks),
        "motion": motion,
    }


def population_tables(
    objects: pd.DataFrame, tracks: pd.DataFrame, frames: pd.DataFrame, movie: Movie
) -> dict[str, pd.DataFrame]:
    """``population`` with what each image is like, ``growth`` and ``rates``."""
    interval = movie.frame_interval_min
    population = population_table(
        objects,
        frames=len(movie),
        frame_shape=(movie.shape[1], movie.shape[2]),
        tracks=tracks,
        frame_interval_min=interval,
        pixel_size_um=movie.pixel_size_um,
        missing=movie.missing,
    )
    return {
        "population": population.merge(frames, on="frame", how="left"),
        "growth": population_growth(population, objects=objects, tracks=tracks),
        "rates": event_rates(objects, tracks, frames=len(movie), frame_interval_min=interval),
    }


def without_drift(
    objects: pd.DataFrame, drift: pd.DataFrame, pixel_size_um: float | None
) -> pd.DataFrame:
    """The objects where they would be had the field not moved."""
    still = objects.copy()
    shift = drift.set_index("frame")
    for axis in "yx":
        by = objects["frame"].map(shift[f"d{axis}_px"]).fillna(0.0)
        still[f"{axis}_px"] = objects[f"{axis}_px"] - by
        if pixel_size_um is not None and f"{axis}_um" in objects:
            still[f"{axis}_um"] = objects[f"{axis}_um"] - by * pixel_size_um
    return still


def write_zarr(
    path: Path, movie: Movie, labels: Sequence[Labels], settings: AnalyzeSettings
) -> None:
    """Images and labels as OME-Zarr, where that was asked for."""
    if settings.options.ome_zarr is not None:
        write_ome_zarr(path, movie, labels=labels, version=settings.options.ome_zarr)
