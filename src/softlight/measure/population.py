"""The population of a movie, frame by frame, and the rates at which it grows, divides and dies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from softlight.measure.errors import MeasureError
from softlight.measure.growth import fit_growth
from softlight.measure.morphology import checked_scale
from softlight.measure.positions import checked_clones, checked_objects, time_unit
from softlight.measure.runs import Floats, Ints, sums

BALL = 4 / (3 * np.sqrt(np.pi))  # volume of a ball over its shadow's area to the power of 3/2


def population_table(
    objects: pd.DataFrame,
    *,
    frames: int,
    frame_shape: tuple[int, int],
    tracks: pd.DataFrame | None = None,
    frame_interval_min: float | None = None,
    pixel_size_um: float | None = None,
    missing: Collection[int] = (),
) -> pd.DataFrame:
    """One row per frame of the movie, also of those without cells.

    Args:
        objects: the objects table; with ``track_id`` if ``tracks`` is given.
        frames: how many the movie has.
        frame_shape: (Y, X) of a frame in pixels.
        tracks: the tracks table, for what begins and ends in each frame.
        frame_interval_min: time between frames.
        pixel_size_um: side of a pixel.
        missing: frames that could not be read or segmented: their numbers are nan, not 0.
    """
    scale = checked_scale(pixel_size_um)
    _, per_frame = time_unit(frame_interval_min)
    frame = _frame_numbers(objects, frames)
    area = objects["area_px"].to_numpy(np.float64)
    count, total = sums(frame, None, frames), sums(frame, area, frames)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns: dict[str, NDArray[Any]] = {
            "count": count,
            "confluence": total / (frame_shape[0] * frame_shape[1]),
            "cell_area_px": total,
            "mean_area_px": total / count,
            "biomass_proxy_px3": sums(frame, BALL * area**1.5, frames),
        }
    median = pd.Series(area).groupby(frame).median()
    columns["median_area_px"] = median.reindex(range(frames)).to_numpy(np.float64)
    if scale is not None:
        for name in ("cell_area", "mean_area", "median_area"):
            columns[f"{name}_um2"] = columns[f"{name}_px"] * scale**2
        columns["biomass_proxy_um3"] = columns["biomass_proxy_px3"] * scale**3
        field = frame_shape[0] * frame_shape[1] * scale**2 / 1e6
        columns["density_per_mm2"] = count / field
    if tracks is not None:
        columns |= _events(objects, tracks, frames)
    table = pd.DataFrame(columns)
    table.loc[sorted(set(missing)), :] = np.nan
    table.insert(0, "frame", np.arange(frames))
    if frame_interval_min is not None:
        table.insert(1, "time_h", np.arange(frames) * per_frame / 60)
    return table


def _frame_numbers(objects: pd.DataFrame, frames: int) -> Ints:
    absent = [name for name in ("frame", "area_px") if name not in objects]
    if absent:
        raise MeasureError(f"The objects table has no column {', '.join(absent)}.")
    frame = objects["frame"].to_numpy(np.int64)
    if len(frame) and (frame.min() < 0 or frame.max() >= frames):
        raise MeasureError(
            f"The objects are in frames {frame.min()} to {frame.max()} but the movie has "
            f"{frames}; give the number of frames of the whole movie, counted from 0."
        )
    return frame


def _events(objects: pd.DataFrame, tracks: pd.DataFrame, frames: int) -> dict[str, Floats]:
    """What happened on the way into each frame; nothing can be said of the first.

    A division is a mother with two tracks that name her, at the earliest of them. Any other track
    that begins after frame 0 has appeared, any track that ends before the last frame and is no
    mother has disappeared; it is lost where its last whole cell was clear of the border: it died,
    or tracking lost it.
    """
    ends = track_ends(objects, tracks, frames)
    divided = ends.loc[ends["daughters"] >= 2, "divides_at"].to_numpy(np.int64)
    later = ends["first_frame"] > 0
    appeared = ends.loc[later & (ends["parent_id"] <= 0), "first_frame"].to_numpy(np.int64)
    gone = ends["disappears"]
    columns = {
        "divisions": sums(divided, None, frames),
        "appeared": sums(appeared, None, frames),
        "disappeared": sums(ends.loc[gone, "last_frame"].to_numpy(np.int64) + 1, None, frames),
        "lost": sums(ends.loc[ends["lost"], "last_frame"].to_numpy(np.int64) + 1, None, frames),
    }
    for values in columns.values():
        values[:1] = np.nan
    return columns


def track_ends(objects: pd.DataFrame, tracks: pd.DataFrame, frames: int) -> pd.DataFrame:
    """The tracks table with how each track ends: ``daughters``, ``disappears``, ``lost``.

    ``divides_at`` is the first frame of the earlier daughter, -1 without daughters; ``ends_whole``
    tells that the last cell did not touch the border.
    """
    wanted = ("track_id", "parent_id", "first_frame", "last_frame")
    absent = [name for name in wanted if name not in tracks]
    if absent:
        raise MeasureError(f"The tracks table has no column {', '.join(absent)}.")
    ends = tracks[list(wanted)].reset_index(drop=True).copy()
    if len(ends) and (ends["last_frame"].max() >= frames or ends["first_frame"].min() < 0):
        raise MeasureError(
            f"The tracks reach frame {ends['last_frame'].max()} but the movie has {frames}."
        )
    born = ends[ends["parent_id"] > 0].groupby("parent_id")["first_frame"]
    ends["daughters"] = ends["track_id"].map(born.count()).fillna(0).astype(np.int64)
    ends["divides_at"] = ends["track_id"].map(born.min()).fillna(-1).astype(np.int64)
    ends["disappears"] = (ends["daughters"] == 0) & (ends["last_frame"] < frames - 1)
    at_border = pd.Series(False, index=ends.index)
    if "touches_border" in objects and "track_id" in objects and len(objects):
        last = objects.sort_values("frame", kind="stable").groupby("track_id")["touches_border"]
        at_border = ends["track_id"].map(last.last()).fillna(value=False).astype(bool)
    ends["ends_whole"] = ~at_border
    ends["lost"] = ends["disappears"] & ends["ends_whole"]
    return ends


def _watched(objects: pd.DataFrame, frames: int) -> float:
    """Frames for which whole cells were followed: each to its track's next point or end."""
    table = checked_objects(objects).sort_values(["track_id", "frame"], kind="stable")
    track, frame = table["track_id"].to_numpy(np.int64), table["frame"].to_numpy(np.int64)
    following = np.minimum(frame + 1, frames - 1)
    goes_on = np.flatnonzero(np.diff(track) == 0)
    following[goes_on] = frame[goes_on + 1]
    border = table.get("touches_border")
    whole = np.ones(len(table), bool) if border is None else ~border.to_numpy(bool)
    return float((following - frame)[whole].sum())


