"""How the cells of a movie move together: MSD and velocity correlation with intervals, and a fit.

What chance draws are cells, not steps: the steps of a cell are alike. All intervals here are
between tracks, or between clones where the tracks table is given.
"""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pandas as pd

from softlight.measure.displacements import (
    MOST_LAGS,
    Displacements,
    displacements,
    jackknife_half,
    ratio_with_interval,
)
from softlight.measure.kinetics import true_share, velocity_products
from softlight.measure.positions import Positions, checked_clones, positions_of
from softlight.measure.runs import Floats, Ints, sums
from softlight.measure.walks import fit_walk

MOST_GROUPS = 60  # of the jackknife; more clones than these are left out several at a time


def msd_curve(
    objects: pd.DataFrame,
    *,
    frame_interval_min: float | None = None,
    tracks: pd.DataFrame | None = None,
    most_lags: int = MOST_LAGS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean squared displacement of all tracks against the lag, with an interval between tracks.

    Columns: ``lag_frames``, ``lag_min`` (where the interval is known), ``msd_…``, ``msd_low_…``,
    ``msd_high_…``, ``tracks``, ``pairs``. The localisation error is in it.
    """
    positions, clones = _read(objects, frame_interval_min, tracks)
    moved = displacements(positions, most_lags)
    square = f"{positions.units.length}2"
    rows = []
    for lag in range(moved.pairs.shape[1]):
        over, under = moved.squares[:, lag], moved.pairs[:, lag]
        msd, low, high = ratio_with_interval(over, under, clones, level=level)
        rows.append((lag + 1, msd, max(low, 0.0), high, int((under > 0).sum()), int(under.sum())))
    names = ("lag_frames", *(f"msd{end}_{square}" for end in ("", "_low", "_high")))
    table = pd.DataFrame(rows, columns=[*names, "tracks", "pairs"])
    return _with_time(table[table["pairs"] > 0].reset_index(drop=True), positions)


def velocity_autocorrelation(
    objects: pd.DataFrame,
    *,
    frame_interval_min: float | None = None,
    localisation_sd: float = 0.0,
    tracks: pd.DataFrame | None = None,
    most_lags: int = 20,
    level: float = 0.95,
) -> pd.DataFrame:
    """Correlation of velocities against the lag, over the mean square velocity.

    The localisation error makes successive steps turn back; 2 (σ / Δt)² is added at lag 1 and
    twice that taken off at lag 0. Columns: ``lag_frames``, ``lag_min``, ``correlation``, ``low``,
    ``high``, ``tracks``, ``pairs``. The interval takes the mean square velocity as known.
    """
    positions, clones = _read(objects, frame_interval_min, tracks)
    error = 2 * (localisation_sd / positions.units.per_frame) ** 2
    span = int(np.ptp(positions.frame)) if len(positions.frame) else 0
    rows = []
    base = np.nan
    for lag in range(min(most_lags, max(span - 1, 0)) + 1):
        over, under = velocity_products(positions, lag)
        value = np.array(ratio_with_interval(over, under, clones, level=level))
        value += {0: -2 * error, 1: error}.get(lag, 0.0)
        if lag == 0:
            base = float(value[0])
            value = np.full(3, base)
        share = value / (base if base > 0 else np.nan)
        rows.append((lag, *share, int((under > 0).sum()), int(under.sum())))
    names = ["lag_frames", "correlation", "low", "high", "tracks", "pairs"]
    return _with_time(pd.DataFrame(rows, columns=names), positions)


def motion_summary(
    objects: pd.DataFrame,
    *,
    frame_interval_min: float | None = None,
    localisation_sd: float | None = None,
    tracks: pd.DataFrame | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """The movie's motion in a few rows: ``measure``, ``value``, ``low``, ``high``, ``unit``.

    Rows: ``mean_speed`` (as seen), ``corrected_mean_speed`` (the localisation error taken off),
    ``rms_speed``, ``persistence``, ``localisation_sd``, ``diffusion``, ``msd_alpha``. The
    localisation error is fitted to the MSD of a persistent random walk unless it is given.
    """
    positions, clones = _read(objects, frame_interval_min, tracks)
    moved = displacements(positions)
    speeds = _speed_sums(positions)
    whole = _estimates(moved, speeds, positions, localisation_sd)
    if np.isnan(whole[-1]):  # an error that cannot be measured cannot be taken off
        whole = (np.nan, *whole[1:])
    groups, weight = _groups(clones, moved.pairs[:, 0])
    without = np.array(
        [
            _estimates(*_only(moved, speeds, groups != group), positions, localisation_sd)
            for group in range(len(weight))
        ]
    ).reshape(len(weight), len(whole))
    half = jackknife_half(without - np.array(whole), weight, level=level)
    raw = ratio_with_interval(speeds[0], speeds[2], clones, level=level)
    units = positions.units
    rows = [("mean_speed", *raw, units.speed)]
    for at, (name, unit) in enumerate(
        {
            "corrected_mean_speed": units.speed,
            "rms_speed": units.speed,
            "persistence": units.times,
            "localisation_sd": units.length,
            "diffusion": f"{units.length}2_per_{units.time}",
            "msd_alpha": "1",
        }.items()
    ):
        low, high = whole[at] - half[at], whole[at] + half[at]
        if name == "localisation_sd":  # its square is what is fitted, and may be below 0 by chance
            width = half[-1] if localisation_sd is None else 0.0
            low, high = (np.sqrt(max(whole[-1] + end, 0.0)) / 2 for end in (-width, width))
        low = low if name == "msd_alpha" else max(low, 0.0)
        rows.append((name, whole[at], low, high, unit))
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high", "unit"])


def _read(
    objects: pd.DataFrame, interval: float | None, tracks: pd.DataFrame | None
) -> tuple[Positions, Ints]:
    positions = positions_of(objects, frame_interval_min=interval)
    return positions, checked_clones(positions.ids, tracks)


def _with_time(table: pd.DataFrame, positions: Positions) -> pd.DataFrame:
    if positions.units.time != "frame":
        lag = table["lag_frames"] * positions.units.per_frame
        table.insert(1, f"lag_{positions.units.time}", lag.astype(float))
    return table


def _speed_sums(positions: Positions) -> tuple[Floats, Floats, Floats]:
    """For each track: sum of speeds, sum of squared speeds, number of steps."""
    squares, number = velocity_products(positions, 0)
    begin = np.flatnonzero(
        (np.diff(positions.track) == 0)
        & (np.diff(positions.frame) == 1)
        & positions.whole[1:]
        & positions.whole[:-1]
    )
    step = (positions.place[begin + 1] - positions.place[begin]) / positions.units.per_frame
    speed = np.bincount(
        positions.track[begin], weights=np.hypot(*step.T), minlength=len(positions.ids)
    ).astype(np.float64)
    return speed, squares, number


def _only(
    moved: Displacements, speeds: tuple[Floats, Floats, Floats], keep: np.ndarray
) -> tuple[Displacements, tuple[Floats, Floats, Floats]]:
    some = Displacements(moved.squares[keep], moved.pairs[keep])
    return some, (speeds[0][keep], speeds[1][keep], speeds[2][keep])


def _estimates(
    moved: Displacements,
    speeds: tuple[Floats, Floats, Floats],
    positions: Positions,
    localisation_sd: float | None,
) -> tuple[float, ...]:
    """Corrected mean speed, then the walk's S, P, σ, D and alpha."""
    interval = positions.units.per_frame
    pairs, squares = moved.pairs.sum(axis=0), moved.squares.sum(axis=0)
    # Long lags are seen in few tracks only: as many lags as half of the pairs of lag 1 have.
    use = pairs >= max(1.0, 0.5 * pairs.max(initial=0))
    lag = np.arange(1, len(pairs) + 1) * interval
    with np.errstate(invalid="ignore", divide="ignore"):
        msd = squares / pairs
    walk = fit_walk(lag[use], msd[use], pairs[use], localisation_sd=localisation_sd)
    steps = float(speeds[2].sum())
    if steps == 0:
        return (np.nan, *astuple(walk))
    added = 0.0 if np.isnan(walk.added) else walk.added
    square = np.array([speeds[1].sum() / steps])
    corrected = float(speeds[0].sum()) / steps * float(true_share(square, added, interval)[0])
    return (corrected, *astuple(walk))


def _groups(clones: Ints, pairs: Floats) -> tuple[Ints, Floats]:
    """(the group of each track, the weight of each group): clones, or several of even weight."""
    weight = sums(clones, pairs, int(clones.max(initial=-1)) + 1)
    heaviest_first = np.argsort(-weight, kind="stable")
    turn, place = np.divmod(np.arange(len(weight)), MOST_GROUPS)
    group = np.empty(len(weight), np.int64)
    group[heaviest_first] = np.where(turn % 2 == 0, place, MOST_GROUPS - 1 - place)  # to and fro
    found: Ints = group[clones]
    together = sums(group, weight, min(MOST_GROUPS, len(weight)))
    return found, together
