"""The charts of one analysed movie, from its tables; what cannot be drawn is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from softlight.measure.walks import furth
from softlight.recipes.analysis.doubts import marked_frames
from softlight.recipes.analysis.numbers import plain_unit
from softlight.recipes.analysis.summaries import doubling_of
from softlight.report.blocks import Chart
from softlight.report.charts import ChartError
from softlight.report.growth_charts import FittedLine, growth_figure
from softlight.report.track_charts import (
    correlation_figure,
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
    charts = _msd_chart(tables) + _correlation_chart(tables["autocorrelation"])
    charts += _area_chart(objects, length) + _speed_chart(tables)
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


def _speed_chart(tables: Tables) -> list[Chart]:
    """The mean speeds of all tracks, without the localisation error where that is known."""
    kinetics = tables["kinetics"]
    begin = "corrected_mean_speed_"
    columns = [str(name) for name in kinetics if str(name).startswith(begin)]
    if not columns:
        return []
    motion = tables["motion"].set_index("measure")
    error, unit = motion["value"]["localisation_sd"], motion["unit"]["localisation_sd"]
    words = "The localisation error could not be told, and is in them."
    if np.isfinite(error):
        words = f"The localisation error ({error:.2g} {plain_unit(unit)}) is taken off."
    return chart(
        histogram_figure,
        kinetics[columns[0]].to_numpy(float),
        title="Mean speeds",
        label=f"mean speed of a track ({plain_unit(columns[0].removeprefix(begin))})",
        alt="How often each mean speed comes",
        caption=words,
    )


def _lag_of(curve: pd.DataFrame) -> str:
    return next((str(name) for name in curve if str(name) in ("lag_min", "lag_h")), "lag_frames")


def _correlation_chart(curve: pd.DataFrame) -> list[Chart]:
    return chart(
        correlation_figure,
        curve,
        lag=_lag_of(curve),
        alt="Correlation of velocities against the lag",
        caption="Mean product of two velocities of a cell so far apart, over their mean square.",
    )


def _msd_chart(tables: Tables) -> list[Chart]:
    """The mean squared displacement with what was fitted to it, or why nothing was."""
    curve, motion = tables["msd"], tables["motion"].set_index("measure")
    value = next(str(name) for name in curve if str(name) in ("msd_um2", "msd_px2"))
    lag = _lag_of(curve)
    at = curve[lag].to_numpy(float)
    diffusion = float(motion["value"]["diffusion"])
    words = f"D = {diffusion:.3g} {plain_unit(motion['unit']['diffusion'])}"
    if not np.isfinite(diffusion):
        words = f"No fit: {motion['note']['diffusion'] or 'not enough is known'}"
    return chart(
        msd_figure,
        curve,
        lag=lag,
        value=value,
        fit=_msd_fit(motion["value"], at),
        alt="Mean squared displacement against the lag",
        caption=f"{words}. The drift of the field is taken off.",
    )


def _msd_fit(found: pd.Series[float], at: np.ndarray) -> tuple[np.ndarray, np.ndarray, str] | None:
    """The persistent random walk; where its persistence is not known, the power law."""
    alpha, diffusion = float(found["msd_alpha"]), float(found["diffusion"])
    if not (np.isfinite([alpha, diffusion]).all() and len(at)):
        return None
    times = np.geomspace(at.min(), at.max(), 60)
    error = float(found["localisation_sd"])
    base = 4 * error**2 if np.isfinite(error) else 0.0
    speed, persistence = float(found["rms_speed"]), float(found["persistence"])
    if np.isfinite([speed, persistence]).all():
        label = f"persistent random walk, α = {alpha:.2f}"
        return times, furth(times, speed, persistence) + base, label
    power = 4 * diffusion * times * (times / at.min()) ** (alpha - 1)
    return times, power + base, f"power law, α = {alpha:.2f}"
