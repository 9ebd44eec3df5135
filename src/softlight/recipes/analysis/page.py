"""The report of an analysis: what was found, position by position, and what to be careful of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.io.images import Movie
from softlight.io.labels import open_label_movie
from softlight.io.tables import read_parquet
from softlight.recipes.analysis.charts import chart, growth_charts, time_of, track_charts
from softlight.recipes.analysis.conditions import condition_section
from softlight.recipes.analysis.numbers import events_table, motion_table
from softlight.recipes.analysis.positions import Position
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.analysis.state import folder_of
from softlight.recipes.analysis.summaries import (
    QUANTITIES,
    cells_headline,
    cells_words,
    confluence_words,
    doubling_of,
    populations,
    unit_of,
)
from softlight.recipes.provenance import stamp
from softlight.report.blocks import Block, Facts, Notice, Section, Settings, Table, Text
from softlight.report.growth_charts import BandCurve, band_figure
from softlight.report.html import write_report
from softlight.report.track_pictures import movie_of_tracks

MOST_SHOWN = 6  # positions with pictures
_FRAMES_IN_ALL, _FEWEST_FRAMES, _MOST_FRAMES = 96, 12, 60
_MOST_WARNINGS = 40
_TABLES = (
    "objects",
    "tracks",
    "cycles",
    "kinetics",
    "population",
    "growth",
    "rates",
    "msd",
    "autocorrelation",
    "motion",
)
Row = dict[str, Any]


def analysis_page(
    out: Path,
    done: Sequence[tuple[Position, Row]],
    failed: Sequence[tuple[str, str]],
    *,
    settings: AnalyzeSettings,
    plan: Row,
    positions: pd.DataFrame,
) -> Path:
    """``report.html`` of a run folder, read back from what is in it.

    Args:
        out: the run folder.
        done: each finished position and what is recorded of it.
        failed: name and error of the others.
        settings: how the movies are read.
        plan: what the analysis is made of.
        positions: the table with one row a position.
    """
    shown = _worth_showing(done)
    budget = _FRAMES_IN_ALL // max(1, len(shown))
    frames = int(np.clip(budget, _FEWEST_FRAMES, _MOST_FRAMES))
    told_below = shown if len(done) > 1 else []  # the warnings of one stand at the top
    elsewhere = [one for one in done if one not in told_below]
    blocks = [*_warnings(elsewhere, failed), *_overview(out, done, positions)]
    sections = [Section("What was found", blocks)]
    sections += condition_section(out, positions)
    for position, record in shown:
        blocks = _one_movie(out, position, record, settings, most_frames=frames)
        if told_below:
            blocks = [*(Notice(text) for text in record["warnings"]), *blocks]
        sections.append(Section(position.name, blocks))
    if len(shown) < len(done):
        text = (
            f"{len(shown)} of {len(done)} positions are shown with pictures: those with warnings "
            "first. The tables hold all of them."
        )
        sections.append(Section("Other positions", [Text(text)]))
    sections.append(Section("How it was made", _making(plan)))
    return write_report(
        out,
        title=_title(done, failed),
        subtitle=_subtitle(plan),
        summary=_summary(done, failed, positions),
        sections=sections,
        footer=f"Softlight {stamp()['softlight']}",
    )


def _title(done: Sequence[tuple[Position, Row]], failed: Sequence[tuple[str, str]]) -> str:
    if len(done) == 1 and not failed:
        return done[0][0].name
    return f"{len(done) + len(failed)} positions"


def _subtitle(plan: Row) -> str:
    if "model" in plan:
        return f"Cells found by the model {plan['model']}, followed from frame to frame"
    return "Cells of given labels, followed from frame to frame"


def _summary(
    done: Sequence[tuple[Position, Row]], failed: Sequence[tuple[str, str]], positions: pd.DataFrame
) -> list[tuple[str, object]]:
    """The few numbers that matter most."""
    if len(done) != 1 or failed:
        count = f"{len(done)} of {len(done) + len(failed)}" if failed else len(done)
        names = ("frames", "tracks", "divisions")
        totals = [(name, f"{int(_column(positions, name).sum()):,}") for name in names]
        return [("positions", count), *totals]
    row = positions.to_dict("records")[0]
    found: list[tuple[str, object]] = [
        ("frames", int(row["frames"])),
        cells_headline(row),
        ("tracks", f"{int(row['tracks']):,}"),
        ("divisions", f"{int(row['divisions']):,}"),
    ]
    if row["frames"] > 1:
        unit = unit_of(row)
        found += [doubling_of(row, unit, quantity=name).headline(name) for name in QUANTITIES]
    return found


def _worth_showing(done: Sequence[tuple[Position, Row]]) -> list[tuple[Position, Row]]:
    """The first positions, but up to half of them places for such with warnings."""
    if len(done) <= MOST_SHOWN:
        return list(done)
    doubtful = [one for one in done if one[1]["warnings"]][: MOST_SHOWN // 2]
    others = [one for one in done if one not in doubtful][: MOST_SHOWN - len(doubtful)]
    return [one for one in done if one in doubtful or one in others]


def _warnings(
    done: Sequence[tuple[Position, Row]], failed: Sequence[tuple[str, str]]
) -> list[Block]:
    """What failed, and what to be careful of."""
    blocks: list[Block] = [Notice(f"{name} failed: {error}") for name, error in failed]
    warnings = [text for _, record in done for text in record["warnings"]]
    blocks += [Notice(text) for text in warnings[:_MOST_WARNINGS]]
    if len(warnings) > _MOST_WARNINGS:
        blocks.append(Notice(f"{len(warnings) - _MOST_WARNINGS} more warnings are in run.json."))
    return blocks


def _overview(
    out: Path, done: Sequence[tuple[Position, Row]], positions: pd.DataFrame
) -> list[Block]:
    """The curves of all positions, one row each."""
    blocks: list[Block] = []
    if any(record["frame_interval_min"] is None for _, record in done):
        blocks.append(
            Notice(
                "The time between frames is not known: all times, speeds and rates are per frame. "
                "Give --interval-min to have them in minutes and hours."
            )
        )
    if len(done) > 1:
        blocks += _curves(out, done)
    caption = "Every position, from its first frame to its last; more is in positions.csv."
    blocks.append(Table(_shown(positions), caption=caption, digits=1))
    return blocks


def _shown(positions: pd.DataFrame) -> pd.DataFrame:
    """The columns of the positions that a reader looks for first."""
    table = pd.DataFrame({"position": positions["position"]})
    if (positions["status"] != "done").any():
        table["status"] = positions["status"]
    if "condition" in positions:
        table["condition"] = positions["condition"]
        doses = positions["dose"].map("{:g}".format) + " " + positions["unit"]
        table["dose"] = doses.where(positions["dose"].notna(), "")
    table["frames"] = _column(positions, "frames").astype("Int64")
    rows = positions.to_dict("records")
    fine = [row["status"] == "done" for row in rows]
    table["cells"] = [cells_words(row) if ok else "" for row, ok in zip(rows, fine, strict=True)]
    table["confluence"] = [
        confluence_words(row) if ok else "" for row, ok in zip(rows, fine, strict=True)
    ]
    for name in ("tracks", "divisions"):
        table[name] = _column(positions, name).round().astype("Int64")
    for quantity in QUANTITIES:
        table[f"doubling of {quantity}"] = [
            doubling_of(row, unit_of(row), quantity=quantity).short if ok else ""
            for row, ok in zip(rows, fine, strict=True)
        ]
    table["warnings"] = positions["warnings"]
    return table


def _column(positions: pd.DataFrame, name: str) -> pd.Series[float]:
    """The column as numbers; nan where there is none, as where all positions failed."""
    if name not in positions:
        return pd.Series(np.nan, index=positions.index)
    return pd.to_numeric(positions[name])


def _curves(out: Path, done: Sequence[tuple[Position, Row]]) -> list[Block]:
    """Count and confluence of all positions over time."""
    population = populations(
        {position.name: folder_of(out, position.name) for position, _ in done},
        {position.name: float(record["start_min"]) for position, record in done},
    )
    unit, column = time_of(population)
    blocks: list[Block] = []
    for quantity, title, factor in (("count", "Cells", 1), ("confluence", "Confluence (%)", 100)):
        curves = [
            BandCurve(
                name=str(name),
                time=table[column].to_numpy(float),
                mean=factor * table[quantity].to_numpy(float),
            )
            for name, table in population.groupby("movie", sort=False)
        ]
        blocks += chart(
            band_figure,
            curves,
            title=title,
            label=title.lower(),
            time_unit=unit,
            alt=f"{title} of {len(curves)} positions over time",
        )
    return blocks


def _one_movie(
    out: Path, position: Position, record: Row, settings: AnalyzeSettings, *, most_frames: int
) -> list[Block]:
    """Movie, curves, tracks and distributions of one position."""
    folder = folder_of(out, position.name)
    tables = {name: read_parquet(folder / f"{name}.parquet") for name in _TABLES}
    movie = position.open(settings.reading)
    blocks: list[Block] = [
        movie_of_tracks(
            position.name,
            GreyFrames(movie),
            open_label_movie(out / "labels" / f"{position.name}.tif"),
            tables["objects"],
            notes=_frame_notes(tables["population"]),
            caption=movie.axes_note,
            most_frames=most_frames,
            missing=movie.missing,
        )
    ]
    if len(movie) > 1:
        interval = record["frame_interval_min"]
        blocks += growth_charts(tables)
        blocks.append(motion_table(tables["motion"]))
        blocks.append(events_table(tables["rates"], tables["cycles"], frame_interval_min=interval))
    blocks += track_charts(tables, record)
    return blocks


class GreyFrames(Sequence[Any]):
    """The frames of a movie as grey planes, read one at a time; of several channels, the first."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie

    def __len__(self) -> int:
        return len(self._movie)

    def __getitem__(self, index: Any) -> Any:
        frame = self._movie.frame(index)
        return frame[..., 0] if frame.ndim == 3 and not self._movie.colour else frame


def _frame_notes(population: pd.DataFrame) -> list[str]:
    """What stands under each frame of the movie."""
    unit, column = time_of(population)
    notes = []
    for row in population.to_dict("records"):
        when = f"frame {row['frame']}" + (f", {row[column]:g} h" if unit == "h" else "")
        if row["missing"]:
            notes.append(f"{when}: missing")
        else:
            cells, cover = f"{row['count']:.0f}", f"{row['confluence']:.1%}"
            if np.isfinite(row.get("count_low", np.nan)):
                cells += f" ({row['count_low']:.0f} to {row['count_high']:.0f})"
            if np.isfinite(row.get("confluence_low", np.nan)):
                cover += f" ({row['confluence_low']:.0%} to {row['confluence_high']:.0%})"
            notes.append(f"{when}: {cells} cells, confluence {cover}")
    return notes


def _making(plan: Row) -> list[Block]:
    shown = json.dumps({k: v for k, v in plan.items() if k != "softlight"}, indent=2)
    return [
        Facts(list(stamp().items())),
        Settings(shown, title="All settings of this analysis (JSON)"),
    ]
