"""One movie from frames to tables: cells, tracks, motion, population."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.inference.predict import Segmenter
from softlight.io.images import Movie
from softlight.io.labels import LabelMovie, label_writer, open_label_movie
from softlight.io.zarr import write_ome_zarr
from softlight.measure.kinetics import track_kinetics
from softlight.measure.morphology import measure_frame
from softlight.measure.motion import motion_summary, msd_curve, velocity_autocorrelation
from softlight.measure.population import event_rates, population_growth, population_table
from softlight.recipes.analysis.doubts import doubts
from softlight.recipes.analysis.find import found_cells, measured_image, with_bounds
from softlight.recipes.analysis.kept import KeptFrames
from softlight.recipes.analysis.positions import Position
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.class_maps import with_held_in_movie
from softlight.recipes.mending import not_mended
from softlight.track.lineage import build_lineage, cell_cycles, division_table
from softlight.track.movie import Tracked, track_cells
from softlight.track.repair import COLUMNS as EDIT_COLUMNS
from softlight.track.repair import repair

Labels = NDArray[np.int32]


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
    kept: KeptFrames | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Measured:
    """The tables of one position, and its labels in ``target``.

    Args:
        position: what to read.
        cells: the model that finds the cells, or where their labels lie.
        target: the label file.
        settings: everything else.
        only: whether it is the only position.
        kept: frames whose cells were found before.
        progress: told (frames done, frames in all) while cells are found.
    """
    movie = position.open(settings.reading)
    found = found_cells(
        position,
        movie,
        cells,
        target,
        options=settings.options,
        only=only,
        kept=kept,
        progress=progress,
    )
    movie = found.movie
    tracked = track_cells(
        found.objects,
        labels=open_label_movie(target),
        settings=settings.link,
        missing=_without_cells(found.objects, movie),
    )
    edits = pd.DataFrame(columns=EDIT_COLUMNS)
    wrong: list[str] = []
    if settings.repair:
        tracked, edits = _mended(tracked, movie, target, settings)
    else:
        wrong = not_mended(position.name, open_label_movie(target), tracked)
    labels = open_label_movie(target)
    objects = tracked.objects
    if isinstance(cells, Segmenter):
        size = movie.pixel_size_um
        objects = with_held_in_movie(objects, target, cells.spec, pixel_size_um=size)
    tables = {"objects": objects, "tracks": tracked.tracks, "edits": edits}
    tables |= {"merges": tracked.merges, "drift": tracked.drift}
    if not found.classes.empty:
        tables["classes"] = found.classes
    lineage, interval = build_lineage(tracked.tracks), movie.frame_interval_min
    tables["divisions"] = division_table(lineage, frame_interval_min=interval)
    tables["cycles"] = cell_cycles(lineage, frame_interval_min=interval)
    tables |= motion_tables(tracked.objects, tracked.tracks, tracked.drift, movie)
    tables |= population_tables(tracked.objects, tracked.tracks, found.frames, movie)
    if isinstance(cells, Segmenter):
        tables["population"] = with_bounds(
            tables["population"], tracked.objects, cells.spec, known=not found.begun.unlike
        )
    links = [f"{position.name}: {note}" for note in tracked.notes if len(tracked.objects)]
    return Measured(
        movie=movie,
        labels=labels,
        tables=tables,
        warnings=[
            *movie.notes,
            *position.notes,
            *position.doubts(settings.reading),
            *([f"{position.name}: {found.begun.note}"] if found.begun.note else []),
            *doubts(position.name, tables, unlike=found.begun),
            *links,
            *wrong,
        ],
        learned=dict(tracked.learned),
    )


def _without_cells(objects: pd.DataFrame, movie: Movie) -> set[int]:
    """The frames without any cell; ``doubts`` tells of them, so that the tracker need not."""
    return set(range(len(movie))) - set(objects["frame"].tolist())


def _mended(
    tracked: Tracked, movie: Movie, target: Path, settings: AnalyzeSettings
) -> tuple[Tracked, pd.DataFrame]:
    """(tracks of the mended labels, the log of edits); the labels in ``target`` are replaced.

    A cell that was mended has no score: no network has seen it so.
    """
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
                image = measured_image(movie, t)
                tables.append(
                    measure_frame(labels, image, frame=t, pixel_size_um=movie.pixel_size_um)
                )
    measured = pd.concat(tables, ignore_index=True)
    measured = measured.sort_values(["frame", "label"], ignore_index=True)
    if "score" in objects:
        measured["score"] = _scores_of_untouched(measured, objects, repaired.edits)
    again = track_cells(
        measured,
        labels=open_label_movie(target),
        settings=settings.link,
        missing=_without_cells(measured, movie),
    )
    return again, repaired.edits


def _scores_of_untouched(
    measured: pd.DataFrame, before: pd.DataFrame, edits: pd.DataFrame
) -> NDArray[np.float64]:
    """The score that each cell had before the repair; nan of those that an edit drew."""
    drawn = {
        (frame, int(label))
        for frame, words in zip(edits["frame"].tolist(), edits["labels_after"], strict=True)
        for label in str(words).split()
    }
    keys = zip(before["frame"].tolist(), before["label"].tolist(), strict=True)
    known = dict(zip(keys, before["score"].tolist(), strict=True))
    places = zip(measured["frame"].tolist(), measured["label"].tolist(), strict=True)
    return np.array([np.nan if at in drawn else known.get(at, np.nan) for at in places])


def motion_tables(
    objects: pd.DataFrame, tracks: pd.DataFrame, drift: pd.DataFrame, movie: Movie
) -> dict[str, pd.DataFrame]:
    """``kinetics``, ``msd``, ``autocorrelation``, ``motion``; the field's drift is taken off."""
    still = without_drift(objects, drift, movie.pixel_size_um)
    interval = movie.frame_interval_min
    motion = motion_summary(still, frame_interval_min=interval, tracks=tracks)
    error = motion.set_index("measure")["value"].get("localisation_sd", 0.0)
    error = float(error) if np.isfinite(error) else 0.0
    return {
        "kinetics": track_kinetics(still, frame_interval_min=interval, localisation_sd=error),
        "msd": msd_curve(still, frame_interval_min=interval, tracks=tracks),
        "autocorrelation": velocity_autocorrelation(
            still, frame_interval_min=interval, localisation_sd=error, tracks=tracks
        ),
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
