"""Charts of tracks: their ways over the field, family trees, mean squared displacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.ticker import MaxNLocator

from softlight.report.charts import ChartError
from softlight.report.ink import DARK, LIGHT, new_figure, plain_logs, png

_MOST_TRACKS = 3000
_MOST_FAMILIES = 24
_MOST_MEMBERS = 64  # a larger family cannot be read
_BINS = 40
_FINE_DPI = 120  # thousands of lines make a large file


def track_figure(
    objects: pd.DataFrame, *, shape: tuple[int, int], unit: str = "px", dark: bool = False
) -> bytes:
    """The way of each track over the field of view, early frames pale, as a PNG file.

    Args:
        objects: ``track_id``, ``frame``, ``y_…`` and ``x_…``.
        shape: height and width of the field in the unit.
        unit: "px" or "um", the end of the columns' names.
        dark: Whether the page behind is dark.
    """
    table = objects.sort_values(["track_id", "frame"])
    ids = table["track_id"].to_numpy()
    places = table[[f"x_{unit}", f"y_{unit}"]].to_numpy(float)
    parts = np.split(np.arange(len(ids)), np.flatnonzero(np.diff(ids)) + 1)
    long = sorted((part for part in parts if len(part) > 1), key=len, reverse=True)
    if not long:
        raise ChartError("No track has two points; there is no way to draw.")
    ink = DARK if dark else LIGHT
    height, width = shape
    figure, (ax,) = new_figure(1, ink, height=float(np.clip(5.0 * height / width, 2.0, 6.5)))
    _fading(ax, [places[part] for part in long[:_MOST_TRACKS]], ink.many)
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_aspect("equal")
    ax.grid(visible=False)
    shown = {"um": "µm"}.get(unit, unit)
    ax.set_xlabel(f"x ({shown})")
    ax.set_ylabel(f"y ({shown})")
    some = f", the longest {_MOST_TRACKS} of {len(long)}" if len(long) > _MOST_TRACKS else ""
    ax.set_title(f"Ways of {len(long)} tracks{some}", loc="left", color=ink.text)
    return png(figure, dpi=_FINE_DPI)


def _fading(ax: Axes, ways: Sequence[npt.NDArray[np.float64]], palette: Sequence[str]) -> None:
    """Each way as segments that grow stronger, and a dot at its end."""
    segments: list[npt.NDArray[np.float64]] = []
    colours: list[npt.NDArray[np.float64]] = []
    for number, places in enumerate(ways):
        colour = np.tile(to_rgba(palette[number % len(palette)]), (len(places) - 1, 1))
        colour[:, 3] = np.linspace(0.25, 1, len(places) - 1)
        segments += list(np.stack([places[:-1], places[1:]], axis=1))
        colours.append(colour)
    together = np.concatenate(colours)
    ax.add_collection(LineCollection(segments, colors=list(together), linewidths=1.1))
    ends = np.stack([places[-1] for places in ways])
    ax.scatter(ends[:, 0], ends[:, 1], s=5, c=[colour[-1] for colour in colours], linewidths=0, zorder=3)


def lineage_figure(
    tracks: pd.DataFrame, *, per_frame: float = 1.0, time: str = "frame", dark: bool = False
) -> bytes:
    """The family trees of cells that divided, time from left to right, as a PNG file.

    The largest 24 families are drawn, and the title says so.

    Args:
        tracks: ``track_id``, ``parent_id``, ``first_frame``, ``last_frame``.
        per_frame: Time from frame to frame.
        time: Its unit, as the axis tells it.
        dark: Whether the page behind is dark.
    """
    families = _families(tracks)
    if not families:
        raise ChartError("No cell divided; there is no family tree to draw.")
    ink = DARK if dark else LIGHT
    shown = families[:_MOST_FAMILIES]
    leaves = sum(sum(not row.children for row in family) for family in shown)
    figure, (ax,) = new_figure(1, ink, height=float(np.clip(0.9 + 0.13 * leaves, 2.2, 9.0)))
    top = 0.0
    for number, family in enumerate(shown):
        top = _draw_family(ax, family, top, per_frame, ink.many[number % len(ink.many)]) + 1.0
    ax.set_ylim(top - 0.5, -1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"time ({time})" if time != "frame" else "frame")
    some = f", the largest {len(shown)} of {len(families)}" if len(families) > len(shown) else ""
    ax.set_title(f"Family trees{some}", loc="left", color=ink.text)
    return png(figure)


class _Member:
    """One track of a family tree."""

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, last
        self.children: list[_Member] = []
        self.height = 0.0


def _families(tracks: pd.DataFrame) -> list[list[_Member]]:
    """The members of each family with a division, mother before daughters; the largest first."""
    names = ("track_id", "first_frame", "last_frame")
    ids, first, last = (tracks[name].tolist() for name in names)
    members = {
        int(track): _Member(float(begin), float(end))
        for track, begin, end in zip(ids, first, last, strict=True)
    }
    roots = []
    for track, parent in zip(
        tracks["track_id"].tolist(), tracks["parent_id"].tolist(), strict=True
    ):
        if parent in members and parent != track:
            members[parent].children.append(members[track])
        else:
            roots.append(members[track])
    families = [_below(root) for root in roots if root.children]
    families = [family[:_MOST_MEMBERS] for family in families]
    return sorted(families, key=len, reverse=True)


def _below(root: _Member) -> list[_Member]:
    found, waiting = [], [root]
    while waiting:
        member = waiting.pop()
        found.append(member)
        waiting += reversed(member.children)
    return found


def _draw_family(
    ax: Axes, family: Sequence[_Member], top: float, per_frame: float, colour: str
) -> float:
    """Draw one tree from ``top`` downward; the first height below it."""
    kept = set(map(id, family))
    for member in reversed(family):  # daughters come before their mother here
        below = [child for child in member.children if id(child) in kept]
        if below:
            member.height = (below[0].height + below[-1].height) / 2
        else:
            member.height = top
            top += 1.0
    for member in family:
        end = member.last
        for child in member.children:
            if id(child) in kept:
                end = max(end, child.first)
                ax.plot([child.first * per_frame] * 2, [member.height, child.height], color=colour)
        ax.plot([member.first * per_frame, end * per_frame], [member.height] * 2, color=colour)
        if not member.children:
            ax.plot(member.last * per_frame, member.height, "o", color=colour, markersize=2.5)
    return top


def msd_figure(
    curve: pd.DataFrame,
    *,
    lag: str,
    value: str,
    fit: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], str] | None = None,
    dark: bool = False,
) -> bytes:
    """Mean squared displacement against the lag, with its interval and the fitted walk.

    Args:
        curve: one row a lag.
        lag: the column of lags, such as ``lag_min``.
        value: the column of the MSD, such as ``msd_um2``; its interval is in the columns
            ``msd_low_um2`` and ``msd_high_um2``.
        fit: lags, the fitted MSD there, and what the legend says of it.
        dark: Whether the page behind is dark.
    """
    usable = curve[(curve[value] > 0) & (curve[lag] > 0)]
    if usable.empty:
        raise ChartError("No lag has a mean squared displacement above 0; there is none to draw.")
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=3.2)
    unit = value.rpartition("_")[2]
    low, high = (usable[f"msd_{end}_{unit}"].to_numpy(float) for end in ("low", "high"))
    at, seen = usable[lag].to_numpy(float), usable[value].to_numpy(float)
    bounded = np.isfinite(low) & np.isfinite(high) & (low > 0)
    ax.fill_between(at, low, high, where=bounded, color=ink.many[0], alpha=0.22, linewidth=0)
    ax.plot(at, seen, "o", color=ink.many[0], markersize=3.5, label="seen, 95 % interval")
    if fit is not None:
        ax.plot(fit[0], fit[1], "--", color=ink.many[1], label=fit[2])
    ax.set_xscale("log")
    ax.set_yscale("log")
    for axis, seen_there in ((ax.xaxis, at), (ax.yaxis, seen)):
        plain_logs(axis, seen_there)
    ax.set_xlabel(f"lag ({lag.rpartition('_')[2]})")
    ax.set_ylabel(f"MSD ({unit.replace('um2', 'µm²').replace('px2', 'px²')})")
    ax.set_title("Mean squared displacement", loc="left", color=ink.text)
    ax.legend(frameon=False, loc="best", labelcolor=ink.text)
    return png(figure)


def histogram_figure(
    values: npt.NDArray[np.float64], *, title: str, label: str, dark: bool = False
) -> bytes:
    """How often each value comes, with the median as a line; the far tail is in the last bar."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        raise ChartError(f"{title}: no value is defined; there is no distribution to draw.")
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=2.6)
    top = float(np.quantile(finite, 0.995))
    bottom = float(finite.min())
    edges = np.linspace(bottom, top if top > bottom else bottom + 1, _BINS + 1)
    ax.hist(np.minimum(finite, edges[-1]), bins=list(edges), color=ink.many[0], alpha=0.8)
    middle = float(np.median(finite))
    ax.axvline(middle, color=ink.many[1], linestyle="--", label=f"median {middle:.3g}")
    ax.set_xlabel(label)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    ax.set_title(f"{title}, {finite.size:,} values", loc="left", color=ink.text)
    ax.legend(frameon=False, loc="upper right", labelcolor=ink.text)
    return png(figure)
