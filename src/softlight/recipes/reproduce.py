"""Re-run a published system: its settings and other variants, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from softlight.config import ConfigError, Recipe, with_settings
from softlight.data.samples import DataSet
from softlight.data.sets import open_dataset
from softlight.evaluate.table import write_metrics
from softlight.io.files import replacing
from softlight.recipes.autoprep import AUTOPREP
from softlight.recipes.double_unet.system import DOUBLE_UNET
from softlight.recipes.library import load_recipe
from softlight.recipes.pages import reproduction_page
from softlight.recipes.simulation import simulate_stand_in
from softlight.recipes.system import Runs, System, Variant
from softlight.training.callbacks import Callback

QUICK_MINUTES = 1.0  # of training, in all
QUICK_FOLDS = 2
QUICK_SETTINGS = {
    "data.samples_per_epoch": 16,
    "data.batch_size": 4,
    "data.patch_px": 128,
    "model.width": 8,
}


def _and_modern(name: str) -> System:
    """The paper's settings against a modern variant, on one simulated set of its kind."""

    def stand_in(out: Path, quick: bool) -> Path:
        return simulate_stand_in(name, out, quick=quick)

    return System((Variant(name), Variant(f"{name}-modern")), {"simulated": stand_in})


SYSTEMS: Mapping[str, System] = {
    **{name: _and_modern(name) for name in ("is-this-cell-alive", "ctc-unet", "livecell-unet")},
    "autoprep": AUTOPREP,
    "double-unet": DOUBLE_UNET,
}


@dataclass(frozen=True)
class Reproduction:
    """The paper's figures and ours, one row a variant, and the scores of every image.

    Attributes:
        table: numbers, as in ``table.csv``.
        tables: what is shown, by caption; the table itself where the system has no other.
        images: one row an image, variant and data set.
        report: the page.
    """

    table: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    images: pd.DataFrame
    report: Path


def reproduce(
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    folds: int | None = None,
    quick: bool = False,
    annotation: str = "auto",
    settings: Mapping[str, object] | None = None,
    only: Sequence[str] = (),
    watch: Callable[[str], Sequence[Callback]] = lambda _: (),
    note: Callable[[str], None] = lambda _: None,
) -> Reproduction:
    """Cross-validate the paper's settings and the other variants in the same minutes.

    Args:
        name: a system of SYSTEMS.
        out: one folder a variant and fold, and the tables.
        data: real images; None simulates what the system has in place of them.
        folds: held out by well or movie; None is as the system says, mostly 3, or 2 with ``quick``.
        annotation: of a Challenge folder: auto, gold, silver or complete.
        quick: small networks and two folds, to see that all works; its figures mean little.
        settings: replaced in every variant, by dotted name; with ``train.minutes`` each variant and
            fold trains for so long, else as many epochs as its recipe says.
        only: names of variants, or what they begin with up to a hyphen; none runs all of them. What
            was run into ``out`` before is kept, so that the rest may follow.
        watch: gives the callbacks of one fold by its name.
        note: told what begins and what was found.
    """
    if name not in SYSTEMS:
        raise ConfigError(
            f"There is no published system {name!r}. Use one of {', '.join(SYSTEMS)}."
        )
    system = _chosen(SYSTEMS[name], only)
    data_sets = _data(system, out, data, quick=quick, note=note)
    k = folds or (QUICK_FOLDS if quick else system.folds)
    given = dict(settings or {})
    if quick:
        minutes = QUICK_MINUTES / (k * len(data_sets) * len(system.variants))
        given = {**QUICK_SETTINGS, "train.minutes": minutes, **given}
    runs = [
        _run_variants(
            system,
            place,
            open_dataset(folder, annotation=annotation),
            name=label,
            k=k,
            settings=given,
            watch=watch,
            note=note,
        )
        for label, place, folder in data_sets
    ]
    caveats = _caveats(simulated=data is None, quick=quick)
    for line in caveats:
        note(line)
    return _written(system, runs, out, caveats)


def _chosen(system: System, only: Sequence[str]) -> System:
    """The system with those variants alone that were asked for."""
    titles = [variant.title for variant in system.variants]
    for asked in only:
        if not any(_is_asked(title, [asked]) for title in titles):
            raise ConfigError(f"There is no variant {asked!r}. Use some of {', '.join(titles)}.")
    if not only:
        return system
    chosen = tuple(variant for variant in system.variants if _is_asked(variant.title, only))
    return replace(system, variants=chosen, quotes=system.paper.name)


