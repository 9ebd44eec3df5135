"""Charts as PNG files: how training went, and how much of the image cells cover.

Drawn in the ink of `softlight.report.ink`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from softlight.report.ink import DARK, DASHES, LIGHT, Ink, new_figure, png

Rows = Sequence[Mapping[str, Any]]
Numbers = npt.NDArray[np.float64]


_MOST_LINES = len(LIGHT.many) * len(DASHES)
_MOST_DOTS = 60

# Each panel of the training curves: its title and its lines, as (key of a row, label).
PANELS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "loss": ("Loss", (("train_loss", "training"), ("val_loss", "validation"))),
    "score": ("Validation score", (("val_dice", "Dice"), ("val_iou", "IoU"))),
    "restored": (
        "Peak signal-to-noise ratio (dB)",
        (("val_psnr", "restored"), ("val_psnr_degraded", "degraded")),
    ),
    "rate": ("Learning rate", (("learning_rate", "learning rate"),)),
}


class ChartError(ValueError):
    """There is nothing to draw, or not what was asked for."""


def curves_figure(
    history: Rows, *, panels: Sequence[str] | None = None, dark: bool = False
) -> bytes:
    """Training curves by epoch as a PNG file: loss, validation scores, learning rate.

    Args:
        history: One row an epoch with ``epoch`` and any of ``train_loss, val_loss, val_dice,
            val_iou, val_psnr, learning_rate``. A value that is missing or not finite leaves a gap.
        panels: Which of `PANELS` to draw, left to right; None: those that the history speaks of.
        dark: Whether the page behind is dark.
    """
    if panels is None:
        panels = recorded_panels(history)
    unknown = [name for name in panels if name not in PANELS]
    if not history or not panels or unknown:
        raise ChartError(
            f"{len(history)} epochs and panels {', '.join(panels) or 'none'}: give at least one "
            f"epoch and panels from {', '.join(PANELS)}."
        )
    ink = DARK if dark else LIGHT
    figure, axes = new_figure(len(panels), ink)
    epochs = _column(history, "epoch")
    if not np.isfinite(epochs).all():
        epochs = np.arange(1.0, len(history) + 1)
    for ax, name in zip(axes, panels, strict=True):
        _draw_panel(ax, name, epochs, history, ink)
    return png(figure)


def recorded_panels(history: Rows) -> tuple[str, ...]:
    """The names of those `PANELS` that the history has a value for."""
    return tuple(
        name
        for name, (_, lines) in PANELS.items()
        if any(row.get(key) is not None for key, _ in lines for row in history)
    )


def _draw_panel(ax: Axes, name: str, epochs: Numbers, history: Rows, ink: Ink) -> None:
    title, lines = PANELS[name]
    ax.set_title(title, loc="left", color=ink.text)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    labels = []
    for (key, label), colour, dashes in zip(lines, ink.many, DASHES, strict=False):
        values = _column(history, key)
        known = np.isfinite(values)
        if not known.any():
            continue
        if key == "val_dice":
            label = f"{label}, best {np.nanmax(values):.3f}"
            best = int(np.nanargmax(values))
            ax.plot(epochs[best], values[best], "o", color=colour, markersize=6)
        if key == "learning_rate" and values[known].min() > 0:
            ax.set_yscale("log")
        marker = "o" if known.sum() == 1 else ""
        ax.plot(epochs, values, dashes, color=colour, label=label, marker=marker, linewidth=1.8)
        labels.append(label)
    if len(labels) > 1:
        ax.legend(frameon=False, loc="best", labelcolor=ink.text)
    if not labels:
        ax.text(0.5, 0.5, "not recorded", transform=ax.transAxes, ha="center", color=ink.text)


def confluence_figure(rows: Rows, *, dark: bool = False) -> bytes:
    """The share of the image that cells cover, as a PNG file.

    Movies become a line each over time; single images a dot each, with the true share as a ring
    where it is known. At most 24 movies or 60 images are drawn, and the title says so.

    Args:
        rows: One a frame or image: ``image`` (its name), ``confluence`` from 0 to 1, and where
            known ``frame``, ``time_h`` and ``confluence_true``.
        dark: Whether the page behind is dark.
    """
    if not rows:
        raise ChartError("There is no image to draw the confluence of; give at least one row.")
    ink = DARK if dark else LIGHT
    by_image: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_image.setdefault(str(row.get("image", "")), []).append(row)
    movies = any(len(frames) > 1 for frames in by_image.values())
    most = _MOST_LINES if movies else _MOST_DOTS
    shown = dict(list(by_image.items())[:most])
    height = 2.9 if movies else 1.5 + 0.28 * len(shown)
    figure, (ax,) = new_figure(1, ink, height=height)
    if movies:
        _draw_movies(ax, shown, ink)
    else:
        _draw_images(ax, [frames[0] for frames in shown.values()], ink)
    some = f" ({most} of {len(by_image)})" if len(by_image) > most else ""
    ax.set_title(f"Area covered by cells{some}", loc="left", color=ink.text)
    return png(figure)


def _draw_movies(ax: Axes, shown: Mapping[str, Rows], ink: Ink) -> None:
    timed = all(np.isfinite(_column(frames, "time_h")).all() for frames in shown.values())
    for index, (name, frames) in enumerate(shown.items()):
        along = _column(frames, "time_h" if timed else "frame")
        if not np.isfinite(along).all():
            along = np.arange(float(len(frames)))
        colour = ink.many[index % len(ink.many)]
        dashes = DASHES[index // len(ink.many)]
        values = 100 * _column(frames, "confluence")
        marker = "o" if len(frames) == 1 else ""
        ax.plot(along, values, dashes, color=colour, marker=marker, label=_short(name))
        true = 100 * _column(frames, "confluence_true")
        ax.plot(along, true, "o", color=colour, markersize=3, fillstyle="none")
    ax.set_xlabel("time (h)" if timed else "frame")
    ax.set_ylabel("confluence (%)")
    ax.set_ylim(bottom=0)
    if 1 < len(shown) <= len(ink.many):
        ax.legend(frameon=False, loc="best", labelcolor=ink.text)


def _draw_images(ax: Axes, rows: Rows, ink: Ink) -> None:
    places = np.arange(len(rows))
    true = 100 * _column(rows, "confluence_true")
    predicted = 100 * _column(rows, "confluence")
    ax.hlines(places, predicted, true, color=ink.many[0], linewidth=1)
    ax.plot(predicted, places, "o", color=ink.many[0], label="predicted")
    if np.isfinite(true).any():
        ax.plot(
            true, places, "o", color=ink.many[1], fillstyle="none", markersize=9, label="annotated"
        )
        ax.figure.legend(loc="outside lower right", ncols=2, frameon=False, labelcolor=ink.text)
    ax.set_yticks(places, [_short(str(row.get("image", ""))) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("confluence (%)")


def _short(name: str, longest: int = 28) -> str:
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


def _column(rows: Rows, key: str) -> Numbers:
    """The values of one key, nan where missing or not a finite number."""
    values = []
    for row in rows:
        try:
            value = float(row.get(key, math.nan))
        except (TypeError, ValueError):
            value = math.nan
        values.append(value if math.isfinite(value) else math.nan)
    return np.array(values)
