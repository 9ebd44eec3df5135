"""The ground and ink of charts: on light or dark pages, in colours that everyone can tell apart.

Drawn with matplotlib's figure objects, never its global state, on a transparent ground.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter


class Ink(NamedTuple):
    """What shows on one kind of page; the last six are Okabe and Ito's colours."""

    text: str
    line: str
    many: tuple[str, ...]


LIGHT = Ink(
    "#23282d", "#9aa3ab", ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
)
DARK = Ink("#e8eaed", "#5f6670", ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00"))
DASHES = ("-", "--", ":", "-.")


def new_figure(panels: int, ink: Ink, *, height: float = 2.9) -> tuple[Figure, list[Axes]]:
    """A figure with so many empty panels side by side."""
    width = 4.2 * panels if panels > 1 else 5.0
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(ink.line)
        ax.tick_params(labelcolor=ink.text, color=ink.line, which="both")
        ax.grid(axis="y", color=ink.line, alpha=0.3, linewidth=0.6)
        ax.xaxis.label.set_color(ink.text)
        ax.yaxis.label.set_color(ink.text)
    return figure, axes


def png(figure: Figure, *, dpi: int = 180) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    # Without the software's version in it, the same numbers give the same bytes.
    figure.savefig(buffer, format="png", dpi=dpi, transparent=True, metadata={"Software": None})
    return buffer.getvalue()


def plain_logs(axis: Axis, values: npt.NDArray[np.float64]) -> None:
    """Ticks of a logarithmic axis at plain numbers, several also within one decade."""
    ratio = float(values.max() / values.min())
    subs: tuple[float, ...] = (1.0,)
    if ratio < 2:
        subs = (1, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9)
    elif ratio < 4:
        subs = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    elif ratio < 30:
        subs = (1, 2, 3, 5)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())
