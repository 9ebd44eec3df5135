"""The tables of the Double U-Net: the paper's beside ours, all regimes, edges, and few photons."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from softlight.config import PaperFigure
from softlight.recipes.system import Runs

PAPER = "paper-"  # begins the names of regimes with the paper's own settings
SHOWN = {  # a column of the scores, and what the table calls it
    "dice": "Dice",
    "dice_validation": "Dice, validation",
    "ap50": "AP50",
    "count_error_abs": "count error",
    "edge_dice": "edge Dice",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "psnr_given": "PSNR, bicubic",
    "ssim_given": "SSIM, bicubic",
    "minutes": "minutes trained",
    "parameters": "parameters",
    "seconds": "s/image",
}
_EDGES = ("dice", "edge_dice", "edge_dice_image", "dice_on_edges")


def tables(runs: Sequence[Runs]) -> dict[str, pd.DataFrame]:
    """Each table by its caption; those for which no regime was run are left out."""
    found: dict[str, pd.DataFrame] = {}
    for run in runs:
        means = run.images.groupby("variant", sort=False).mean(numeric_only=True)
        figures = [
            figure
            for recipe in run.recipes.values()
            if recipe.paper is not None
            for figure in recipe.paper.figures
        ]
        made = {
            "Tables 1 and 2 of the paper beside ours: Dice of the foreground.": beside_paper(
                figures, means
            ),
            "All regimes. Gap closed: (regime - floor) / (ceiling - floor), of the same settings "
            "and the same loss of light.": all_regimes(means),
            "Edges by a high-pass filter and a threshold: what is gained over the floor, on whole "
            "cells and on edges; the last two columns are the mean difference of the two gains and "
            "half its 95 % interval over the images.": edge_gains(run.images),
            "Few photons: Dice of the network trained on clean images (floor) and of the one "
            "trained on all.": few_photons(means),
        }
        found |= {caption: table for caption, table in made.items() if len(table)}
    return found


def beside_paper(figures: Sequence[PaperFigure], means: pd.DataFrame) -> pd.DataFrame:
    """The paper's Dice and ours; the name of a figure's variant is that of our regime."""
    rows: dict[str, dict[str, object]] = {}
    for figure in figures:
        row = rows.setdefault(figure.variant, {"image": figure.variant.removeprefix(PAPER)})
        row[f"paper, {figure.dataset}"] = figure.value
        if figure.variant in means.index:
            ours = means.loc[figure.variant]
            row |= {"ours, test": ours["dice"], "ours, validation": ours["dice_validation"]}
    table = pd.DataFrame(list(rows.values()))
    last = [name for name in table.columns if name.startswith("ours")]
    return table[[*(name for name in table.columns if name not in last), *last]]


def all_regimes(means: pd.DataFrame) -> pd.DataFrame:
    """A row a regime: what it scores, what share of the gap it closes, what it costs."""
    rows = []
    for name, scores in means.iterrows():
        row: dict[str, object] = {"regime": name}
        for measure in ("dice", "ap50"):
            row[f"gap closed, {SHOWN[measure]}"] = gap_closed(means, str(name), measure)
        row |= {title: scores.get(column, math.nan) for column, title in SHOWN.items()}
        rows.append(row)
    order = ["regime", "Dice", "gap closed, Dice", "AP50", "gap closed, AP50"]
    table = pd.DataFrame(rows)
    return table[[*order, *(name for name in table.columns if name not in order)]]


def gap_closed(means: pd.DataFrame, name: str, measure: str) -> float:
    """(regime - floor) / (ceiling - floor) of a score; nan where one of the three is not there."""
    family = PAPER if name.startswith(PAPER) else ""
    floor = f"{family}floor-{_condition(name)}"
    ceiling = f"{family}ceiling"
    if measure not in means or not {floor, ceiling} <= set(means.index):
        return math.nan
    score = {str(row): float(value) for row, value in means[measure].items()}
    gap = score[ceiling] - score[floor]
    return (score[name] - score[floor]) / gap if gap > 0 else math.nan


def edge_gains(images: pd.DataFrame) -> pd.DataFrame:
    """How much each regime gains over the floor on edges and on whole cells, image by image."""
    rows = []
    by_name = {str(name): part for name, part in images.groupby("variant", sort=False)}
    for name, part in by_name.items():
        family = PAPER if name.startswith(PAPER) else ""
        floor = by_name.get(f"{family}floor-{_condition(name)}")
        if floor is None or floor is part or "photons" in name:
            continue
        one, other = part.set_index("image"), floor.set_index("image")
        gains = {column: (one[column] - other[column]).dropna() for column in _EDGES}
        more = (gains["edge_dice"] - gains["dice"]).dropna()
        rows.append(
            {
                "regime": name,
                **{f"gain, {column}": float(values.mean()) for column, values in gains.items()},
                "edge gain - gain": float(more.mean()),
                "±": _half_interval(more.to_numpy()),
            }
        )
    return pd.DataFrame(rows)


def few_photons(means: pd.DataFrame) -> pd.DataFrame:
    """A row a number of photons: Dice without and with training on such images."""
    rows = []
    for name in means.index:
        found = re.fullmatch(r"all-(.+)-photons", str(name))
        if found is None:
            continue
        floor = f"floor-{found[1]}-photons"
        of_all, clean = means.loc[name, "dice"], "all-1"
        rows.append(
            {
                "photons": found[1],
                "floor": means["dice"].get(floor, math.nan),
                "all": of_all,
                "all, less than on clean images": means["dice"].get(clean, math.nan) - of_all,
            }
        )
    return pd.DataFrame(rows)


def _condition(name: str) -> str:
    """What the images have lost, as the name of a regime says it: ``0.25``, ``20-photons``."""
    found = re.search(r"-([\d.]+(?:-photons)?)$", name)
    return found[1] if found else ""


def _half_interval(values: npt.NDArray[np.float64]) -> float:
    """Half of the 95 % interval of the mean, by Student's t."""
    if len(values) < 2:
        return math.nan
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(stats.t.ppf(0.975, len(values) - 1)) * error
