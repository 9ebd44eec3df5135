"""How the cells of a movie move together: MSD and velocity correlation with intervals, and a fit.

What chance draws are cells, not steps: the steps of a cell are alike. All intervals here are
between tracks, or between clones where the tracks table is given.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
from softlight.measure.walks import FEWEST_LAGS, SHORTEST, Walk, fit_walk

MOST_GROUPS = 60  # of the jackknife; more clones than these are left out several at a time
ROWS = {  # after mean_speed, in the order of `_estimates`; L is the unit of lengths, T of times
    "corrected_mean_speed": "{L}_per_{T}",
    "rms_speed": "{L}_per_{T}",
    "persistence": "{Ts}",
    "localisation_sd": "{L}",
    "diffusion": "{L}2_per_{T}",
    "msd_alpha": "1",
}
TOO_SHORT = "too short for this time between frames: only diffusion is seen"
OF_ERROR = ("corrected_mean_speed", "localisation_sd")


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
    ``high``, ``tracks``, ``pairs``; nan where the error is so near to all motion that the
    correlation would be beyond -1 to 1.
    """
    positions, clones = _read(objects, frame_interval_min, tracks)
    error = 2 * (localisation_sd / positions.units.per_frame) ** 2
    span = int(np.ptp(positions.frame)) if len(positions.frame) else 0
    square, steps = velocity_products(positions, 0)
    squares = _with_and_without(square, steps, clones) - 2 * error
    worth = sums(clones, square, len(squares) - 1)  # fast cells count as their squares do
    squares[~(squares > 0)] = np.nan
    rows = []
    for lag in range(min(most_lags, max(span - 1, 0)) + 1):
        over, under = velocity_products(positions, lag)
        products = _with_and_without(over, under, clones)
        share = (products + {0: -2 * error, 1: error}.get(lag, 0.0)) / squares
        share[1:][np.isnan(products[1:])] = share[0]  # without the only clone at this lag
        weight = np.where(sums(clones, under, len(worth)) > 0, worth, 0)
        half = float(jackknife_half((share[1:] - share[0])[:, None], weight, level=level)[0])
        ends = np.array([share[0], max(share[0] - half, -1.0), min(share[0] + half, 1.0)])
        if not abs(share[0]) <= 1 + 1e-9:  # the error is so near to all motion that little is left
            ends[:] = np.nan
        rows.append((lag, *ends, int((under > 0).sum()), int(under.sum())))
    names = ["lag_frames", "correlation", "low", "high", "tracks", "pairs"]
    table = pd.DataFrame(rows, columns=names)
    return _with_time(table[table["pairs"] > 0].reset_index(drop=True), positions)


