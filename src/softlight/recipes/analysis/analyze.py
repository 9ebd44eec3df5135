"""From movies to numbers: find cells, measure, track, and tell how they move and grow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from softlight.config import ConfigError
from softlight.data.samples import counted, listed
from softlight.inference.predict import Segmenter
from softlight.io.strict_json import write_json
from softlight.io.tables import join_tables, read_parquet, write_parquet, write_table
from softlight.measure.plate import not_on_plate, read_plate_map
from softlight.recipes.analysis.kept import KeptFrames
from softlight.recipes.analysis.movie import Measured, analyze_movie, write_zarr
from softlight.recipes.analysis.page import analysis_page
from softlight.recipes.analysis.positions import Position, find_positions, searched_below
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.analysis.state import (
    claim,
    finished,
    folder_of,
    forget,
    hashes,
    plan_of,
    record,
)
from softlight.recipes.analysis.summaries import (
    QUANTITIES,
    SUMMED,
    cells_words,
    curves_by_condition,
    dose_responses,
    doubling_of,
    populations,
    positions_table,
    responses,
    summary_of,
    unit_of,
)
from softlight.recipes.apart import keep_apart
from softlight.recipes.families import write_families
from softlight.recipes.provenance import stamp

TABLES = (
    "objects",
    "tracks",
    "divisions",
    "merges",
    "cycles",
    "edits",
    "drift",
    "kinetics",
    "population",
    "growth",
    "rates",
    "msd",
    "autocorrelation",
    "motion",
    "classes",
)


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

    @property
    def state(self) -> str:
        """Whether it is done, in words."""
        if self.error:
            return "failed"
        return "finished before" if self.resumed else "done"

    def line(self) -> str:
        """What was found, for the terminal."""
        if self.error:
            return f"{self.name}: failed"
        row = self.record["summary"] | {"frames": self.record["frames"]}
        again = " (finished before)" if self.resumed else ""
        if row["frames"] == 1:
            return f"{self.name}: {counted(int(row['cells_first']), 'cell')}{again}"
        row["frame_interval_min"] = self.record["frame_interval_min"]
        unit = unit_of(row)
        growth = [f"{name}: {doubling_of(row, unit, quantity=name).words}" for name in QUANTITIES]
        return (
            f"{self.name}: {row['frames']} frames, {cells_words(row)} cells, "
            f"{counted(row['tracks'], 'track')}, {counted(row['divisions'], 'division')}; "
            f"{'; '.join(growth)}{again}"
        )


@dataclass(frozen=True)
class Analysis:
    """A finished run folder."""

    out: Path
    positions: tuple[Analyzed, ...]
    report: Path
    table: pd.DataFrame  # one row a position, as in positions.csv

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
        resume: go on with a run that stopped; finished positions, and frames whose cells a model
            found, are not done again.
        progress: told (position, frames done, frames in all).
        note: told what is being done.
    """
    settings = settings or AnalyzeSettings()
    for name, value in (
        ("interval between frames", settings.reading.interval_min),
        ("pixel size", settings.reading.pixel_size_um),
    ):
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(
                f"The {name} is {value:g}; it must be above 0. Leave it out or mend it."
            )
    plate = None if plate_map is None else read_plate_map(plate_map)
    positions = find_positions(inputs, separate=settings.separate)
    _spare(inputs, positions, cells, out)
    if plate is not None and (absent := not_on_plate([one.name for one in positions], plate)):
        note(f"Measured, but in no condition, since the plate map lacks them: {listed(absent)}.")
    plan = plan_of(cells, settings)
    claim(out, plan, resume=resume)
    results = []
    for number, position in enumerate(positions, start=1):
        result = _one(position, cells, out, settings, len(positions) == 1, progress)
        if len(positions) > 1:  # what was found is told at the end
            note(f"[{number}/{len(positions)}] {result.name}: {result.state}")
        results.append(result)
    table = positions_table(
        [one.name for one in results],
        [one.record for one in results],
        [one.error for one in results],
        plate,
    )
    _write_tables(out, results, table, with_conditions=plate is not None)
    _write_run(out, plan, results, plate_map)
    note("Writing the report")
    report = analysis_page(
        out,
        [(one.position, one.record) for one in results if one.error is None],
        [(one.name, one.error) for one in results if one.error is not None],
        settings=settings,
        plan=plan,
        positions=table,
    )
    return Analysis(out, tuple(results), report, table)


