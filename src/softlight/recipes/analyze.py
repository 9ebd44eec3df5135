"""From movies to numbers: find cells, measure, track, and tell how they move and grow."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softlight.inference.predict import Segmenter
from softlight.io.files import replacing
from softlight.io.tables import join_tables, write_parquet
from softlight.recipes.analysis_settings import AnalyzeSettings
from softlight.recipes.analysis_state import (
    claim,
    finished,
    folder_of,
    forget,
    hashes,
    plan_of,
    record,
)
from softlight.recipes.analyze_movie import Measured, analyze_movie, write_zarr
from softlight.recipes.positions import Position, find_positions
from softlight.recipes.provenance import stamp

TABLES = ("objects", "tracks", "kinetics", "population", "msd", "motion")


@dataclass
class Analyzed:
    """What became of one position."""

    position: Position
    record: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    resumed: bool = False  # done by an earlier run

    @property
    def name(self) -> str:
        """The position's name."""
        return self.position.name


@dataclass(frozen=True)
class Analysis:
    """A finished run folder."""

    out: Path
    positions: tuple[Analyzed, ...]
    report: Path | None = None

    @property
    def failed(self) -> tuple[Analyzed, ...]:
        """The positions that could not be analysed."""
        return tuple(one for one in self.positions if one.error is not None)


def analyze(
    inputs: Sequence[Path | str],
    cells: Segmenter | Path,
    out: Path,
    *,
    settings: AnalyzeSettings | None = None,
    plate_map: Path | None = None,
    resume: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Analysis:
    """Labels, tables and a report of all positions in ``out``; one that fails does not stop others.

    Args:
        inputs: movies, images, folders of frames, or folders of these.
        cells: the model, or a file or folder of labels that are there already.
        out: the run folder.
        settings: how to read, find, link and write.
        plate_map: a CSV that tells condition and dose of each well.
        resume: go on with a run that stopped; finished positions are not done again.
        progress: told (position, frames done, frames in all).
        note: told what is being done.
    """
    settings = settings or AnalyzeSettings()
    positions = find_positions(inputs, separate=settings.separate)
    plan = plan_of(cells, settings)
    claim(out, plan, resume=resume)
    results = []
    for number, position in enumerate(positions, start=1):
        result = _one(position, cells, out, settings, len(positions) == 1, progress)
        note(f"[{number}/{len(positions)}] {line_of(result)}")
        results.append(result)
    _join(out, results)
    _write_run(out, plan, results)
    return Analysis(out, tuple(results))


def _one(
    position: Position,
    cells: Segmenter | Path,
    out: Path,
    settings: AnalyzeSettings,
    only: bool,
    progress: Callable[[str, int, int], None] | None,
) -> Analyzed:
    """One position, from an earlier run if that finished it."""
    result = Analyzed(position)
    try:
        inputs = hashes(position.there)
        before = finished(out, position.name, inputs)
        if before is not None:
            result.record, result.resumed = before, True
            return result
        forget(out, position.name)
        target = out / "labels" / f"{position.name}.tif"
        measured = analyze_movie(
            position,
            cells,
            target,
            settings=settings,
            only=only,
            progress=None if progress is None else lambda *now: progress(position.name, *now),
        )
        write_zarr(
            out / "ome-zarr" / f"{position.name}.ome.zarr",
            measured.movie,
            measured.labels,
            settings,
        )
        for name, table in measured.tables.items():
            write_parquet(folder_of(out, position.name) / f"{name}.parquet", table)
        result.record = _facts(position, measured, inputs)
        record(out, position.name, result.record)
    except (ValueError, OSError, MemoryError) as error:
        result.error = str(error) or f"{type(error).__name__} while analysing"
    return result


def _facts(position: Position, measured: Measured, inputs: dict[str, str]) -> dict[str, Any]:
    """What is recorded of a finished position."""
    movie = measured.movie
    return {
        "inputs": inputs,
        "frames": len(movie),
        "missing": list(movie.missing),
        "shape": list(movie.shape[1:3]),
        "axes": movie.axes,
        "axes_note": movie.axes_note,
        "pixel_size_um": movie.pixel_size_um,
        "frame_interval_min": movie.frame_interval_min,
        "start_min": position.start_min,
        "learned": measured.learned,
        "notes": measured.notes,
    }


def line_of(result: Analyzed) -> str:
    """What was found in a position, for the terminal."""
    if result.error:
        return f"{result.name}: failed: {result.error}"
    return f"{result.name}: {result.record['frames']} frames"


def _join(out: Path, results: Sequence[Analyzed]) -> None:
    """The tables of all positions, and one row a position."""
    fine = [result for result in results if result.error is None]
    for name in TABLES:
        parts = [(result.name, folder_of(out, result.name) / f"{name}.parquet") for result in fine]
        if parts:
            join_tables(out / name, parts, with_movie=len(results) > 1)


def _write_run(out: Path, plan: dict[str, Any], results: Sequence[Analyzed]) -> None:
    run = {
        "provenance": stamp(),
        **plan,
        "positions": [{"name": one.name, "error": one.error, **one.record} for one in results],
    }
    with replacing(out / "run.json") as temporary:
        temporary.write_text(json.dumps(run, indent=2), encoding="utf-8")
