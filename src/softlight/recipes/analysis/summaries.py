"""One row a position, and what the positions of one condition have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.io.tables import read_parquet
from softlight.measure.dose import DoseResponse, fit_dose_response
from softlight.measure.plate import condition_curves, wells_of

Row = dict[str, Any]
QUANTITIES = ("count", "confluence")
RESPONSES = ("growth_rate", "last_confluence", "last_count")


def summary_of(tables: dict[str, pd.DataFrame]) -> Row:
    """The few numbers of a movie that stand in its row of the positions."""
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


def doubling_words(row: Mapping[Any, Any], unit: str, *, quantity: str = "") -> str:
    """The doubling time with its interval, or that no growth was seen: never a number alone.

    Args:
        row: of the growth table, or of the positions.
        unit: "h" or "frame".
        quantity: in a row of the positions, whose growth.
    """
    times = "frames" if unit == "frame" else unit
    begin = f"{quantity}_" if quantity else ""
    value, low, high = (
        float(row.get(f"{begin}doubling_time{end}_{times}", np.nan))
        for end in ("", "_low", "_high")
    )
    fastest = row.get(f"{begin}growth_rate_high_per_{unit}", np.nan)
    if not np.isfinite(fastest):
        return "growth not known"
    if not np.isfinite(low):
        return "no growth seen"
    if not (np.isfinite(value) and np.isfinite(high)):
        return f"no growth seen (if it doubles, in {low:.1f} {times} or more)"
    return f"doubling in {value:.1f} {times} ({low:.1f} to {high:.1f})"


def cells_words(row: Mapping[Any, Any], *, arrow: str = "to") -> str:
    """The cells of the first and the last frame, and of the fullest where that is neither."""
    first, last, most = (f"{row[f'cells_{when}']:.0f}" for when in ("first", "last", "most"))
    if row["frames"] == 1:
        return first
    fullest = "" if most in (first, last) else f", at most {most}"
    return f"{first} {arrow} {last}{fullest}"


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
    """One row a position: status, well and condition, sizes, the few numbers, the error."""
    wells = wells_of(names, plate).rename(columns={"movie": "position"})
    unknown = [
        c for c in ("well", "site", "crop") if wells[c].isna().all() or (wells[c] == "").all()
    ]
    table = wells.drop(columns=unknown if plate is None else [])
    table.insert(1, "status", ["done" if error is None else "failed" for error in errors])
    for name in ("frames", "pixel_size_um", "frame_interval_min", "start_min"):
        table[name] = [record.get(name) for record in records]
    summaries = pd.DataFrame([record.get("summary", {}) for record in records], index=table.index)
    table = pd.concat([table, summaries], axis=1)
    table["warnings"] = [len(record.get("warnings", [])) for record in records]
    table["error"] = [error or "" for error in errors]
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
    """One row a well with a dose: its condition, and each response as the mean of its fields."""
    fine = positions[(positions["status"] == "done") & positions["dose"].notna()]
    rate = next(
        (str(c) for c in positions if str(c).startswith("confluence_growth_rate_per_")), None
    )
    table = fine[["well", "condition", "dose", "unit"]].copy()
    table["growth_rate"] = fine[rate].astype(float) if rate else np.nan
    table["last_confluence"] = fine["confluence_last"].astype(float)
    table["last_count"] = fine["cells_last"].astype(float)
    keys = ["condition", "dose", "unit", "well"]
    return table.groupby(keys, dropna=False, as_index=False)[list(RESPONSES)].mean()


def dose_responses(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[tuple[str, str], DoseResponse]]:
    """The fitted curve of each condition and response, as a table and by (condition, response).

    Wells of dose 0 are the control of a condition; one that has none of its own takes all others'.
    """
    rows: list[Row] = []
    fits: dict[tuple[str, str], DoseResponse] = {}
    for condition, wells in with_controls(table).items():
        for response in RESPONSES:
            fit = fit_dose_response(wells["dose"].to_numpy(float), wells[response].to_numpy(float))
            fits[(condition, response)] = fit
            rows.append({"condition": condition, "response": response, **asdict(fit)})
    return pd.DataFrame(rows), fits


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