def _is_asked(title: str, only: Sequence[str]) -> bool:
    return any(title == asked or title.startswith(f"{asked}-") for asked in only)


def _data(
    system: System, out: Path, data: Path | None, *, quick: bool, note: Callable[[str], None]
) -> list[tuple[str, Path, Path]]:
    """The name of each data set, where its runs go, and its images."""
    if data is not None:
        return [(data.resolve().name, out, data)]
    found = []
    for name, stand_in in system.stand_ins.items():
        place = out if len(system.stand_ins) == 1 else out / name
        folder = stand_in(place / "simulated", quick)
        note(f"No data was given, so images were simulated in {folder}")
        found.append((name, place, folder))
    return found


def _run_variants(
    system: System,
    out: Path,
    dataset: DataSet,
    *,
    name: str,
    k: int,
    settings: Mapping[str, object],
    watch: Callable[[str], Sequence[Callback]],
    note: Callable[[str], None],
) -> Runs:
    """Every variant on one data set."""
    for line in dataset.notes:
        note(line)
    recipes, tables = {}, []
    given = {**system.adapt(dataset, settings), **settings}
    for variant in system.variants:
        recipe = with_settings(load_recipe(variant.recipe), {**given, **variant.settings})
        note(f"{variant.title}: {k} folds")
        table = variant.run(recipe, dataset, out / variant.title, k=k, watch=watch, note=note)
        recipes[variant.title] = recipe
        tables.append(table.assign(variant=variant.title))
    return Runs(name, out, dataset, recipes, pd.concat(tables, ignore_index=True))


def _written(
    system: System, runs: Sequence[Runs], out: Path, caveats: Sequence[str]
) -> Reproduction:
    """The tables and the page of finished runs, in ``out``."""
    images = pd.concat([run.images.assign(dataset=run.name) for run in runs])
    images = images.reset_index(drop=True)
    write_metrics(out, images)
    table = _beside_paper(system, runs)
    with replacing(out / "table.csv") as temporary:
        table.to_csv(temporary, index=False)
    tables = {"": table} if system.tables is None else system.tables(runs)
    paper = system.paper
    page = reproduction_page(
        out,
        title=paper.title,
        tables=tables,
        images=images,
        notes=[
            *([paper.paper.notes] if paper.paper else []),
            *(line for run in runs for line in run.dataset.notes),
        ],
        caveats=caveats,
        sections=[] if system.sections is None else system.sections(runs),
    )
    return Reproduction(table, tables, images, page)


def _caveats(*, simulated: bool, quick: bool) -> list[str]:
    """Why the figures of this run may not be compared with the paper's."""
    caveats = []
    if simulated:
        caveats.append(
            "Our figures are of simulated images, the paper's of real ones: compare only our "
            "variants with each other, or give --data."
        )
    if quick:
        caveats.append(
            "This is a quick run of small networks, to see that all works; its figures mean little."
        )
    return caveats


def _beside_paper(system: System, runs: Sequence[Runs]) -> pd.DataFrame:
    """The paper's rows, then mean and sd over the images for each variant, then the gains."""
    measures = list(system.measures)
    rows = _of_paper(system.paper)
    for run in runs:
        of = f" on {run.name}" if len(runs) > 1 else ""
        scores = run.images.reindex(columns=["variant", *measures])
        means = {}
        for variant, group in scores.groupby("variant", sort=False):
            means[str(variant)] = group[measures].mean()
            sd = group[measures].std()
            rows.append({"what": f"{variant}{of}", **means[str(variant)]})
            rows.append({"what": f"{variant}{of}: sd over images", **sd})
        baseline, *others = means
        for other in others:
            gain = means[other] - means[baseline]
            rows.append({"what": f"gain of {other}{of}", **gain})
    return pd.DataFrame(rows, columns=["what", *measures])


def _of_paper(recipe: Recipe) -> list[dict[str, object]]:
    """The paper's figures, one row a data set and method."""
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for figure in recipe.paper.figures if recipe.paper else ():
        method = f": {figure.variant}" if figure.variant else ""
        new: dict[str, object] = {"what": f"paper: {figure.dataset}{method}"}
        rows.setdefault((figure.dataset, figure.variant), new)[figure.measure] = figure.value
    return list(rows.values())
