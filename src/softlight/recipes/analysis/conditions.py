"""The part of the report that compares the conditions of a plate map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.data.samples import counted
from softlight.io.tables import read_parquet
from softlight.measure.dose import DoseResponse
from softlight.recipes.analysis.charts import chart
from softlight.recipes.analysis.summaries import (
    RESPONSES,
    dose_responses,
    responses,
    unit_of_doses,
    with_controls,
)
from softlight.report.blocks import Block, Section, Table, Text
from softlight.report.growth_charts import BandCurve, band_figure, dose_figure

_TITLES = {
    "growth_rate": "Growth rate of the confluence",
    "last_confluence": "Confluence at the end",
    "last_count": "Cells at the end",
}


def condition_section(out: Path, positions: pd.DataFrame) -> list[Section]:
    """Curves of each condition over its wells, and dose-response; none without a plate map."""
    path = out / "conditions.parquet"
    if "condition" not in positions or not path.is_file():
        return []
    blocks: list[Block] = [
        Text(
            "Fields of one well are averaged first, then wells of one replicate: these are what an "
            "experiment repeats. Bands are 95 % intervals of the mean between replicates; one "
            "alone has none."
        )
    ]
    blocks += _curves(read_parquet(path))
    if positions["dose"].notna().any():
        blocks += _doses(positions)
    return [Section("Conditions", blocks)]


def _curves(conditions: pd.DataFrame) -> list[Block]:
    time = "time_h" if "time_h" in conditions else "frame"
    blocks: list[Block] = []
    for quantity, title, factor in (("count", "Cells", 1.0), ("confluence", "Confluence (%)", 100)):
        table = conditions[conditions["quantity"] == quantity]
        curves = [
            BandCurve(
                name=_called(part),
                time=part[time].to_numpy(float),
                mean=factor * part["mean"].to_numpy(float),
                low=factor * part["low"].to_numpy(float),
                high=factor * part["high"].to_numpy(float),
            )
            for _, part in table.groupby(["condition", "dose", "unit"], dropna=False, sort=True)
        ]
        blocks += chart(
            band_figure,
            curves,
            title=title,
            label=title.lower(),
            time_unit="h" if time == "time_h" else "frame",
            alt=f"{title} of {len(curves)} conditions over time",
        )
    return blocks


def _called(curve: pd.DataFrame) -> str:
    condition, dose, unit = curve[["condition", "dose", "unit"]].iloc[0]
    amount = f"{dose:g} {unit}".strip() if np.isfinite(dose) else ""
    name = " ".join(part for part in (condition, amount) if part)
    wells, replicates = (int(curve[number].max()) for number in ("wells", "replicates"))
    made = "" if replicates == wells else f" in {counted(replicates, 'replicate')}"
    return f"{name} ({counted(wells, 'well')}{made})"


def _doses(positions: pd.DataFrame) -> list[Block]:
    """Response against dose, a chart for each condition and response, and the fits."""
    wells = responses(positions)
    table, fits = dose_responses(wells)
    if table.empty:
        return []
    blocks: list[Block] = []
    for condition, part in with_controls(wells).items():
        unit = unit_of_doses(part)
        for response in RESPONSES:
            blocks += _dose_chart(condition, response, part, fits[(condition, response)], unit)
    notes = table[
        ["condition", "response", "unit", "ec50", "ec50_low", "ec50_high", "hill", "note"]
    ]
    return [*blocks, Table(notes, caption="Fits; more is in dose_response.csv.")]


def _dose_chart(
    condition: str, response: str, wells: pd.DataFrame, fit: DoseResponse, unit: str
) -> list[Any]:
    dose = wells["dose"].to_numpy(float)
    line = None
    if np.isfinite(fit.ec50):
        positive = dose[dose > 0]
        at = np.geomspace(positive.min() / 2, positive.max() * 2, 120)
        line = (at, fit.response(at), f"EC50 {fit.ec50:.3g} {unit}".strip())
    return chart(
        dose_figure,
        dose,
        wells[response].to_numpy(float),
        title=f"{condition}: {_TITLES[response].lower()}".lstrip(": "),
        label=_TITLES[response].lower(),
        dose_label=f"dose ({unit})" if unit else "dose",
        fit=line,
        alt=f"{_TITLES[response]} of {len(wells)} wells against the dose of {condition}",
        caption=fit.note,
    )
