"""How long cells live from birth to division, also where most divisions are not seen."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy import stats

from softlight.measure.errors import MeasureError


def median_cycle(cycles: pd.DataFrame, *, level: float = 0.95) -> tuple[float, float, float]:
    """(median, low, high) of the time from birth to division, in frames.

    Cells that left, died or were not done by the last frame have lived so long at least (Kaplan and
    Meier): the mean of the whole cycles alone would be too short, since long ones do not fit into
    the movie. The median is nan where fewer than half of the cells have divided by the longest time
    seen, ``high`` is then infinite. Only cells whose birth was seen count. The interval (log-log)
    takes cells as independent, though sisters are alike.

    Args:
        cycles: a row a track with ``born``, ``divides`` and ``at_least_frames``.
        level: of the interval.
    """
    missing = [name for name in ("born", "divides", "at_least_frames") if name not in cycles]
    if missing:
        raise MeasureError(f"The table of cycles has no column {', '.join(missing)}.")
    born = cycles[cycles["born"].astype(bool)]
    divides = born["divides"].to_numpy(bool)
    if not divides.any():
        return np.nan, np.nan, np.nan
    seen = born["at_least_frames"].to_numpy(np.float64)
    data = stats.CensoredData(uncensored=seen[divides], right=seen[~divides])
    undivided = stats.ecdf(data).sf
    with warnings.catch_warnings():  # the band is not defined where all or none are left
        warnings.simplefilter("ignore", RuntimeWarning)
        band = undivided.confidence_interval(level, method="log-log")
    time, left = undivided.quantiles, undivided.probabilities
    fewest = np.where(np.isnan(band.low.probabilities), left, band.low.probabilities)
    high = _half(time, band.high.probabilities)
    return _half(time, left), _half(time, fewest), np.inf if np.isnan(high) else high


def _half(time: np.ndarray, share: np.ndarray) -> float:
    """The first time at which no more than half are left; nan if more are to the end."""
    under = np.flatnonzero(share <= 0.5)
    return float(time[under[0]]) if len(under) else np.nan
