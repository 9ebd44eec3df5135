"""How each cell moved: one row per track, from its points; short tracks are marked, not dropped.

Speeds come from steps between successive frames with the whole cell in the image: a step over a
gap hides the way in between, and the centre of a cell that the border cuts is not its centre.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from softlight.measure.displacements import Displacements, displacements
from softlight.measure.errors import MeasureError
from softlight.measure.positions import Positions, positions_of
from softlight.measure.runs import Floats, Ints, sums
from softlight.measure.walks import persistence_from_correlation, power_law

SHORT_POINTS = 5
FIT_LAGS = 10


def track_steps(objects: pd.DataFrame, *, frame_interval_min: float | None = None) -> pd.DataFrame:
    """One row per step of each track, from a point to the next one, also over gaps.

    Columns: ``track_id``, ``frame`` (where it begins), ``frames`` (how many it takes), ``dy_…``,
    ``dx_…``, ``distance_…``, ``speed_…``, ``turning_rad`` (from the step before, positive is
    clockwise on the screen; nan where a step stands still or spans a gap), ``is_whole`` (neither
    end is cut by the border).
    """
    return _steps(positions_of(objects, frame_interval_min=frame_interval_min))


def _steps(positions: Positions) -> pd.DataFrame:
    units = positions.units
    begin = np.flatnonzero(np.diff(positions.track) == 0)
    frames = positions.frame[begin + 1] - positions.frame[begin]
    step = positions.place[begin + 1] - positions.place[begin]
    distance = np.hypot(step[:, 0], step[:, 1])
    heading = np.arctan2(step[:, 0], step[:, 1])
    turning = np.full(len(begin), np.nan)
    if len(begin):
        follows = (np.diff(begin) == 1) & (frames[1:] == 1) & (frames[:-1] == 1)
        follows &= (distance[1:] > 0) & (distance[:-1] > 0)
        turn = (np.diff(heading) + np.pi) % (2 * np.pi) - np.pi
        turning[1:] = np.where(follows, turn, np.nan)
    return pd.DataFrame(
        {
            "track_id": positions.ids[positions.track[begin]],
            "frame": positions.frame[begin],
            "frames": frames,
            f"dy_{units.length}": step[:, 0],
            f"dx_{units.length}": step[:, 1],
            f"distance_{units.length}": distance,
            f"speed_{units.speed}": distance / (frames * units.per_frame),
            "turning_rad": turning,
            "is_whole": positions.whole[begin] & positions.whole[begin + 1],
        }
    )


def track_kinetics(
    objects: pd.DataFrame,
    *,
    frame_interval_min: float | None = None,
    localisation_sd: float = 0.0,
    short_points: int = SHORT_POINTS,
) -> pd.DataFrame:
    """One row per track: how long, how far, how fast, how straight, what kind of walk.

    Lengths are µm where the objects have ``y_um`` and ``x_um``, else pixels; times are minutes
    where the interval is known, else frames; the unit is in each name.

    Args:
        objects: the objects table with ``track_id``; with ``touches_border``, cells that the
            border cuts do not count for speeds.
        frame_interval_min: time between frames.
        localisation_sd: standard deviation of the error of a position along each axis, in the
            table's unit; `motion_summary` estimates it. Columns named ``corrected`` take it off.
        short_points: tracks with fewer points are marked ``short``.
    """
    if not (np.isfinite(localisation_sd) and localisation_sd >= 0):
        raise MeasureError(
            f"The localisation error is {localisation_sd}; it must be 0 or a positive number."
        )
    positions = positions_of(objects, frame_interval_min=frame_interval_min)
    steps = _steps(positions)
    columns = _extent(positions, steps)
    columns |= _speeds(positions, steps, localisation_sd)
    columns |= _turns(positions, steps, localisation_sd)
    columns |= _walks(positions, displacements(positions, FIT_LAGS), localisation_sd)
    return pd.DataFrame(columns).assign(flag=_flags(columns, positions, short_points))


def _extent(positions: Positions, steps: pd.DataFrame) -> dict[str, np.ndarray]:
    """When and how far; the path includes straight lines over gaps."""
    units, count = positions.units, len(positions.ids)
    first = positions.starts()
    last = np.append(first[1:], len(positions.track))[: len(first)] - 1
    points = last - first + 1
    span = positions.frame[last] - positions.frame[first]
    length = steps[f"distance_{units.length}"].to_numpy()
    path = sums(_track_of(positions, steps), length, count)
    away = positions.place[last] - positions.place[first]
    net = np.hypot(away[:, 0], away[:, 1])
    moved = points > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        straight = np.where(path > 0, net / path, np.nan)
    return {
        "track_id": positions.ids,
        "first_frame": positions.frame[first],
        "last_frame": positions.frame[last],
        "points": points,
        "missing_frames": span + 1 - points,
        f"duration_{units.times}": span * units.per_frame,
        f"path_length_{units.length}": np.where(moved, path, np.nan),
        f"net_displacement_{units.length}": np.where(moved, net, np.nan),
        "directionality": straight,
    }


def _track_of(positions: Positions, steps: pd.DataFrame) -> Ints:
    found: Ints = np.searchsorted(positions.ids, steps["track_id"].to_numpy(np.int64))
    return found


def _speeds(positions: Positions, steps: pd.DataFrame, sigma: float) -> dict[str, Floats]:
    """Mean, highest and scatter of the speed over whole single steps; nan without one."""
    units, count = positions.units, len(positions.ids)
    use = ((steps["frames"] == 1) & steps["is_whole"]).to_numpy()
    track = _track_of(positions, steps)[use]
    speed = steps[f"speed_{units.speed}"].to_numpy()[use]
    number = sums(track, None, count)
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, track, speed)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums(track, speed, count) / number
        square = sums(track, speed**2, count) / number
        sd = np.sqrt(sums(track, (speed - mean[track]) ** 2, count) / (number - 1))
        sd[number < 2] = np.nan
    factor = true_share(square, 4 * sigma**2, units.per_frame)
    return {
        "speed_steps": number.astype(np.int64),
        f"mean_speed_{units.speed}": mean,
        f"sd_speed_{units.speed}": sd,
        f"max_speed_{units.speed}": np.where(number > 0, highest, np.nan),
        f"corrected_mean_speed_{units.speed}": mean * factor,
    }


def true_share(mean_square_speed: Floats, added: float, interval: float) -> Floats:
    """What to multiply speeds by to take the localisation error off their mean square.

    Both ends of a step err, along two axes: the mean square step is ``added`` = 4 σ² too large.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1 - added / interval**2 / mean_square_speed
    share = np.where(mean_square_speed == 0, 1.0 if added <= 0 else 0.0, share)
    factor: Floats = np.sqrt(np.maximum(share, 0))
    return factor