def _with_and_without(over: Floats, under: Floats, clones: Ints) -> Floats:
    """The sum of ``over`` by that of ``under``: of all tracks, then without each clone."""
    count = int(clones.max(initial=-1)) + 1
    top, bottom = sums(clones, over, count), sums(clones, under, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = np.append(top.sum(), top.sum() - top) / np.append(
            bottom.sum(), bottom.sum() - bottom
        )
    return ratio


def motion_summary(
    objects: pd.DataFrame,
    *,
    frame_interval_min: float | None = None,
    localisation_sd: float | None = None,
    tracks: pd.DataFrame | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """The movie's motion in a few rows, each with an interval.

    Columns: ``measure``, ``value``, ``low``, ``high``, ``unit``, ``note``. Rows: ``mean_speed`` (as
    seen), ``corrected_mean_speed`` (the localisation error taken off), ``rms_speed``,
    ``persistence``, ``localisation_sd``, ``diffusion``, ``msd_alpha``. The localisation error is
    fitted to the MSD of a persistent random walk unless it is given. A value that is not determined
    is nan, and ``note`` says why, or why to read a value with care; of a persistence time that is
    only known to be shorter, or longer, than something, that is the interval's one end.
    """
    positions, clones = _read(objects, frame_interval_min, tracks)
    moved = displacements(positions)
    speeds = _speed_sums(positions)
    walk = _walk_of(moved, positions, localisation_sd)
    whole = _estimates(walk, speeds, positions)
    if np.isnan(walk.added):  # an error that cannot be measured cannot be taken off
        whole[0] = np.nan
    groups, weight = _groups(clones, moved.pairs[:, 0])
    without = np.empty((len(weight), len(whole)))
    for group in range(len(weight)):
        some, their = _only(moved, speeds, groups != group)
        without[group] = _estimates(_walk_of(some, positions, localisation_sd), their, positions)
    half = jackknife_half(without - whole, weight, level=level)
    low, high = whole - half, whole + half
    if localisation_sd is not None:
        half[-1] = 0.0
    # Its square is what is fitted, and may be below 0 by chance.
    low[3], high[3] = (np.sqrt(max(walk.added + end, 0.0)) / 2 for end in (-half[-1], half[-1]))
    low[:5] = np.maximum(low[:5], 0)  # all but alpha
    notes = [walk.note] * len(ROWS)
    notes[1] = notes[2] = walk.note or _at_edge(
        walk.edge, whole, low, high, _lags(moved, positions)
    )
    units = positions.units
    raw = ratio_with_interval(speeds[0], speeds[2], clones, level=level)
    no_steps = "" if np.isfinite(raw[0]) else "no step of one frame by a whole cell"
    rows = [("mean_speed", *raw, units.speed, no_steps)]
    for at, (name, unit) in enumerate(ROWS.items()):
        unit = unit.format(L=units.length, T=units.time, Ts=units.times)
        note = "" if np.isfinite(whole[at]) else notes[at] or no_steps
        if name in OF_ERROR and notes[2] == TOO_SHORT and localisation_sd is None:
            note = "part of the motion may be taken for error"
        rows.append((name, whole[at], low[at], high[at], unit, note))
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high", "unit", "note"])


def _at_edge(edge: int, whole: Floats, low: Floats, high: Floats, lags: Floats) -> str:
    """Why P is no number, if it is none: then one end of its interval is what is known of it.

    A walk that forgets faster than it is looked at shows S² P only, and its S is unknown too.
    """
    first, last = float(lags[0]), float(lags[-1])
    bounded = np.isfinite(high[2])  # as intervals are: not of a single clone
    if edge < 0 or (whole[2] < first and low[2] <= SHORTEST * first):
        if bounded:
            low[2], high[2] = 0.0, max(first, high[2])
        whole[1:3] = low[1] = high[1] = np.nan
        return TOO_SHORT
    if edge > 0:
        if bounded:
            low[2], high[2] = min(last, low[2]), np.inf
        whole[2] = np.nan
        return "longer than the lags that were fitted: straight as far as it is seen"
    return ""


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


def _use(pairs: Floats) -> NDArray[np.bool_]:
    """The lags to fit: those with half of the pairs of lag 1, but as many as a fit needs.

    Long lags are seen in few tracks only.
    """
    use: NDArray[np.bool_] = pairs >= max(1.0, 0.5 * pairs.max(initial=0))
    use[:FEWEST_LAGS] |= pairs[:FEWEST_LAGS] > 0
    return use


def _lags(moved: Displacements, positions: Positions) -> Floats:
    """The lags that are fitted, as times; the first alone where there is none."""
    used = np.flatnonzero(_use(moved.pairs.sum(axis=0)))
    lags = 1.0 + (used if len(used) else np.zeros(1, np.intp))
    return np.asarray(lags * positions.units.per_frame, np.float64)


def _walk_of(moved: Displacements, positions: Positions, localisation_sd: float | None) -> Walk:
    """The walk that fits all tracks."""
    pairs, squares = moved.pairs.sum(axis=0), moved.squares.sum(axis=0)
    lag = positions.units.per_frame * np.arange(1.0, len(pairs) + 1, dtype=np.float64)
    use = _use(pairs)
    with np.errstate(invalid="ignore", divide="ignore"):
        msd = squares / pairs
    return fit_walk(lag[use], msd[use], pairs[use], localisation_sd=localisation_sd)


def _estimates(walk: Walk, speeds: tuple[Floats, Floats, Floats], positions: Positions) -> Floats:
    """Corrected mean speed, then the walk's S, P, σ, D, alpha and 4 σ²."""
    steps = float(speeds[2].sum())
    corrected = np.nan
    if steps:
        added = max(walk.added, 0.0) if np.isfinite(walk.added) else 0.0
        square = np.array([speeds[1].sum() / steps])
        share = float(true_share(square, added, positions.units.per_frame)[0])
        corrected = float(speeds[0].sum()) / steps * share
    walked = (walk.speed, walk.persistence, walk.localisation_sd, walk.diffusion, walk.alpha)
    return np.array([corrected, *walked, walk.added])


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
