"""Dose-quality curves: how far measures are off, by the photons and the resolution of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from softlight.report.blocks import Chart
from softlight.report.charts import ChartError
from softlight.report.ink import DARK, DASHES, LIGHT, Ink, new_figure, png

Floats = npt.NDArray[np.float64]
_CLEAN_AT = 4.0  # times the most photons: where images that are left as they are stand


@dataclass(frozen=True, kw_only=True)
class QualityCurve:
    """Errors in percent along the photons (infinite: none added) or another axis."""

    name: str
    at: Floats
    error: Floats
    low: Floats
    high: Floats


def quality_figure(
    curves: Sequence[QualityCurve],
    *,
    title: str,
    label: str,
    axis: str,
    tolerance: float | None = None,
    chosen: tuple[float, float] | None = None,
    dark: bool = False,
) -> bytes:
    """Errors with their intervals as a PNG file; a dashed line is what is tolerated.

    Args:
        curves: one a resolution.
        title: what is off.
        label: of the error's axis.
        axis: of what they are drawn along.
        tolerance: in the unit of the errors.
        chosen: where the recommended setting lies (along, error), marked by a ring.
        dark: whether the page behind is dark.
    """
    every = np.concatenate([curve.at for curve in curves]) if curves else np.array([])
    if not every.size:
        raise ChartError(f"{title}: there is no curve to draw.")
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=3.3)
    finite = every[np.isfinite(every)]
    clean = _CLEAN_AT * float(finite.max()) if finite.size else 1.0
    for number, curve in enumerate(curves):
        _draw(ax, curve, ink, number, clean)
    if tolerance is not None:
        ax.axhline(tolerance, color=ink.text, linestyle="--", linewidth=1, label="tolerated")
    if chosen is not None:
        place = clean if math.isinf(chosen[0]) else chosen[0]
        ring = {"markersize": 13, "fillstyle": "none", "markeredgewidth": 1.8}
        ax.plot([place], [chosen[1]], "o", color=ink.text, label="recommended", **ring)  # type: ignore[arg-type]
    _ticks(ax, every, clean)
    ax.set_ylim(0, _top(curves, tolerance))
    ax.set_xlabel(axis)
    ax.set_ylabel(label)
    ax.set_title(title, loc="left", color=ink.text)
    ax.legend(frameon=False, loc="best", labelcolor=ink.text, fontsize="small")
    return png(figure)


def quality_chart(curves: Sequence[QualityCurve], *, caption: str = "", **words: object) -> Chart:
    """The figure for light and for dark pages; the words as of ``quality_figure``."""
    return Chart(
        light=quality_figure(curves, **words),  # type: ignore[arg-type]
        dark=quality_figure(curves, dark=True, **words),  # type: ignore[arg-type]
        alt=f"{words['title']} by {words['axis']}, {len(curves)} curves",
        caption=caption,
    )


def _draw(ax: Axes, curve: QualityCurve, ink: Ink, number: int, clean: float) -> None:
    order = np.argsort(curve.at)
    at = np.where(np.isinf(curve.at), clean, curve.at)[order]
    colour = ink.many[number % len(ink.many)]
    dashes = DASHES[number // len(ink.many) % len(DASHES)]
    ax.plot(
        at, curve.error[order], dashes, marker="o", markersize=4, color=colour, label=curve.name
    )
    low, high = curve.low[order], curve.high[order]
    if np.isfinite(high).any():
        ax.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)


def _ticks(ax: Axes, every: Floats, clean: float) -> None:
    places = sorted({clean if math.isinf(value) else float(value) for value in every})
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(places))
    ax.xaxis.set_minor_locator(NullLocator())
    unbounded = bool(np.isinf(every).any())

    def named(value: float, _: object) -> str:
        return "as they are" if unbounded and value == clean else f"{value:g}"

    ax.xaxis.set_major_formatter(FuncFormatter(named))


def _top(curves: Sequence[QualityCurve], tolerance: float | None) -> float:
    """The highest error that is shown: a hopeless one need not flatten all others."""
    errors = np.concatenate([curve.error for curve in curves])
    errors = errors[np.isfinite(errors)]
    highest = float(errors.max(initial=0.0))
    bound = 12 * tolerance if tolerance else math.inf
    return max(1.15 * min(highest, bound), 1.5 * (tolerance or 0.0), 1e-3)
