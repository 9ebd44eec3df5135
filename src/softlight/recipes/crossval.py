"""Cross-validation: every image is predicted by a network that never saw its well or movie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.config import ConfigError, Recipe, to_toml
from softlight.data.classes import ClassesHeld
from softlight.data.samples import DataSet, Sample, counted
from softlight.data.splits import Fold, Split, folds, split_as, spread
from softlight.evaluate.classes import (
    across_folds,
    class_scores,
    read_confusion,
    write_confusion,
)
from softlight.evaluate.table import write_metrics
from softlight.inference.predict import Segmenter
from softlight.io.files import replacing
from softlight.recipes.crossval_page import crossval_page
from softlight.recipes.fold_processes import run_in_processes
from softlight.recipes.score import score_network, to_table
from softlight.recipes.score_classes import confusion_of
from softlight.recipes.train import RUN_FOLDER, check_finds_cells, has_checkpoint, train
from softlight.training.callbacks import Callback

HELD_OUT = "held-out.txt"  # in a fold's folder: the names of the images that it tests
METRICS = "metrics.csv"
CLASSES = "classes.csv"  # scores of each class and fold, pixels of the fold counted together
CONFUSION = "confusion.csv"


@dataclass(frozen=True)
class Round:
    """What one fold trains, validates and tests.

    Attributes:
        name: as "fold 1 of 5".
        folder: where it goes.
        recipe: what it trains.
        split: what trains and what chooses the best epoch.
        test: what no training saw.
    """

    name: str
    folder: Path
    recipe: Recipe
    split: Split
    test: tuple[Sample, ...]

    @property
    def finished(self) -> bool:
        """Whether its scores are there."""
        return (self.folder / METRICS).is_file()


def cross_validate(
    recipe: Recipe,
    dataset: DataSet,
    out: Path,
    *,
    k: int,
    jobs: int = 1,
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
        out: ``fold-1`` and so on go here, the tables ``metrics.csv`` (a row an image),
            ``classes.csv`` (a row a class and fold) and ``confusion.csv``, and a report.
        k: the number of folds.
        jobs: so many folds at a time, each in a process of its own.
        watch: gives the callbacks of one fold by its name; of one job only.
        note: told what begins and what was found.
    """
    check_finds_cells(recipe)
    if jobs < 1:
        raise ConfigError(f"{jobs} jobs were asked for; ask for at least one.")
    rounds = [
        _round(recipe, fold, out / f"fold-{number}", f"fold {number} of {k}")
        for number, fold in enumerate(folds(dataset.samples, k, by=recipe.data.split_by, seed=0), 1)
    ]
    _check_classes(recipe, rounds)
    for each in rounds:
        _check_same(each)
    left = [each for each in rounds if not each.finished]
    if jobs == 1 or len(left) < 2:
        for each in left:
            note(_begun(each))
            run_round(each, watch(each.name))
    else:
        works = [(each.name, _begun(each), each) for each in left]
        run_in_processes(run_round, works, jobs=jobs, device=recipe.train.device, note=note)
    tables = [
        _read_scores(each.folder / METRICS).assign(fold=n) for n, each in enumerate(rounds, 1)
    ]
    table = pd.concat(tables, ignore_index=True)
    counts = _counts(rounds)
    classes = _write_class_scores(recipe, counts, out)
    write_metrics(out, table, pooled=None if classes is None else across_folds(classes))
    crossval_page(out, recipe, table, counts, [_begun(each) for each in rounds])
    return table


def class_scores_by_fold(out: Path) -> pd.DataFrame | None:
    """The scores of each class and fold of a finished cross-validation; None if it has none."""
    path = out / CLASSES
    return pd.read_csv(path, converters={"class": str}) if path.is_file() else None


def run_round(each: Round, callbacks: Sequence[Callback]) -> None:
    """Train without the fold's test images, then score them; goes on where it was interrupted."""
    resume = has_checkpoint(each.folder)
    trained = train(each.recipe, each.split, each.folder, resume=resume, callbacks=callbacks)
    scored = score_network(Segmenter(trained.result.network, trained.spec), each.test)
    write_confusion(each.folder / CONFUSION, confusion_of(scored), trained.spec.classes)
    write_metrics(each.folder, to_table(scored))  # the last: it says that the fold is finished


