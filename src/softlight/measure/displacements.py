"""Squared displacements of every track at every lag, and intervals that respect the tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from softlight.measure.positions import Positions
from softlight.measure.runs import Floats, Ints, sums

MOST_LAGS = 50
LEAST_WORTH = 1.5  # clusters of even weight; of fewer there is no interval


@dataclass(frozen=True, slots=True)
class Displacements:
    """Sums over each track's pairs of points; column k is a lag of k + 1 frames."""

    squares: Floats  # (K, L) sum of squared displacements
    pairs: Floats  # (K, L) how many


def displacements(positions: Positions, most_lags: int = MOST_LAGS) -> Displacements:
    """Sums over all pairs of whole points of each track, overlapping ones too; gaps are no harm."""
    keep = positions.whole
    track, frame, place = positions.track[keep], positions.frame[keep], positions.place[keep]
    count, number = len(positions.ids), len(track)
    span = int(np.ptp(frame)) if number else 0
    lags = max(1, min(most_lags, span))
    squares, pairs = np.zeros((count, lags)), np.zeros((count, lags))
    if number == 0:
        return Displacements(squares, pairs)
    key = track * (2 * span + 2) + frame - frame.min()
    later = np.arange(number)
    for lag in range(1, lags + 1):
        # The last point that is at most so much later moves on by at most one a lag.
        following = np.minimum(later + 1, number - 1)
        later = np.where(key[following] <= key + lag, following, later)
        found = np.flatnonzero(key[later] == key + lag)
        step = place[later[found]] - place[found]
        squares[:, lag - 1] = sums(track[found], (step**2).sum(axis=1), count)
        pairs[:, lag - 1] = sums(track[found], None, count)
    return Displacements(squares, pairs)


def ratio_with_interval(
    over: Floats, under: Floats, cluster: Ints, *, level: float = 0.95
) -> tuple[float, float, float]:
    """(sum of ``over`` / sum of ``under``, low, high), clusters being what chance draws.

    The interval is that of the jackknife which leaves out one cluster at a time. One cluster has
    no interval (nan).
    """
    count = int(cluster.max(initial=-1)) + 1
    top, bottom = sums(cluster, over, count), sums(cluster, under, count)
    top, bottom = top[bottom > 0], bottom[bottom > 0]
    if not len(bottom):
        return np.nan, np.nan, np.nan
    ratio = float(top.sum() / bottom.sum())
    if len(bottom) < 2:
        return ratio, np.nan, np.nan
    without = (top.sum() - top) / (bottom.sum() - bottom)
    half = float(jackknife_half((without - ratio)[:, None], bottom, level=level)[0])
    return ratio, ratio - half, ratio + half


def jackknife_half(differences: Floats, weight: Floats, *, level: float = 0.95) -> Floats:
    """Half widths of intervals of estimates, from how they change without each cluster.

    Student's t has as many degrees of freedom as clusters of even weight that are worth as much.

    Args:
        differences: (G, K) each of K estimates without cluster g, less the estimate with all.
        weight: (G,) of each cluster.
        level: of the intervals.
    """
    effective = _worth(weight)
    if effective < LEAST_WORTH:
        return np.full(differences.shape[1], np.nan)
    reach = stats.t.ppf(0.5 + level / 2, effective - 1)
    half: Floats = reach * np.sqrt((differences**2).sum(axis=0))
    return half


def half_width(influence: Floats, weight: Floats, *, level: float = 0.95) -> float:
    """Half the width of an interval from how much each cluster moves the estimate."""
    effective = _worth(weight)
    if effective < LEAST_WORTH:
        return np.nan
    variance = float((influence**2).sum()) * effective / (effective - 1)
    return float(stats.t.ppf(0.5 + level / 2, effective - 1) * np.sqrt(variance))


def _worth(weight: Floats) -> float:
    """How many clusters of even weight are worth as much as these; 0 of none."""
    total = weight.sum()
    return float(total**2 / (weight**2).sum()) if total > 0 else 0.0
