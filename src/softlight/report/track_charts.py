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
from softlight.track.lineage import build_lineage, tree_layout

_MOST_TRACKS = 3000
_MOST_FAMILIES = 24
_BINS = 40
_FEWEST_LAGS = 3
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
    drawn = min(len(long), _MOST_TRACKS)
    longest = "the longest " if drawn < len(long) else ""
    ax.set_title(f"Ways of {longest}{drawn} of {len(parts)} tracks", loc="left", color=ink.text)
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
    ax.scatter(
        ends[:, 0], ends[:, 1], s=5, c=[colour[-1] for colour in colours], linewidths=0, zorder=3
    )


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
    layout = tree_layout(build_lineage(tracks), families_only=True)
    if layout.empty:
        raise ChartError("No cell divided; there is no family tree to draw.")
    sizes = layout.groupby("root_id")["track_id"].size().sort_values(ascending=False, kind="stable")
    shown = sizes.index[:_MOST_FAMILIES].tolist()
    members = layout.loc[layout["root_id"].isin(shown), "track_id"]
    layout = tree_layout(build_lineage(tracks[tracks["track_id"].isin(members)]))
    leaves = layout["place"].max() + 1
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=float(np.clip(0.9 + 0.12 * leaves, 2.2, 9.0)))
    for number, root in enumerate(shown):
        _draw_family(ax, layout[layout["root_id"] == root], per_frame, ink.many[number % 6])
    ax.invert_yaxis()
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"time ({time})" if time != "frame" else "frame")
    some = f", the largest {len(shown)} of {len(sizes)}" if len(sizes) > len(shown) else ""
    ax.set_title(f"Family trees{some}", loc="left", color=ink.text)
    return png(figure)


def _draw_family(ax: Axes, family: pd.DataFrame, per_frame: float, colour: str) -> None:
    """A line for each cell, and one from the end of its mother to its beginning."""
    first, last, place, parent = (
        family[name].to_numpy(float)
        for name in ("first_frame", "last_frame", "place", "parent_place")
    )
    begin = np.where(np.isfinite(parent), family["parent_last_frame"].to_numpy(float), first)
    ax.hlines(place, begin * per_frame, last * per_frame, color=colour, linewidth=1.4)
    born = np.isfinite(parent)
    ax.vlines(begin[born] * per_frame, parent[born], place[born], color=colour, linewidth=1.4)
    mothers = family["track_id"].isin(family["parent_id"]).to_numpy()
    ax.plot(last[~mothers] * per_frame, place[~mothers], "o", color=colour, markersize=2.5)


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


def correlation_figure(curve: pd.DataFrame, *, lag: str, dark: bool = False) -> bytes:
    """Correlation of velocities against the lag, over the band of its interval, as a PNG file.

    Args:
        curve: ``correlation``, ``low`` and ``high``, one row a lag, and the lags.
        lag: the column of lags, such as ``lag_min``.
        dark: Whether the page behind is dark.
    """
    usable = curve[np.isfinite(curve["correlation"])]
    if len(usable) < _FEWEST_LAGS:
        raise ChartError("Velocities are known at too few lags; there is no correlation to draw.")
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=2.8)
    at = usable[lag].to_numpy(float)
    low, high = (usable[end].to_numpy(float) for end in ("low", "high"))
    bounded = np.isfinite(low) & np.isfinite(high)
    ax.axhline(0, color=ink.line, linewidth=1)
    ax.fill_between(at, low, high, where=bounded, color=ink.many[0], alpha=0.22, linewidth=0)
    ax.plot(at, usable["correlation"], "o-", color=ink.many[0], markersize=3.5, linewidth=1)
    # Few pairs are far apart: the band may be wide there, and must not flatten the curve.
    lowest = min(-0.1, float(usable["correlation"].min()))
    ax.set_ylim(max(-1.05, 1.2 * lowest), 1.05)
    ax.set_xlabel(f"lag ({lag.rpartition('_')[2]})")
    ax.set_ylabel("correlation")
    ax.set_title("Velocity autocorrelation, 95 % interval", loc="left", color=ink.text)
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