def _turns(positions: Positions, steps: pd.DataFrame, sigma: float) -> dict[str, Floats]:
    """Turning angles, and the correlation of each velocity with the next.

    Of few steps, chance and the correction make correlations that no walk has: those are nan. Such
    as that of a straight line have no persistence time that ends.
    """
    units, count = positions.units, len(positions.ids)
    whole = steps["is_whole"].to_numpy()
    track = _track_of(positions, steps)
    turn = steps["turning_rad"].to_numpy()
    use = np.isfinite(turn)
    use[1:] &= whole[1:] & whole[:-1]
    number = sums(track[use], None, count)
    again, square = velocity_products(positions, 1), velocity_products(positions, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        absolute = sums(track[use], np.abs(turn[use]), count) / number
        cosine = sums(track[use], np.cos(turn[use]), count) / number
        error = 2 * (sigma / units.per_frame) ** 2
        now = square[0] / square[1] - 2 * error
        correlation = np.where(now > 0, (again[0] / again[1] + error) / now, np.nan)
        correlation = np.where(np.abs(correlation) > 1 + 1e-9, np.nan, correlation)
    persistence = persistence_from_correlation(correlation, units.per_frame)
    persistence[np.isinf(persistence)] = np.nan
    return {
        "mean_turning_rad": absolute,
        "mean_cos_turning": cosine,
        "velocity_correlation": correlation,
        f"persistence_{units.times}": persistence,
    }


def velocity_products(positions: Positions, lag: int) -> tuple[Floats, Floats]:
    """(sum, number) for each track of the product of its velocities so many frames apart."""
    count = len(positions.ids)
    begin = np.flatnonzero(
        (np.diff(positions.track) == 0)
        & (np.diff(positions.frame) == 1)
        & positions.whole[1:]
        & positions.whole[:-1]
    )
    velocity = (positions.place[begin + 1] - positions.place[begin]) / positions.units.per_frame
    track, frame = positions.track[begin], positions.frame[begin]
    span = int(np.ptp(frame)) if len(frame) else 0
    key = track * (2 * span + lag + 2) + frame
    later = np.searchsorted(key, key + lag)
    found = np.flatnonzero(later < len(key))
    found = found[key[later[found]] == key[found] + lag]
    product = (velocity[found] * velocity[later[found]]).sum(axis=1)
    return sums(track[found], product, count), sums(track[found], None, count)


def _walks(positions: Positions, moved: Displacements, sigma: float) -> dict[str, Floats]:
    """Apparent diffusion and exponent of each track, from lags up to a third of its length."""
    units = positions.units
    first = positions.starts()
    last = np.append(first[1:], len(positions.track))[: len(first)] - 1
    span = positions.frame[last] - positions.frame[first]
    lag = np.arange(1, moved.pairs.shape[1] + 1)
    use = (moved.pairs > 0) & (lag <= np.maximum(span, 0)[:, None] / 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        msd = np.where(use, moved.squares / moved.pairs - 4 * sigma**2, 0)
    time = np.broadcast_to(lag * units.per_frame, msd.shape)
    diffusion, alpha = power_law(time, msd, np.where(use, moved.pairs / lag, 0), units.per_frame)
    return {
        f"diffusion_{units.length}2_per_{units.time}": diffusion,
        "msd_alpha": alpha,
    }


def _flags(columns: dict[str, np.ndarray], positions: Positions, short: int) -> list[str]:
    """Why a track's numbers are missing or to be read with care; empty where nothing is wrong."""
    points, steps = columns["points"], columns["speed_steps"]
    cut = sums(positions.track, ~positions.whole, len(points)) > 0
    flags = []
    correlation, time = columns["velocity_correlation"], positions.units.times
    unknown = np.isfinite(columns["mean_cos_turning"]) & np.isnan(columns[f"persistence_{time}"])
    for number, used, missing, at_border, odd, value in zip(
        points, steps, columns["missing_frames"], cut, unknown, correlation, strict=True
    ):
        words = ["one point"] if number == 1 else ["short"] if number < short else []
        words += ["gaps"] if missing else []
        words += ["border"] if at_border else []
        words += ["no whole step"] if number > 1 and not used else []
        words += ["no persistence" if np.isnan(value) else "straight"] if odd else []
        flags.append(", ".join(words))
    return flags
