"""Train on a folder: open it, split it, choose settings where none are named, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from softlight.config import Recipe
from softlight.data.sets import open_dataset
from softlight.data.splits import split_as, split_list, spread
from softlight.recipes.advise import advise
from softlight.recipes.beginning import find_beginning, with_beginning
from softlight.recipes.library import load_recipe
from softlight.recipes.pages import training_page
from softlight.recipes.pictures import TrainingPictures
from softlight.recipes.provenance import sources
from softlight.recipes.train import RUN_FOLDER, Trained, check_finds_cells, train
from softlight.training.callbacks import Callback


def train_folder(
    recipe: str | Path | Recipe | None,
    data: Path | Sequence[Path],
    out: Path,
    *,
    settings: dict[str, Any] | None = None,
    validation: Sequence[str] | None = None,
    annotation: str = "auto",
    licence: str | Sequence[str] = "",
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    decoding: Callable[[int, int], None] | None = None,
    tuning: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train a model on the annotated images of one folder or several, with pictures and a report.

    Args:
        recipe: a name, a TOML file or a Recipe; None chooses settings from the data and says why.
        data: a LIVECell folder, a Challenge folder, or ``images/`` beside ``labels/``; or several.
        out: the model's folder.
        settings: dotted settings that replace the recipe's, as ``{"train.minutes": 10}``.
        validation: names of images or groups to validate on, in place of a fraction.
        annotation: of a Challenge folder: auto, gold, silver or complete.
        licence: of the training images, for the model's card; one, or one for each folder.
        resume: go on from the last checkpoint in ``out``.
        callbacks: who watches, beside the pictures.
        decoding: told (done, total) while the images are read.
        tuning: told (done, total) while thresholds are tried.
        note: told what was found and decided.
    """
    dataset = open_dataset(data, annotation=annotation, progress=decoding)
    provenance = sources(dataset.joined or (dataset.name,), licence)
    for line in dataset.notes:
        note(line)
    kept = out / RUN_FOLDER / "recipe.toml"
    if recipe is None and resume and kept.is_file():
        recipe = kept
    if recipe is None:
        advice = advise(dataset)
        for line in advice.reasons:
            note(line)
        chosen = advice.recipe
    else:
        chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    settings = settings or {}
    if recipe is None and not any(key.startswith(("train.init", "model.")) for key in settings):
        note("Trying whether a shipped model knows such cells …")
        begun = find_beginning(dataset.samples, chosen)
        if begun is not None:
            note(begun.in_words)
            settings = {**settings, "train.init": begun.name}
    chosen = with_beginning(chosen, settings)
    check_finds_cells(chosen)
    samples = spread(dataset.samples, chosen.data.images)
    if validation is None:
        split = split_as(samples, chosen.data, seed=chosen.train.seed)
    else:
        split = split_list(samples, validation)
    note(split.note)
    pictures = TrainingPictures(out / RUN_FOLDER, chosen, split)
    trained = train(
        chosen,
        split,
        out,
        resume=resume,
        callbacks=[pictures, *callbacks],
        provenance=provenance,
        decoding=decoding,
        tuning=tuning,
    )
    pictures.curves(trained.result.history)  # the last epochs too
    training_page(trained, chosen, dataset)
    return trained
