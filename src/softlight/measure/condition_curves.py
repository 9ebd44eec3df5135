"""The curves of each condition of a plate, between what an experiment repeats."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_high

import numpy as np
import pandas as pd
from scipy import stats

from softlight.measure.errors import MeasureError

CONDITION = ["condition", "dose", "unit"]


def condition_curves(
    population: pd.DataFrame,
    wells: pd.DataFrame,
    *,
    quantity: str = "confluence",
    level: float = 0.95,
) -> pd.DataFrame:
    """The mean curve of each condition and dose with its interval between replicates.

    Fields of one well are averaged first, then wells of one replicate, see `by_replicate`. Wells
    that were imaged one after the other are brought to one clock. Columns: ``condition``, ``dose``,
    ``unit``, ``time_h`` (or ``frame``), ``mean``, ``sd``, ``low``, ``high``, ``wells``,
    ``replicates``; one replicate has no interval.

    Args:
        population: population tables of all movies, with ``movie``.
        wells: from `plate.wells_of`, with a plate map.
        quantity: the column to average.
        level: of the interval (Student's t).
    """
    time = "time_h" if "time_h" in population else "frame"
    for name, table in (("movie", population), (quantity, population), ("condition", wells)):
        if name not in table:
            raise MeasureError(
                f"There is no column {name}; give population tables and a plate map."
            )
    known = wells[wells["condition"].ne("") | wells["dose"].notna()]
    told = [c for c in ("experiment", "replicate") if c in known]
    joined = population[["movie", time, quantity]].merge(
        known[["movie", "well", *CONDITION, *told]], on="movie"
    )
    if time == "time_h":
        joined[time] = _on_one_clock(joined)
    keys = [*CONDITION, time]
    means = by_replicate(joined, [quantity], keys)
    groups = means.groupby(keys, dropna=False)
    table = groups[quantity].agg(["mean", "std", "count"]).reset_index()
    table = table.rename(columns={"std": "sd", "count": "replicates"})
    table["wells"] = groups["wells"].sum().to_numpy()
    number = table["replicates"].to_numpy()
    reach = stats.t.ppf(0.5 + level / 2, np.maximum(number - 1, 1)) / np.sqrt(np.maximum(number, 1))
    half = np.where(number > 1, reach * table["sd"], np.nan)
    table["low"], table["high"] = table["mean"] - half, table["mean"] + half
    return table[[*keys, "mean", "sd", "low", "high", "wells", "replicates"]]


def by_replicate(
    table: pd.DataFrame, quantities: Sequence[str], keys: Sequence[str]
) -> pd.DataFrame:
    """One row a replicate: the means of its wells, which are the means of their fields.

    Fields of one well share their medium and their pipetting, so that wells are what an experiment
    repeats, and of those that the plate map gives the same ``replicate``, all together. Wells of
    the same name in two experiments are two. Without a replicate each well is one. ``wells`` tells
    of how many wells with a value each replicate is made.

    Args:
        table: a row a field, with ``well``, and ``experiment`` and ``replicate`` if known.
        quantities: the columns to average.
        keys: what is kept apart.
    """
    table = table.copy()
    for name in ("experiment", "replicate"):
        table[name] = table[name].fillna("").astype(str) if name in table else ""
    alone = table["replicate"].eq("")
    table["replicate"] = np.where(alone, "well " + table["well"].astype(str), table["replicate"])
    whole = [*keys, "experiment", "replicate"]
    columns = list(quantities)
    wells = table.groupby([*whole, "well"], dropna=False, as_index=False)[columns].mean()
    wells["wells"] = wells[columns].notna().any(axis=1).astype(int)
    groups = wells.groupby(whole, dropna=False)
    means = groups[columns].mean()
    means["wells"] = groups["wells"].sum()
    return means.reset_index()


def _on_one_clock(table: pd.DataFrame) -> pd.Series:
    """The time of each row in whole steps from the earliest, those of the usual interval.

    Microscopes go from well to well, so that each has its own minute. Each movie begins at the
    nearest step, and its frames follow from there: no jitter puts two of them on one step.
    """
    times = table["time_h"].astype(float)
    movies = times.groupby(table["movie"])
    steps = [np.median(np.diff(np.unique(part))) for _, part in movies if part.nunique() > 1]
    if not steps:
        return times.round(6)
    step, earliest, begin = median_high(steps), times.min(), movies.transform("min")
    number = np.floor((begin - earliest) / step + 0.5) + np.floor((times - begin) / step + 0.5)
    clock: pd.Series = (earliest + number * step).round(6)
    return clock
