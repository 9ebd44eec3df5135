"""One row a position, and what the positions of one condition have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.io.tables import read_parquet
from softlight.measure.condition_curves import CONDITION, by_replicate, condition_curves
from softlight.measure.dose import DoseResponse, fit_dose_response
from softlight.measure.plate import PLATE_COLUMNS, unlike, wells_of

Row = dict[str, Any]
_LONGEST = 1e5  # hours or frames: a longer doubling time is as good as none
QUANTITIES = ("count", "confluence")
SUMMED = ("population", "tracks", "growth", "divisions", "edits")  # what a summary is made of
RESPONSES = ("growth_rate", "last_confluence", "last_count")


def summary_of(tables: dict[str, pd.DataFrame]) -> Row:
    """The few numbers of a movie that stand in its row of the positions, from those ``SUMMED``."""
    population, tracks = tables["population"], tables["tracks"]
    growth = {row["quantity"]: row for row in tables["growth"].to_dict("records")}
    seen = population[~population["missing"]]
    found: Row = {}
    for quantity, name in (("count", "cells"), ("confluence", "confluence")):
        values = seen[quantity].to_numpy(float)
        found |= {f"{name}_first": float(values[0]), f"{name}_last": float(values[-1])}
        found[f"{name}_most"] = float(values.max())
    found["tracks"] = len(tracks)
    found["divisions"] = len(tables["divisions"])  # also those at the border, which rates leave out
    found["edits"] = len(tables["edits"])
    for quantity in QUANTITIES:
        for column, value in growth[quantity].items():
            if str(column).startswith(("growth_rate_", "doubling_time_")):
                found[f"{quantity}_{column}"] = float(value)
    return found


@dataclass(frozen=True)
class Doubling:
    """A doubling or halving time with its interval, or that none was seen: never a number alone.

    Attributes:
        known: whether anything is known of the growth.
        value: the doubling time, or the halving time; nan where no growth was seen.
        low: the shortest that would fit; nan where none would.
        high: the longest.
        times: "h" or "frames".
        falling: whether it is a halving time: all rates of the interval are below 0.
    """

    known: bool
    value: float
    low: float
    high: float
    times: str
    falling: bool = False

    @property
    def seen(self) -> bool:
        """Whether growth or decline was seen: all rates of the interval are on one side of 0."""
        certain = self.known and np.isfinite([self.value, self.high]).all()
        return bool(certain and self.value < _LONGEST)

    @property
    def _bounded(self) -> bool:
        """Whether there is a shortest doubling time to tell of."""
        return not self.falling and self.low < _LONGEST

    @property
    def short(self) -> str:
        """For a table: the time and its interval, or that there is none."""
        if not self.known:
            return "not known"
        if not self.seen:
            return "no growth seen"
        time = f"{self.value:.1f} {self.times} ({self.low:.1f} to {self.high:.1f})"
        return f"halves in {time}" if self.falling else time

    @property
    def words(self) -> str:
        """The same for a sentence, and how slow growth must be if it was not seen."""
        if not self.known:
            return "growth not known"
        if self.seen:
            return f"decline, {self.short}" if self.falling else f"doubling in {self.short}"
        bound = f" (if it doubles, in {self.low:.1f} {self.times} or more)"
        return "no growth seen" + (bound if self._bounded else "")

    def headline(self, quantity: str) -> tuple[str, str]:
        """(what is told, in small; the number, in large)."""
        if not self.known:
            return f"growth of the {quantity}", "not known"
        if self.seen:
            what = "halve" if self.falling else "double"
            interval = f"{self.low:.1f} to {self.high:.1f} {self.times}"
            return f"to {what} the {quantity}: {interval}", f"{self.value:.1f} {self.times}"
        bound = f": {self.low:.1f} {self.times} or more to double" if self._bounded else ""
        return f"growth of the {quantity} seen{bound}", "none"


def doubling_of(row: Mapping[Any, Any], unit: str, *, quantity: str = "") -> Doubling:
    """The doubling or halving time in a row of the growth table, or of the positions.

    Args:
        row: of either table.
        unit: "h" or "frame".
        quantity: in a row of the positions, whose growth.
    """
    times = "frames" if unit == "frame" else unit
    begin = f"{quantity}_" if quantity else ""
    names = (f"{begin}growth_rate{end}_per_{unit}" for end in ("", "_low", "_high"))
    rate, slowest, fastest = (float(row.get(name, np.nan)) for name in names)
    if fastest < 0:
        value, low, high = (math.log(0.5) / one for one in (rate, slowest, fastest))
        return Doubling(math.isfinite(slowest), value, low, high, times, falling=True)
    names = (f"{begin}doubling_time{end}_{times}" for end in ("", "_low", "_high"))
    value, low, high = (float(row.get(name, np.nan)) for name in names)
    return Doubling(math.isfinite(fastest), value, low, high, times)


def cells_words(row: Mapping[Any, Any]) -> str:
    """The cells of the first and the last frame, and of the fullest where that is neither."""
    first, last, most = (f"{row[f'cells_{when}']:.0f}" for when in ("first", "last", "most"))
    if row["frames"] == 1:
        return first
    fullest = "" if most in (first, last) else f", at most {most}"
    return f"{first} to {last}{fullest}"


def cells_headline(row: Mapping[Any, Any]) -> tuple[str, str]:
    """(what is told, in small; the numbers, in large)."""
    ends, _, fullest = cells_words(row).partition(", ")
    return f"cells, {fullest}" if fullest else "cells", ends.replace(" to ", " → ")


def confluence_words(row: Mapping[Any, Any]) -> str:
    """The share of the first and the last frame that is cells."""
    first, last = (f"{row[f'confluence_{when}']:.1%}" for when in ("first", "last"))
    return first if row["frames"] == 1 else f"{first} to {last}"


def unit_of(row: Mapping[Any, Any]) -> str:
    """The unit of a position's times: hours where the interval is known."""
    interval = row.get("frame_interval_min")
    return "frame" if interval is None or not np.isfinite(interval) else "h"


