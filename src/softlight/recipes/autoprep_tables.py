"""The tables of Kato and Hotta's paper beside ours, and what tells whether a difference is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from softlight.config import PaperFigure
from softlight.evaluate.classes import MEAN, across_folds
from softlight.evaluate.paired import paired_test
from softlight.recipes.crossval import class_scores_by_fold
from softlight.recipes.library import load_recipe
from softlight.recipes.system import Runs

METHODS = {  # our variant: what the paper calls it
    "unet": "U-Net",
    "unetpp": "U-Net++",
    "attention-unet": "Attention U-Net",
    "autoprep-none": "w/o Ensemble",
    "autoprep-fixed": "Ensemble (fixed)",
    "autoprep-learned": "Proposed method",
}
BASELINE = "unet"
COMPARED = ("unet", "unetpp", "attention-unet", "autoprep-learned")  # tables I and III
ABLATED = ("unet", "autoprep-none", "autoprep-fixed", "autoprep-learned")  # table II
NAMES = {"iou": "IoU", "dice": "Dice"}
OF_MEMBRANES = ("boundary_dice", "rand_error", "rand_error_best", "voi", "voi_split", "voi_merge")


def tables(runs: Sequence[Runs]) -> dict[str, pd.DataFrame]:
    """Tables I, II and III, each beside ours of as many classes, and what more there is to know.

    In percent, mean and standard deviation over the folds; a fold's pixels are counted together.
    """
    three = [run for run in runs if len(_classes(run)) > 2]
    two = [run for run in runs if len(_classes(run)) == 2]
    found = {
        f"Table I{_on(three)}": _beside("mouse liver", COMPARED, three, ("iou", "dice")),
        f"Table II{_on(three)}": _beside("mouse liver", ABLATED, three, ("iou",)),
        f"Table III{_on(two)}": _beside("iRPE", COMPARED, two, ("iou", "dice")),
    }
    for run in two:
        found[f"The ensembles of table II on {run.name}"] = pd.DataFrame(
            _ours(run, ABLATED, ("iou",))
        ).fillna("")
    for run in runs:
        if "rand_error" in run.images:
            found[f"Membranes of {run.name}, mean and sd over the images"] = _membranes(run)
        if {BASELINE} < set(run.recipes):
            found[f"mIoU in percent, less that of the U-Net, by image of {run.name}"] = _tests(run)
    return found


def _classes(run: Runs) -> tuple[str, ...]:
    return next(iter(run.recipes.values())).classes


def _on(runs: Sequence[Runs]) -> str:
    """After a table's name: what ours are of."""
    if not runs:
        return ", the paper's alone: no such images were given"
    return f", the paper's beside ours on {' and '.join(run.name for run in runs)}"


def _beside(
    dataset: str, variants: Sequence[str], runs: Sequence[Runs], scores: Sequence[str]
) -> pd.DataFrame:
    """The paper's rows of a table, then ours; percent."""
    recipe = load_recipe("autoprep")
    figures = [f for f in (recipe.paper.figures if recipe.paper else ()) if f.dataset == dataset]
    rows = [_of_paper(variant, figures, scores) for variant in variants]
    for run in runs:
        rows += _ours(run, variants, scores)
    return pd.DataFrame(rows).fillna("")


def _of_paper(
    variant: str, figures: Sequence[PaperFigure], scores: Sequence[str]
) -> dict[str, str]:
    """One row of the paper's."""
    row = {"method": METHODS[variant], "from": "paper"}
    for figure in figures:
        score, _, of = figure.measure.partition("_")
        score, of = (score, of) if of else (score.removeprefix("m"), MEAN)
        if figure.variant == METHODS[variant] and score in scores:
            row[f"{NAMES[score]} {of}"] = _percent(figure.value, figure.sd)
    return row


def _ours(run: Runs, variants: Sequence[str], scores: Sequence[str]) -> list[dict[str, str]]:
    """Our rows: the scores of each class over the folds."""
    rows = []
    for variant in variants:
        by_fold = class_scores_by_fold(run.out / variant)
        if by_fold is None:
            continue
        row = {"method": METHODS[variant], "from": f"ours, {run.name}"}
        for score in scores:
            for of in across_folds(by_fold).to_dict("records"):
                row[f"{NAMES[score]} {of['class']}"] = _percent(of[score], of[f"{score}_sd"])
        rows.append(row)
    return rows


def _percent(value: float, sd: float | None) -> str:
    spread = "" if sd is None or np.isnan(sd) else f" ± {100 * sd:.2f}"
    return f"{100 * value:.2f}{spread}"


def _membranes(run: Runs) -> pd.DataFrame:
    """How well the membranes of each variant part the cells."""
    measures = [name for name in OF_MEMBRANES if name in run.images]
    rows = []
    for variant, group in run.images.groupby("variant", sort=False):
        row = {"method": METHODS[str(variant)]}
        row |= {m: f"{group[m].mean():.4f} ± {group[m].std():.4f}" for m in measures}
        rows.append(row)
    return pd.DataFrame(rows)


def _tests(run: Runs) -> pd.DataFrame:
    """The paired test of every variant against the plain U-Net, by the images' mIoU."""
    scores = run.images.pivot_table(index="image", columns="variant", values="miou", sort=False)
    rows = []
    for variant in (name for name in run.recipes if name != BASELINE):
        test = paired_test(100 * scores[variant].to_numpy(), 100 * scores[BASELINE].to_numpy())
        rows.append(
            {
                "method": METHODS[variant],
                "gain": test.difference,
                "low": test.low,
                "high": test.high,
                "p": test.p,
                "effect size": test.effect_size,
                "images": test.n,
                "test": test.method,
            }
        )
    return pd.DataFrame(rows)
