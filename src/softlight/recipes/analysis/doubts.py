"""What a careful person would say about the numbers of one movie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.measure.quality import blurred_frames, count_jumps
from softlight.recipes.finder import Begun

_CROWDED = 0.9
_MOST_NAMED = 8


def doubts(name: str, tables: dict[str, pd.DataFrame], *, unlike: Begun | None = None) -> list[str]:
    """Images unlike the training's; empty, blurred and crowded frames; jumps of the count; motion.

    Args:
        name: of the movie.
        tables: ``population``, ``growth``, ``rates``, ``tracks``.
        unlike: what the first frame said of the movie.
    """
    unlike = unlike or Begun()
    population = tables["population"]
    marks = marked_frames(population)
    there = int((~population["missing"]).sum())
    found = unlike.doubt(name)
    if len(marks["empty"]) == there:
        if unlike.unlike:
            return [f"No cell was found in {name}. The image {unlike.unlike}"]
        return [
            f"No cell was found in {name}. Look at the movie; if there are cells, check --axes and "
            "--channel, lower --threshold, or train on images like these."
        ]
    if marks["empty"]:
        found.append(f"No cell in {_frames(marks['empty']).lower()} of {name}.")
    if marks["blurred"]:
        found.append(
            f"{_frames(marks['blurred'])} of {name}: far less sharp than the frames around, so "
            "focus was lost, or the dish moved. Cells found there are not to be trusted."
        )
    if marks["jump"]:
        found.append(
            f"The number of cells of {name} jumps at {_frames(marks['jump']).lower()}, by more "
            "than growth and chance explain. Look there for cells merged, split or missed."
        )
    if marks["crowded"]:
        found.append(
            f"{_frames(marks['crowded'])} of {name}: covered by cells to more than {_CROWDED:.0%}. "
            "Cells that touch are told apart less well, and growth is held up."
        )
    return found + _contradictions(name, tables) + _short_tracks(name, tables)


def _contradictions(name: str, tables: dict[str, pd.DataFrame]) -> list[str]:
    """Where two measures of growth, or growth and divisions, cannot both be right."""
    growth, rates = tables["growth"].set_index("quantity"), tables["rates"].set_index("event")
    rate, low, high = _interval_columns(growth, "growth_rate")
    found = []
    count, area = growth.loc["count"], growth.loc["confluence"]
    slower, faster = (count, area) if count[rate] <= area[rate] else (area, count)
    error = np.hypot(slower[high] - slower[rate], faster[rate] - faster[low])
    if faster[rate] - slower[rate] > error:  # False also of what is not known
        found.append(
            f"The count of {name} and its covered area grow at different rates. If cells do not "
            "change in size, cells that touch are counted as one, or one cell as several: look at "
            "the outlines, and trust the covered area more."
        )
    per, _, most = _interval_columns(rates, "rate")
    if count[low] > rates[most]["division"]:
        unit = per.removeprefix("rate_").replace("_", " ")
        found.append(
            f"Cells of {name} grow in number faster than their divisions explain "
            f"({float(rates[per]['division']):.3g} {unit} seen), so divisions are missed or cells "
            "come from elsewhere: do not report this division rate."
        )
    return found


def _interval_columns(table: pd.DataFrame, name: str) -> tuple[str, str, str]:
    """The columns of a value and its interval, whatever its unit."""
    columns = [str(column) for column in table.columns]
    unit = next(c for c in columns if c.startswith(f"{name}_low")).removeprefix(f"{name}_low")
    return f"{name}{unit}", f"{name}_low{unit}", f"{name}_high{unit}"


def marked_frames(population: pd.DataFrame) -> dict[str, list[int]]:
    """The frames that are ``empty``, ``blurred``, ``crowded``, or where the count jumps."""
    frame = population["frame"].to_numpy()
    count = population["count"].to_numpy(float)

    def at(places: Sequence[int]) -> list[int]:
        return [int(frame[place]) for place in places]

    return {
        "empty": at(np.flatnonzero(count == 0).tolist()),
        "blurred": at(_blurred(population["sharpness"].to_numpy(float), count)),
        "jump": at(count_jumps(count.tolist())),
        "crowded": at(np.flatnonzero(population["confluence"].to_numpy(float) > _CROWDED).tolist()),
    }


def _blurred(sharpness: NDArray[np.float64], count: NDArray[np.float64]) -> list[int]:
    """The blurred frames; one with cells is compared with others with cells alone.

    Cells are coarse detail, so that beside the bare noise of an empty dish any frame of them
    seems blurred. An empty frame is compared with all: blur may be why it is empty.
    """
    filled = blurred_frames(np.where(count > 0, sharpness, np.nan).tolist())
    empty = [t for t in blurred_frames(sharpness.tolist()) if count[t] == 0]
    return sorted(filled + empty)


def _frames(numbers: Sequence[int]) -> str:
    """The frames in words, runs of them as a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [f"{a}" if a == b else f"{a} to {b}" for a, b in runs]
    more = f" and {len(words) - _MOST_NAMED} more places" if len(words) > _MOST_NAMED else ""
    return f"Frame{'s' if len(numbers) > 1 else ''} {', '.join(words[:_MOST_NAMED])}{more}"


def _short_tracks(name: str, tables: dict[str, pd.DataFrame]) -> list[str]:
    """Where most cells are seen once, the interval is too long to follow them."""
    tracks, population = tables["tracks"], tables["population"]
    if len(population) < 3 or len(tracks) < 10:
        return []
    once = float((tracks["first_frame"] == tracks["last_frame"]).mean())
    if once < 0.5:
        return []
    return [
        f"{once:.0%} of the tracks of {name} are cells seen in one frame only: cells move too far "
        "between frames to be followed, or are found in few frames. Counts and confluence hold; "
        "speeds and divisions do not."
    ]