def population_growth(
    population: pd.DataFrame,
    *,
    objects: pd.DataFrame | None = None,
    tracks: pd.DataFrame | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Growth rate and doubling time from the count and from the confluence, one row each.

    Per hour where the table has ``time_h``, else per frame. With ``objects`` (tracked) and
    ``tracks`` the intervals are between clones of cells; without, from the curves alone.
    """
    unit, column = ("h", "time_h") if "time_h" in population else ("frame", "frame")
    time = population[column].to_numpy(np.float64)
    shares = None if objects is None or tracks is None else _by_clone(objects, tracks, population)
    rows = []
    for number, quantity in enumerate(("count", "confluence")):
        fit = fit_growth(
            time,
            population[quantity].to_numpy(np.float64),
            quantity=quantity,
            time_unit=unit,
            frames=population["frame"].to_numpy(np.int64),
            crowding=population["confluence"].to_numpy(np.float64),
            clones=None if shares is None else shares[number],
            level=level,
        )
        rows.append(fit.row())
    return pd.DataFrame(rows)


def _by_clone(
    objects: pd.DataFrame, tracks: pd.DataFrame, population: pd.DataFrame
) -> tuple[Floats, Floats]:
    """(cells, share of the frame) of each clone in each frame, both (clones, frames)."""
    checked_objects(objects)
    ids, at = np.unique(objects["track_id"].to_numpy(np.int64), return_inverse=True)
    clone = checked_clones(ids, tracks)[at] if len(ids) else np.zeros(0, np.int64)
    count, frames = int(clone.max(initial=-1)) + 1, len(population)
    place = clone * frames + objects["frame"].to_numpy(np.int64)
    cells = sums(place, None, count * frames).reshape(count, frames)
    area = sums(place, objects["area_px"].to_numpy(np.float64), count * frames)
    seen = population["confluence"] > 0
    pixels = (population["cell_area_px"][seen] / population["confluence"][seen]).max()
    return cells, area.reshape(count, frames) / pixels


def event_rates(
    objects: pd.DataFrame,
    tracks: pd.DataFrame,
    *,
    frames: int,
    frame_interval_min: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Divisions and losses per cell and time, one row each, with exact Poisson intervals.

    Columns: ``event``, ``events``, ``cell_h`` (or ``cell_frames``: time under observation),
    ``rate_per_h``, ``rate_low_per_h``, ``rate_high_per_h``. Only cells clear of the border are
    under observation: of the others, daughters or the cell itself may be out of sight. Losses are
    deaths and cells that tracking lost: as a death rate it is an upper bound.
    """
    unit, per_frame = time_unit(frame_interval_min, hours=True)
    ends = track_ends(objects, tracks, frames)
    exposure = _watched(objects, frames) * per_frame
    divided = (ends["daughters"] >= 2) & ends["ends_whole"]
    seen = {"division": int(divided.sum()), "loss": int(ends["lost"].sum())}
    tail = 0.5 - level / 2
    rows = []
    for event, events in seen.items():
        low = stats.gamma.ppf(tail, events) if events else 0.0
        high = stats.gamma.ppf(1 - tail, events + 1)
        rates = [value / exposure if exposure else np.nan for value in (events, low, high)]
        rows.append((event, events, exposure, *rates))
    times = "frames" if unit == "frame" else unit
    names = [f"rate{end}_per_{unit}" for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["event", "events", f"cell_{times}", *names])
