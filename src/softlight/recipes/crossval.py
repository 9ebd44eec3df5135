"""Cross-validation: every image is predicted by a network that never saw its well or movie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from softlight.config import ConfigError, Recipe, to_toml
from softlight.data.samples import DataSet
from softlight.data.splits import Fold, folds, split_fraction, spread
from softlight.evaluate.table import write_metrics
from softlight.inference.predict import Segmenter
from softlight.io.files import replacing
from softlight.recipes.score import score_network, to_table
from softlight.recipes.train import RUN_FOLDER, check_finds_cells, has_checkpoint, train
from softlight.training.callbacks import Callback

HELD_OUT = "held-out.txt"  # in a fold's folder: the names of the images that it tests


def cross_validate(
    recipe: Recipe,
    dataset: DataSet,
    out: Path,
    *,
    k: int,
    watch: Callable[[str], Sequence[Callback]] = lambda _: (),
    note: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Scores of every image by the network of the fold that held it out.

    A fold that is finished is not trained again, and one that was interrupted goes on from its
    last checkpoint, so the same call after an interruption gives the same table. Folds of other
    settings or other images in ``out`` are an error.

    Args:
        recipe: what each fold trains.
        dataset: the images, cut into folds by well or movie.
        out: ``fold-1`` and so on go here, and the table.
        k: the number of folds.
        watch: gives the callbacks of one fold by its name.
        note: told what begins and what was found.
    """
    check_finds_cells(recipe)
    tables = []
    for number, fold in enumerate(folds(dataset.samples, k, by=recipe.data.split_by, seed=0), 1):
        name = f"fold {number} of {k}"
        folder = out / f"fold-{number}"
        done = folder / "metrics.csv"
        _check_same(recipe, fold, folder)
        if not done.is_file():
            given = len(spread(fold.train, recipe.data.images))
            note(f"{name}: {given} images to train on, {len(fold.test)} held out")
            _run_fold(recipe, fold, folder, watch(name))
        tables.append(_read_scores(done).assign(fold=number))
    table = pd.concat(tables, ignore_index=True)
    write_metrics(out, table)
    return table


def _check_same(recipe: Recipe, fold: Fold, folder: Path) -> None:
    """Raise unless what this folder holds, if anything, is of this recipe and this fold."""
    names = "".join(f"{sample.name}\n" for sample in fold.test)
    for path, expected in ((folder / HELD_OUT, names), (_kept_recipe(folder), to_toml(recipe))):
        if path.is_file() and path.read_text(encoding="utf-8") != expected:
            what = "holds out other images" if path.name == HELD_OUT else "is of other settings"
            raise ConfigError(
                f"{folder} {what} (see {path.name} there). Go on with the same data, settings and "
                "number of folds, or give another folder."
            )
    with replacing(folder / HELD_OUT) as temporary:
        temporary.write_text(names, encoding="utf-8")


def _kept_recipe(folder: Path) -> Path:
    return folder / RUN_FOLDER / "recipe.toml"


def _read_scores(path: Path) -> pd.DataFrame:
    """The scores of a fold; names stay text, even ``007`` and ``nan``."""
    table = pd.read_csv(path, converters={"image": str, "group": str})
    return table.astype({"cell_type": str}) if "cell_type" in table else table


def _run_fold(recipe: Recipe, fold: Fold, folder: Path, callbacks: Sequence[Callback]) -> None:
    """Train without the fold's test images, then score them."""
    split = split_fraction(
        spread(fold.train, recipe.data.images),
        recipe.data.validation_fraction,
        by=recipe.data.split_by,
        seed=recipe.train.seed,
    )
    resume = has_checkpoint(folder)
    trained = train(recipe, split, folder, resume=resume, callbacks=callbacks)
    scored = score_network(Segmenter(trained.result.network, trained.spec), fold.test)
    write_metrics(folder, to_table(scored))
