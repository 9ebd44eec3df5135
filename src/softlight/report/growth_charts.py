"""Charts of populations: growth curves with their fit, conditions, dose-response."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from softlight.report.charts import ChartError
from softlight.report.ink import DARK, DASHES, LIGHT, Ink, new_figure, plain_logs, png

Numbers = npt.NDArray[np.float64]
_LEAST_RATIO = 1.5
_MOST_CURVES = len(LIGHT.many) * len(DASHES)


@dataclass(frozen=True, kw_only=True)
class FittedLine:
    """The exponential through part of a growth curve; its range alone where none was seen."""

    first: float  # time at which its range begins
    last: float
    rate: float | None  # of the logarithm, per unit of time; None draws no line
    label: str  # what the legend says


def growth_figure(
    time: Numbers,
    value: Numbers,
    *,
    title: str,
    label: str,
    time_unit: str,
    line: FittedLine | None = None,
    marked: Mapping[str, Sequence[float]] | None = None,
    dark: bool = False,
) -> bytes:
    """One growth curve on a logarithmic scale, the fitted range shaded, as a PNG file.

    Args:
        time: of each frame.
        value: count or confluence; nan or 0 leaves a gap.
        title: what grows.
        label: of the value's axis.
        time_unit: of the time's axis.
        line: the fit, where there is one.
        marked: times of frames to point out, by what is the matter with them.
        dark: whether the page behind is dark.
    """
    usable = np.isfinite(value) & (value > 0)
    if not usable.any():
        raise ChartError(f"{title}: no frame has a value above 0; there is no curve to draw.")
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=3.2)
    shown = np.where(usable, value, np.nan)
    ax.plot(time, shown, "-", color=ink.many[0], linewidth=1, alpha=0.7)
    ax.plot(time, shown, "o", color=ink.many[0], markersize=3.5)
    if line is not None:
        _draw_fit(ax, time, shown, line, ink)
    for number, (what, times) in enumerate((marked or {}).items()):
        _mark(ax, time, shown, times, what, ink.many[(3 + number) % len(ink.many)])
    ax.set_yscale("log")
    _leave_room(ax)
    ax.set_xlabel("frame" if time_unit == "frame" else f"time ({time_unit})")
    ax.set_ylabel(label)
    ax.set_title(title, loc="left", color=ink.text)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, loc="best", labelcolor=ink.text)
    return png(figure)


def _draw_fit(ax: Axes, time: Numbers, value: Numbers, line: FittedLine, ink: Ink) -> None:
    """The exponential through the middle of its range, which is shaded."""
    inside = (time >= line.first) & (time <= line.last) & np.isfinite(value)
    if not inside.any():
        return
    name = line.label if line.rate is None else None
    ax.axvspan(line.first, line.last, color=ink.many[1], alpha=0.1, linewidth=0, label=name)
    if line.rate is None:
        return
    centre, height = time[inside].mean(), np.log(value[inside]).mean()
    at = np.array([line.first, line.last])
    fitted = np.exp(height + line.rate * (at - centre))
    ax.plot(at, fitted, "--", color=ink.many[1], linewidth=2, label=line.label)


def _leave_room(ax: Axes) -> None:
    """The axis holds all that is drawn and spans a factor of 1.5 or more: no noise is enlarged."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.get_lines()])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    low, high = float(drawn.min()), float(drawn.max())
    more = max(math.sqrt(_LEAST_RATIO / (high / low)), (high / low) ** 0.05)
    ax.set_ylim(low / more, high * more)
    plain_logs(ax.yaxis, np.array([low / more, high * more]))


def _mark(
    ax: Axes, time: Numbers, value: Numbers, times: Sequence[float], what: str, colour: str
) -> None:
    found = np.isin(time, np.asarray(times, float))
    if not found.any():
        return
    lowest = float(np.nanmin(value))
    height = np.where(np.isfinite(value[found]), value[found], lowest)
    ax.plot(
        time[found],
        height,
        "s",
        color=colour,
        markersize=8,
        fillstyle="none",
        markeredgewidth=1.6,
        label=what,
    )


@dataclass(frozen=True, kw_only=True)
class BandCurve:
    """One curve with the interval around it; nan where there is none."""

    name: str
    time: Numbers
    mean: Numbers
    low: Numbers | None = None
    high: Numbers | None = None


def band_figure(
    curves: Sequence[BandCurve], *, title: str, label: str, time_unit: str, dark: bool = False
) -> bytes:
    """Curves over the bands of their intervals, as a PNG file.

    At most 32 are drawn, and the title says so.

    Args:
        curves: one for each position or condition.
        title: what is shown.
        label: of the value's axis.
        time_unit: of the time's axis.
        dark: whether the page behind is dark.
    """
    if not any(np.isfinite(curve.mean).any() for curve in curves):
        raise ChartError(f"{title}: there is no curve to draw.")
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=3.6)
    shown = curves[:_MOST_CURVES]
    for number, curve in enumerate(shown):
        colour = ink.many[number % len(ink.many)]
        dashes = DASHES[number // len(ink.many)]
        if curve.low is not None and curve.high is not None:
            ax.fill_between(
                curve.time, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0
            )
        marker = "o" if len(curve.time) == 1 else ""
        ax.plot(curve.time, curve.mean, dashes, color=colour, marker=marker, label=curve.name)
    ax.set_xlabel("frame" if time_unit == "frame" else f"time ({time_unit})")
    ax.set_ylabel(label)
    ax.set_ylim(bottom=0)
    some = f", {len(shown)} of {len(curves)}" if len(curves) > len(shown) else ""
    ax.set_title(f"{title}{some}", loc="left", color=ink.text)
    if 1 < len(shown) <= 2 * len(ink.many):
        ax.legend(frameon=False, loc="best", labelcolor=ink.text, fontsize="small")
    return png(figure)


def dose_figure(
    dose: Numbers,
    response: Numbers,
    *,
    title: str,
    label: str,
    dose_label: str,
    fit: tuple[Numbers, Numbers, str] | None = None,
    dark: bool = False,
) -> bytes:
    """The response of each position against its dose, with the fitted curve, as a PNG file.

    Doses are on a logarithmic scale that holds 0 as well.
    """
    known = np.isfinite(dose) & np.isfinite(response)
    if not known.any():
        raise ChartError(f"{title}: no position has both a dose and a response.")
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=3.2)
    positive = dose[known & (dose > 0)]
    ax.plot(dose[known], response[known], "o", color=ink.many[0], markersize=4.5)
    if fit is not None:
        ax.plot(fit[0], fit[1], "--", color=ink.many[1], label=fit[2])
        ax.legend(frameon=False, loc="best", labelcolor=ink.text)
    if positive.size:
        ax.set_xscale("symlog", linthresh=float(positive.min()))
    ax.set_xlabel(dose_label)
    ax.set_ylabel(label)
    ax.set_title(title, loc="left", color=ink.text)
    return png(figure)