def _spare(
    inputs: Sequence[Path | str], positions: Sequence[Position], cells: Segmenter | Path, out: Path
) -> None:
    """Raise before anything is written if the run folder would mix with what is read."""
    files = [file for position in positions for file in position.there]
    given = [] if isinstance(cells, Segmenter) else [cells]
    for labels in given:
        if not labels.exists():
            raise ValueError(f"{labels} does not exist; check the path of the labels.")
    folders = [path for path in (*files, *given) if path.is_dir()]
    keep_apart([*files, *given], out, whole=[*folders, *searched_below(inputs)])


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
            tables = {name: _kept_table(out, position.name, name) for name in SUMMED}
            result.record = before | {"summary": summary_of(tables)}  # JSON has neither nan nor inf
            result.resumed = True
            return result
        forget(out, position.name)
        kept = KeptFrames(folder_of(out, position.name), inputs)
        target = out / "labels" / f"{position.name}.tif"
        measured = analyze_movie(
            position,
            cells,
            target,
            settings=settings,
            only=only,
            kept=kept,
            progress=None if progress is None else lambda *now: progress(position.name, *now),
        )
        write_zarr(
            out / "ome-zarr" / f"{position.name}.ome.zarr",
            measured.movie,
            measured.labels,
            settings,
        )
        write_families(out / "lineage" / f"{position.name}.nwk", measured.tables["tracks"])
        for name, table in measured.tables.items():
            write_parquet(folder_of(out, position.name) / f"{name}.parquet", table)
        result.record = _facts(position, measured, inputs)
        record(out, position.name, result.record)
        kept.clear()
    except (ValueError, OSError, MemoryError) as error:
        words = str(error).removeprefix(f"{position.name}: ")  # who says it names the position
        result.error = words or f"{type(error).__name__} while analysing"
    return result


def _kept_table(out: Path, position: str, name: str) -> pd.DataFrame:
    return read_parquet(folder_of(out, position) / f"{name}.parquet")


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
        "summary": summary_of(measured.tables),
        "warnings": measured.warnings,
    }


def _write_tables(
    out: Path, results: Sequence[Analyzed], positions: pd.DataFrame, *, with_conditions: bool
) -> None:
    """The tables of all positions, one row a position, and the curves of each condition.

    Tables of an earlier run that this one has not are deleted, lest they be taken for its own.
    """
    fine = [result for result in results if result.error is None]
    written = set()
    for name in TABLES:
        parts = [(result.name, folder_of(out, result.name) / f"{name}.parquet") for result in fine]
        if name == "classes":  # only models of several classes have it
            parts = [part for part in parts if part[1].is_file()]
        if parts:
            join_tables(out / name, parts, with_movie=len(results) > 1)
            written.add(name)
    write_table(out / "positions", positions)
    if with_conditions and fine:
        population = populations(
            {one.name: folder_of(out, one.name) for one in fine},
            {one.name: float(one.record["start_min"]) for one in fine},
        )
        wells = positions.rename(columns={"position": "movie"})
        write_table(out / "conditions", curves_by_condition(population, wells))
        written.add("conditions")
        if positions["dose"].notna().any():
            write_table(out / "dose_response", dose_responses(responses(positions))[0])
            written.add("dose_response")
    for name in {*TABLES, "conditions", "dose_response"} - written:
        for suffix in (".csv", ".parquet"):
            (out / f"{name}{suffix}").unlink(missing_ok=True)


def _write_run(
    out: Path, plan: dict[str, Any], results: Sequence[Analyzed], plate_map: Path | None
) -> None:
    run = {
        "provenance": stamp(),
        **plan,
        "plate_map": None if plate_map is None else hashes([plate_map]),
        "files": [
            {
                "name": one.name,
                "source": str(one.position.there[0]),
                "labels": None if one.error else f"labels/{one.name}.tif",
                "error": one.error,
                **one.record,
            }
            for one in results
        ],
    }
    write_json(out / "run.json", run)
