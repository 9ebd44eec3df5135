"""Re-run a published system: its settings and a modern variant, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from softlight.config import ConfigError, Recipe, with_settings
from softlight.data.sets import open_dataset
from softlight.evaluate.table import write_metrics
from softlight.io.files import replacing
from softlight.recipes.crossval import cross_validate
from softlight.recipes.library import load_recipe
from softlight.recipes.pages import reproduction_page
from softlight.recipes.simulation import simulate_stand_in
from softlight.training.callbacks import Callback

SYSTEMS = ("is-this-cell-alive", "ctc-unet", "livecell-unet")
MEASURES = ("pixel_accuracy", "loss", "dice", "iou", "boundary_dice", "confluence_error")
QUICK_MINUTES = 0.25  # of training, each variant and fold
QUICK_SETTINGS = {"data.samples_per_epoch": 16, "data.batch_size": 4, "model.width": 8}


@dataclass(frozen=True)
class Reproduction:
    """The paper's figures and ours, one row a variant, and the scores of every image."""

    table: pd.DataFrame
    images: pd.DataFrame
    report: Path


def reproduce(
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    minutes: float | None = None,
    folds: int | None = None,
    quick: bool = False,
    annotation: str = "auto",
    watch: Callable[[str], Sequence[Callback]] = lambda _: (),
    note: Callable[[str], None] = lambda _: None,
) -> Reproduction:
    """Cross-validate the paper's settings and the modern variant in the same minutes.

    Args:
        name: a system of SYSTEMS.
        out: one folder a variant and fold, and the tables.
        data: real images; None simulates a set of the same kind.
        minutes: of training, for each variant and fold; None takes each recipe's epochs.
        folds: held out by well or movie; None is 3, or 2 with ``quick``.
        annotation: of a Challenge folder: auto, gold, silver or complete.
        quick: small networks and two folds, to see that all works; its figures mean little.
        watch: gives the callbacks of one fold by its name.
        note: told what begins and what was found.
    """
    if name not in SYSTEMS:
        raise ConfigError(
            f"There is no published system {name!r}. Use one of {', '.join(SYSTEMS)}."
        )
    caveats = _caveats(simulated=data is None, quick=quick)
    if data is None:
        data = simulate_stand_in(name, out / "simulated", quick=quick)
        note(f"No data was given, so images were simulated in {data}")
    dataset = open_dataset(data, annotation=annotation)
    for line in dataset.notes:
        note(line)
    folds = folds or (2 if quick else 3)
    paper, modern = load_recipe(name), load_recipe(f"{name}-modern")
    tables = []
    for recipe in (_budgeted(r, minutes=minutes, quick=quick) for r in (paper, modern)):
        note(f"{recipe.name}: {folds} folds")
        table = cross_validate(recipe, dataset, out / recipe.name, k=folds, watch=watch, note=note)
        tables.append(table.assign(variant=recipe.name))
    images = pd.concat(tables, ignore_index=True)
    write_metrics(out, images)
    table = _beside_paper(paper, images)
    with replacing(out / "table.csv") as temporary:
        table.to_csv(temporary, index=False)
    notes = [*([paper.paper.notes] if paper.paper else []), *dataset.notes]
    for line in caveats:
        note(line)
    page = reproduction_page(
        out, title=paper.title, table=table, images=images, notes=notes, caveats=caveats
    )
    return Reproduction(table, images, page)


def _caveats(*, simulated: bool, quick: bool) -> list[str]:
    """Why the figures of this run may not be compared with the paper's."""
    caveats = []
    if simulated:
        caveats.append(
            "Our figures are of simulated images, the paper's of real ones: compare only our two "
            "variants with each other, or give --data."
        )
    if quick:
        caveats.append(
            "This is a quick run of small networks, to see that all works; its figures mean little."
        )
    return caveats


def _budgeted(recipe: Recipe, *, minutes: float | None, quick: bool) -> Recipe:
    settings: dict[str, object] = {}
    if quick:
        settings = {**QUICK_SETTINGS, "train.minutes": minutes or QUICK_MINUTES}
        if recipe.data.patch_px:
            settings["data.patch_px"] = 128
    elif minutes is not None:
        settings = {"train.minutes": minutes}
    return with_settings(recipe, settings)


def _beside_paper(recipe: Recipe, images: pd.DataFrame) -> pd.DataFrame:
    """The paper's rows, then mean and sd over the images for each variant, then the gain."""
    rows: list[dict[str, object]] = []
    if recipe.paper is not None:
        by_dataset: dict[str, dict[str, object]] = {}
        for figure in recipe.paper.figures:
            row = by_dataset.setdefault(figure.dataset, {"what": f"paper: {figure.dataset}"})
            row[figure.measure] = figure.value
        rows.extend(by_dataset.values())
    means = {}
    for variant, group in images.groupby("variant", sort=False):
        means[variant] = group[list(MEASURES)].mean()
        sd = group[list(MEASURES)].std()
        rows.append({"what": str(variant), **means[variant]})
        rows.append({"what": f"{variant}: sd over images", **sd})
    paper, modern = means.values()
    rows.append({"what": "gain of the modern variant", **(modern - paper)})
    return pd.DataFrame(rows, columns=["what", *MEASURES])
