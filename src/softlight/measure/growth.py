"""How fast a population grows: rate and doubling time with intervals, and the frames they are from.

A growth curve may lag, grow exponentially, and saturate. The rate is that of the longest range in
which its logarithm is straight; the range and the reason stand in the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from softlight.measure.displacements import half_width
from softlight.measure.errors import MeasureError
from softlight.measure.runs import Floats, Ints
from softlight.measure.series import Slopes, fit_slope

FEWEST_FRAMES = 4
SHORTEST_SHARE = 1 / 3  # of the usable frames
BENT = 0.01  # a curvature less likely than this is no chance
SLIGHT = 1 / 3  # a slope that changes by less from end to end is near enough to one
NOISE = 1e-9  # a change of the logarithm that is no more than the rounding of numbers
FULL = 0.9  # confluence above which cells stop each other


@dataclass(frozen=True, slots=True)
class Growth:
    """A growth rate with its interval; nan where it is not determined.

    Attributes:
        quantity: what grows: "count", "confluence", …
        rate: per ``time_unit``, of the logarithm.
        doubling: log 2 / rate; nan where nothing grows. ``doubling_high`` is infinite where no
            growth at all is within the rate's interval.
        first_frame: of the range that was used; -1 if there was none.
        frames: frames used.
        reason: why these frames.
        bend_p: probability of as much curvature by chance, over all usable frames.
        method: "clones" (interval between families of cells) or "series" (from the curve alone).
    """

    quantity: str
    time_unit: str
    method: Literal["clones", "series"]
    level: float
    reason: str
    rate: float = math.nan
    rate_low: float = math.nan
    rate_high: float = math.nan
    doubling: float = math.nan
    doubling_low: float = math.nan
    doubling_high: float = math.nan
    first_frame: int = -1
    last_frame: int = -1
    frames: int = 0
    bend_p: float = math.nan

    def row(self) -> dict[str, float | int | str]:
        """The fields as one row of a table, with the units in the names."""
        per, times = (
            f"per_{self.time_unit}",
            "frames" if self.time_unit == "frame" else self.time_unit,
        )
        return {
            "quantity": self.quantity,
            f"growth_rate_{per}": self.rate,
            f"growth_rate_low_{per}": self.rate_low,
            f"growth_rate_high_{per}": self.rate_high,
            f"doubling_time_{times}": self.doubling,
            f"doubling_time_low_{times}": self.doubling_low,
            f"doubling_time_high_{times}": self.doubling_high,
            "first_frame": self.first_frame,
            "last_frame": self.last_frame,
            "frames": self.frames,
            "reason": self.reason,
            "bend_p": self.bend_p,
            "method": self.method,
            "level": self.level,
        }


def fit_growth(
    time: Floats,
    value: Floats,
    *,
    quantity: str = "count",
    time_unit: str = "h",
    frames: Ints | None = None,
    crowding: Floats | None = None,
    clones: Floats | None = None,
    level: float = 0.95,
) -> Growth:
    """The growth of one curve over the longest range in which its logarithm is straight.

    Args:
        time: of each frame, ascending, in ``time_unit``.
        value: count, confluence or another amount; nan where it is not known.
        quantity: its name; the error of a "count" is never below what chance does to cells.
        time_unit: "h" or "frame".
        frames: the frames' numbers; 0, 1, 2, … by default.
        crowding: confluence, 0 to 1; frames from the first one above 0.9 on are left out.
        clones: (G, T) what each clone contributes to ``value``; then the interval is between
            clones, which is right also for counts of few cells.
        level: of the intervals.
    """
    time, value = _checked(time, value, level)
    numbers = np.arange(len(time)) if frames is None else np.asarray(frames)
    usable, why = _usable(value, crowding)
    method: Literal["clones", "series"] = "series" if clones is None else "clones"
    if len(usable) < 2:
        none = f"fewer than two frames with a {quantity} above 0"
        return Growth(quantity, time_unit, method, level, none)
    chosen, reason, bend_p = straight_range(time[usable], value[usable])
    used = usable[chosen]
    slopes = fit_slope(time[used], np.log(value[used]), 1 / value[used])
    families = None if clones is None else clones[:, used]
    least = _least_error(time[used], value[used], families, cells=quantity == "count")
    if families is None:
        rates = (slopes.estimate, *slopes.interval(level, least))
    else:
        rates = _between_clones(slopes, value[used], families, least, level)
    span = float(time[used[-1]] - time[used[0]])
    rate, low, high = (0.0 if abs(one) * span < NOISE else one for one in rates)
    doubling = _doubling(rate, low, high)
    return Growth(
        quantity=quantity,
        time_unit=time_unit,
        method=method,
        level=level,
        reason=", ".join(part for part in (reason, why) if part),
        rate=rate,
        rate_low=low,
        rate_high=high,
        doubling=doubling[0],
        doubling_low=doubling[1],
        doubling_high=doubling[2],
        first_frame=int(numbers[used[0]]),
        last_frame=int(numbers[used[-1]]),
        frames=len(used),
        bend_p=bend_p,
    )


def _checked(time: Floats, value: Floats, level: float) -> tuple[Floats, Floats]:
    time, value = np.asarray(time, np.float64), np.asarray(value, np.float64)
    if time.shape != value.shape or time.ndim != 1:
        raise MeasureError(
            f"There are {time.size} times for {value.size} values; give one time for each value."
        )
    if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        raise MeasureError("The times of a growth curve must be numbers that ascend; sort them.")
    if (value < 0).any() or np.isinf(value).any():
        raise MeasureError("A growth curve holds negative or infinite values; check the table.")
    if not 0 < level < 1:
        raise MeasureError(f"The level is {level}; it must be between 0 and 1, such as 0.95.")
    return time, value


def _usable(value: Floats, crowding: Floats | None) -> tuple[NDArray[np.intp], str]:
    """(frames with a logarithm that are not yet full, what was left out)."""
    words = []
    good = np.nan_to_num(value) > 0
    for number, one, many in (
        (int((value == 0).sum()), "frame without cells", "frames without cells"),
        (int(np.isnan(value).sum()), "missing frame", "missing frames"),
    ):
        if number:
            words.append(f"{number} {one if number == 1 else many} left out")
    if crowding is not None:
        full = np.flatnonzero(np.nan_to_num(crowding) > FULL)
        if len(full):
            good[full[0] :] = False
            words.append(f"confluence above {FULL:.0%} left out")
    return np.flatnonzero(good), ", ".join(words)


def straight_range(time: Floats, value: Floats) -> tuple[slice, str, float]:
    """(the frames whose logarithm is straight, why, the whole curve's bend as a p-value).

    Straight is where a parabola fits no better than chance would make it, or where its slope
    changes by less than a third from end to end. All frames if they are straight; else the longest
    range that is, from a grid of ranges not shorter than a third of all; of equal ones the
    steepest.
    """
    count = len(time)
    whole = slice(0, count)
    if count < FEWEST_FRAMES + 1:
        return whole, f"all {count} frames, too few to see a bend", np.nan
    bend_p, change = _bend(time, value)
    if bend_p >= BENT:
        return whole, f"all {count} frames, no bend (p = {bend_p:.2g})", bend_p
    if change <= SLIGHT:
        return whole, f"all {count} frames, a slight bend (rate ± {change / 2:.0%})", bend_p
    shortest = max(FEWEST_FRAMES + 1, int(np.ceil(count * SHORTEST_SHARE)))
    lengths = np.unique(np.linspace(shortest, max(shortest, count - 1), 15).astype(int))
    ranges = [
        [
            slice(int(begin), int(begin + length))
            for begin in np.unique(np.linspace(0, count - length, 12).astype(int))
        ]
        for length in lengths
        if length < count
    ]

    def steepness(part: slice) -> float:
        return fit_slope(time[part], np.log(value[part]), 1 / value[part]).estimate

    for parts in reversed(ranges):
        straight = [part for part in parts if _is_straight(time[part], value[part])]
        if straight:
            best = max(straight, key=steepness)
            length = best.stop - best.start
            return best, f"the longest straight range, {length} of {count} frames", bend_p
    if not ranges:
        return whole, f"all {count} frames, bent", bend_p
    best = max(ranges[0], key=steepness)
    length = best.stop - best.start
    return best, f"no range is straight, the steepest {length} of {count} frames", bend_p


def _is_straight(time: Floats, value: Floats) -> bool:
    p, change = _bend(time, value)
    return p >= BENT or change <= SLIGHT


def _bend(time: Floats, value: Floats) -> tuple[float, float]:
    """(how likely chance alone bends the logarithm so much, change of the slope over its mean)."""
    log = np.log(value)
    line = np.polynomial.Polynomial.fit(time, log, 1)
    if np.abs(log - line(time)).max() < 1e-9:
        return 1.0, 0.0
    bend = fit_slope(time, log, 1 / value, bend=True)
    error = np.maximum(bend.error, 1e-12 * np.abs(bend.slope).max() + 1e-300)
    tails = 2 * stats.t.sf(np.abs(bend.slope) / error, bend.freedom)
    rate = abs(float((log[-1] - log[0]) / (time[-1] - time[0])))
    turn = 2 * abs(bend.estimate) * float(time[-1] - time[0])
    return float(bend.chance @ tails), turn / rate if rate > 0 else np.inf


def _least_error(time: Floats, value: Floats, clones: Floats | None, *, cells: bool) -> float:
    """What the rate's standard error is at the least: that of as many independent events as show.

    A count alone shows its net change, and that few steps may by chance look too even; families
    tell the rest themselves, but where nothing happened one event might have. Of an area no cells
    are known but by their families: there are as many at least.
    """
    if clones is None and not cells:
        return 0.0
    events = 1.0 if clones is not None else max(1.0, abs(float(value[-1] - value[0])))
    alive = value if clones is None or cells else (clones > 0).sum(axis=0).astype(np.float64)
    return float(np.sqrt(events) / np.trapezoid(alive, time))


def _between_clones(
    slopes: Slopes, value: Floats, clones: Floats, least: float, level: float
) -> tuple[float, float, float]:
    """(rate, low, high): the likeliest weighting of frames, with the variance between clones."""
    rate = float(slopes.weights @ np.log(value))
    influence = clones @ (slopes.weights / value)
    share = (clones / value).mean(axis=1)
    present = share > 0
    half = half_width(influence[present], share[present], level=level)
    half = max(half, float(stats.norm.ppf(0.5 + level / 2)) * least)
    return rate, rate - half, rate + half


def _doubling(rate: float, low: float, high: float) -> tuple[float, float, float]:
    """Doubling time and its interval: the shortest is that of the highest rate."""
    log2 = math.log(2)
    best = log2 / rate if rate > 0 else math.nan
    if not high > 0:  # also where it is nan
        return best, math.nan, math.nan
    return best, log2 / high, log2 / low if low > 0 else math.inf
