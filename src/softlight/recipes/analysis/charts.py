"""The charts of one analysed movie, from its tables; what cannot be drawn is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from softlight.measure.walks import furth
from softlight.recipes.analysis.doubts import marked_frames
from softlight.recipes.analysis.summaries import doubling_of
from softlight.report.blocks import Chart
from softlight.report.charts import ChartError
from softlight.report.growth_charts import FittedLine, growth_figure
from softlight.report.track_charts import (
    histogram_figure,
    lineage_figure,
    msd_figure,
    track_figure,
)

Tables = dict[str, pd.DataFrame]
Row = Mapping[Any, Any]
MARKS = {"empty": "no cell", "blurred": "blurred", "jump": "jump of the count"}


def chart(
    draw: Callable[..., bytes], *args: Any, alt: str, caption: str = "", **options: Any
) -> list[Chart]:
    """The chart for light and dark pages, or nothing where there is nothing to draw."""
    try:
        light, dark = (draw(*args, **options, dark=on) for on in (False, True))
    except ChartError:
        return []
    return [Chart(light=light, dark=dark, alt=alt, caption=caption)]


def growth_charts(tables: Tables) -> list[Chart]:
    """Count and confluence over time with the range of the fit and the doubling time."""
    population, growth = tables["population"], tables["growth"]
    by_quantity = {row["quantity"]: row for row in growth.to_dict("records")}
    unit, column = time_of(population)
    time = population[column].to_numpy(float)
    marks = {
        MARKS[what]: time[population["frame"].isin(frames)].tolist()
        for what, frames in marked_frames(population).items()
        if what in MARKS and frames
    }
    charts: list[Chart] = []
    for quantity, title, label, factor in (
        ("count", "Cells", "cells", 1.0),
        ("confluence", "Area covered by cells", "confluence (%)", 100.0),
    ):
        row = by_quantity[quantity]
        doubling = doubling_of(row, unit)
        charts += chart(
            growth_figure,
            time,
            factor * population[quantity].to_numpy(float),
            title=title,
            label=label,
            time_unit=unit,
            line=_line(row, unit, population, time),
            marked=marks if quantity == "count" else None,
            alt=f"{title} over time; {doubling.words}",
            caption=f"{_capital(doubling.words)}. Fitted range: {row['reason']}.",
        )
    return charts


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def time_of(population: pd.DataFrame) -> tuple[str, str]:
    """(the unit, the column) of time in a population table."""
    return ("h", "time_h") if "time_h" in population else ("frame", "frame")


def _line(row: Row, unit: str, population: pd.DataFrame, time: np.ndarray) -> FittedLine | None:
    """The fit, or the frames that it was tried on where neither growth nor decline was seen."""
    rate = float(row[f"growth_rate_per_{unit}"])
    if not np.isfinite(rate) or row["first_frame"] < 0:
        return None
    doubling = doubling_of(row, unit)
    seen, words = doubling.seen, doubling.short
    at = dict(zip(population["frame"].tolist(), time.tolist(), strict=True))
    return FittedLine(
        first=at[int(row["first_frame"])],
        last=at[int(row["last_frame"])],
        rate=rate if seen else None,
        label=f"doubling {words}" if seen and not doubling.falling else words,
    )


def track_charts(tables: Tables, facts: dict[str, Any]) -> list[Chart]:
    """Ways, family trees, mean squared displacement, and distributions of area and speed."""
    objects, tracks = tables["objects"], tables["tracks"]
    pixel, interval = facts["pixel_size_um"], facts["frame_interval_min"]
    length = "um" if pixel is not None and "x_um" in objects else "px"
    side = pixel if length == "um" else 1.0
    height, width = (float(one) * side for one in facts["shape"])
    divided = int((tracks["parent_id"] > 0).sum())
    charts = _msd_chart(tables) + _area_chart(objects, length) + _speed_chart(tables["kinetics"])
    charts += chart(
        track_figure,
        objects,
        shape=(height, width),
        unit=length,
        alt=f"The ways of {len(tracks)} tracks over the field of view",
        caption="Each track from pale to strong, a dot at its end. " + _without_way(objects),
    )
    return charts + chart(
        lineage_figure,
        tracks,
        per_frame=1.0 if interval is None else interval / 60,
        time="frame" if interval is None else "h",
        alt=f"Family trees; {divided} tracks have a mother",
        caption="One line a cell, from its birth or first frame to its last; daughters branch off.",
    )


def _without_way(objects: pd.DataFrame) -> str:
    """Why fewer ways are drawn than there are tracks."""
    once = int((objects["track_id"].value_counts() == 1).sum())
    if not once:
        return ""
    cells = f"{once} cells are" if once > 1 else "One cell is"
    return f"{cells} seen in one frame only, and {'have' if once > 1 else 'has'} no way."


def _area_chart(objects: pd.DataFrame, length: str) -> list[Chart]:
    unit = {"um": "µm²", "px": "px"}[length]
    return chart(
        histogram_figure,
        objects["area_um2" if length == "um" else "area_px"].to_numpy(float),
        title="Areas",
        label=f"area of a cell in a frame ({unit})",
        alt="How often each cell area comes",
    )


def _speed_chart(kinetics: pd.DataFrame) -> list[Chart]:
    columns = [name for name in kinetics if str(name).startswith("mean_speed_")]
    if not columns:
        return []
    unit = str(columns[0]).removeprefix("mean_speed_").replace("um", "µm").replace("_per_", " / ")
    return chart(
        histogram_figure,
        kinetics[columns[0]].to_numpy(float),
        title="Mean speeds",
        label=f"mean speed of a track ({unit})",
        alt="How often each mean speed comes",
        caption="As seen, with the error of each position in it.",
    )


def _msd_chart(tables: Tables) -> list[Chart]:
    """The mean squared displacement with the persistent random walk that fits it."""
    curve, motion = tables["msd"], tables["motion"].set_index("measure")
    value = next(str(name) for name in curve if str(name) in ("msd_um2", "msd_px2"))
    lag = next((str(name) for name in curve if str(name) in ("lag_min", "lag_h")), "lag_frames")
    speed, persistence, error = (
        float(motion["value"].get(name, np.nan))
        for name in ("rms_speed", "persistence", "localisation_sd")
    )
    fit = None
    at = curve[lag].to_numpy(float)
    if np.isfinite([speed, persistence]).all() and len(at):
        times = np.geomspace(at.min(), at.max(), 60)
        base = 4 * error**2 if np.isfinite(error) else 0.0
        alpha = float(motion["value"].get("msd_alpha", np.nan))
        label = f"persistent random walk, α = {alpha:.2f}"
        fit = (times, furth(times, speed, persistence) + base, label)
    diffusion = motion["value"].get("diffusion", np.nan)
    unit = str(motion["unit"].get("diffusion", "")).replace("um2", "µm²").replace("px2", "px²")
    words = f"D = {diffusion:.3g} {unit.replace('_per_', ' / ')}" if np.isfinite(diffusion) else ""
    return chart(
        msd_figure,
        curve,
        lag=lag,
        value=value,
        fit=fit,
        alt="Mean squared displacement against the lag",
        caption=f"{words}. The drift of the field is taken off.".lstrip(". "),
    )
