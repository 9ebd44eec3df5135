"""Whether probabilities hold: what was said of cells against how many of them are right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.report.blocks import Chart
from softlight.report.ink import DARK, LIGHT, new_figure, png

Numbers = npt.NDArray[np.float64]


def chart_of_reliability(table: pd.DataFrame, *, error: float) -> Chart:
    """The reliability curve of cells in groups, with the expected calibration error.

    Args:
        table: columns ``said``, ``right``, ``cells``: a row a group.
        error: the expected calibration error.
    """
    cells = int(table["cells"].sum())
    return Chart(
        light=reliability_figure(table),
        dark=reliability_figure(table, dark=True),
        alt=f"Reliability curve of {cells} cells in {len(table)} groups",
        caption=f"How often cells are right, by the score that they were given, in groups of as "
        f"many cells each ({cells} in all); on the line, scores are probabilities. Expected "
        f"calibration error {error:.3f}.",
    )


def reliability_figure(table: pd.DataFrame, *, dark: bool = False) -> bytes:
    """The curve as a PNG file: mean score of each group against the share that is right.

    A bar shows where the true share may lie (Wilson, 95 %), given that many cells.
    """
    ink = DARK if dark else LIGHT
    figure, (ax,) = new_figure(1, ink, height=3.4)
    said, right = (table[name].to_numpy(np.float64) for name in ("said", "right"))
    low, high = _wilson(right, table["cells"].to_numpy(np.float64))
    ax.plot([0, 1], [0, 1], "--", color=ink.line, linewidth=1)
    ax.vlines(said, low, high, color=ink.many[0], linewidth=1.2, alpha=0.7)
    ax.plot(said, right, "o-", color=ink.many[0], markersize=4, linewidth=1.2)
    ax.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    ax.set_title("Are scores probabilities?", loc="left", color=ink.text)
    ax.set_xlabel("score")
    ax.set_ylabel("share of cells that are right", color=ink.text)
    return png(figure)


def _wilson(share: Numbers, number: Numbers) -> tuple[Numbers, Numbers]:
    z = 1.96
    middle = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z / (1 + z**2 / number) * np.sqrt(share * (1 - share) / number + (z / number / 2) ** 2)
    return middle - half, middle + half