def positions_table(
    names: Sequence[str],
    records: Sequence[Row],
    errors: Sequence[str | None],
    plate: pd.DataFrame | None,
) -> pd.DataFrame:
    """One row a position: status, well and condition, sizes, the few numbers, the error.

    A further column of the plate map that is called as one of ours has ``map_`` before its name.
    """
    wells = wells_of(names, plate).rename(columns={"movie": "position"})
    places = ("experiment", "well", "site", "crop")
    unknown = [c for c in places if wells[c].isna().all() or (wells[c] == "").all()]
    ours: Row = {"status": ["done" if error is None else "failed" for error in errors]}
    for name in ("frames", "pixel_size_um", "frame_interval_min", "start_min"):
        ours[name] = [record.get(name) for record in records]
    summaries = pd.DataFrame([record.get("summary", {}) for record in records], index=wells.index)
    told = pd.concat([pd.DataFrame(ours, index=wells.index), summaries], axis=1)
    told["warnings"] = [len(record.get("warnings", [])) for record in records]
    told["error"] = [error or "" for error in errors]
    known = wells.drop(columns=unknown if plate is None else [])
    further = [str(c) for c in known if c not in ("position", *places, *PLATE_COLUMNS)]
    known = known.rename(columns=unlike(further, [*known.columns.difference(further), *told]))
    table = pd.concat([known, told.drop(columns="status")], axis=1)
    table.insert(1, "status", told["status"])
    return table


def populations(folders: dict[str, Path], starts: dict[str, float]) -> pd.DataFrame:
    """The population of all movies in one table, time on one clock where it is known."""
    parts = []
    for name, folder in folders.items():
        part = read_parquet(folder / "population.parquet").assign(movie=name)
        if "time_h" in part:
            part["time_h"] = part["time_h"] + starts[name] / 60
        parts.append(part)
    if not all("time_h" in part for part in parts):
        parts = [part.drop(columns="time_h", errors="ignore") for part in parts]
    return pd.concat(parts, ignore_index=True)


def curves_by_condition(population: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """The curve of each condition and dose, for the count and for the confluence."""
    parts = []
    for quantity in QUANTITIES:
        curves = condition_curves(population, wells, quantity=quantity)
        curves.insert(0, "quantity", quantity)
        parts.append(curves)
    return pd.concat(parts, ignore_index=True)


def responses(positions: pd.DataFrame) -> pd.DataFrame:
    """One row a replicate with a dose: its condition, and the mean of each response."""
    fine = positions[(positions["status"] == "done") & positions["dose"].notna()]
    rate = next(
        (str(c) for c in positions if str(c).startswith("confluence_growth_rate_per_")), None
    )
    told = [c for c in ("experiment", "replicate") if c in fine]
    table = fine[["well", *CONDITION, *told]].copy()
    table["growth_rate"] = fine[rate].astype(float) if rate else np.nan
    table["last_confluence"] = fine["confluence_last"].astype(float)
    table["last_count"] = fine["cells_last"].astype(float)
    return by_replicate(table, RESPONSES, CONDITION)


def dose_responses(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[tuple[str, str], DoseResponse]]:
    """The fitted curve of each condition and response, as a table and by (condition, response).

    Wells of dose 0 are the control of a condition; one that has none of its own takes all others'.
    The unit is that of the condition's doses, and so of its EC50.
    """
    rows: list[Row] = []
    fits: dict[tuple[str, str], DoseResponse] = {}
    for condition, wells in with_controls(table).items():
        unit = unit_of_doses(wells)
        for response in RESPONSES:
            fit = fit_dose_response(wells["dose"].to_numpy(float), wells[response].to_numpy(float))
            fits[(condition, response)] = fit
            about = {"condition": condition, "response": response, "unit": unit}
            rows.append({**about, **asdict(fit)})
    return pd.DataFrame(rows), fits


def unit_of_doses(wells: pd.DataFrame) -> str:
    """The unit of the doses above 0, which a condition has one of."""
    return str(wells.loc[wells["dose"] > 0, "unit"].iloc[0])


def with_controls(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The wells of each condition that was given in doses above 0, with their controls."""
    found: dict[str, pd.DataFrame] = {}
    for condition, wells in table.groupby("condition", dropna=False):
        if not (wells["dose"] > 0).any():
            continue
        if not (wells["dose"] == 0).any():
            wells = pd.concat([table[table["dose"] == 0], wells], ignore_index=True)
        found[str(condition)] = wells
    return found