def _round(recipe: Recipe, fold: Fold, folder: Path, name: str) -> Round:
    """What trains, validates and tests in this fold, by the recipe."""
    if recipe.data.validation_from == "training":
        samples = spread(fold.train, recipe.data.images)
        split = split_as(samples, recipe.data, seed=recipe.train.seed)
        return Round(name, folder, recipe, split, fold.test)
    held = split_as(fold.test, recipe.data, seed=recipe.train.seed)
    if len(held.train) == len(fold.test):
        raise ConfigError(
            f"{name} holds out {counted(len(fold.test), 'image')}, of which some are to validate "
            "and the others to be tested. Say how many validate (data.validation_images), fewer "
            "than there are."
        )
    split = Split(spread(fold.train, recipe.data.images), held.validation, held.note)
    return Round(name, folder, recipe, split, held.train)


def _begun(each: Round) -> str:
    """How many images train, validate and are tested."""
    trained = {sample.name for sample in each.split.train}
    apart = sum(sample.name not in trained for sample in each.split.validation)
    validate = f"{apart} to validate" if apart else "none to validate"
    return (
        f"{each.name}: {counted(len(each.split.train), 'image')} to train on, {validate}, "
        f"{len(each.test)} held out"
    )


def _check_classes(recipe: Recipe, rounds: Sequence[Round]) -> None:
    """Raise, before any training, for labels outside of the classes and folds without one."""
    held = ClassesHeld(recipe.classes, ignore_value=recipe.data.ignore_value)
    every = {s.name: s for each in rounds for s in (*each.split.train, *each.test)}
    held.check_values(list(every.values()))
    held.check_parts(
        [
            part
            for each in rounds
            for part in (
                (f"{each.name.capitalize()} trains on", each.split.train),
                (f"{each.name.capitalize()} tests", each.test),
            )
        ]
    )


def _check_same(each: Round) -> None:
    """Raise unless what its folder holds, if anything, is of this recipe and these images."""
    names = "".join(f"{sample.name}\n" for sample in each.test)
    held_out, kept = each.folder / HELD_OUT, each.folder / RUN_FOLDER / "recipe.toml"
    for path, expected in ((held_out, names), (kept, to_toml(each.recipe))):
        if path.is_file() and path.read_text(encoding="utf-8") != expected:
            what = "holds out other images" if path == held_out else "is of other settings"
            raise ConfigError(
                f"{each.folder} {what} (see {path.name} there). Go on with the same data, settings "
                "and number of folds, or give another folder."
            )
    with replacing(held_out) as temporary:
        temporary.write_text(names, encoding="utf-8")


def _read_scores(path: Path) -> pd.DataFrame:
    """The scores of a fold; names stay text, even ``007`` and ``nan``."""
    table = pd.read_csv(path, converters={"image": str, "group": str})
    return table.astype({"cell_type": str}) if "cell_type" in table else table


def _counts(rounds: Sequence[Round]) -> list[npt.NDArray[np.int64]]:
    """Pixels by class of each fold; none if folds of an older version have no counts."""
    paths = [each.folder / CONFUSION for each in rounds]
    if not all(path.is_file() for path in paths):
        return []
    return [read_confusion(path)[0] for path in paths]


def _write_class_scores(
    recipe: Recipe, counts: Sequence[npt.NDArray[np.int64]], out: Path
) -> pd.DataFrame | None:
    """``classes.csv`` and ``confusion.csv`` of all folds, where there are counts."""
    if not counts:
        return None
    write_confusion(out / CONFUSION, np.sum(counts, axis=0), recipe.classes)
    table = pd.concat(
        [class_scores(each, recipe.classes).assign(fold=n) for n, each in enumerate(counts, 1)]
    )
    with replacing(out / CLASSES) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    return table
