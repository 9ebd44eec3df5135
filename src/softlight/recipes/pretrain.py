"""Learn from images without annotation: restore what was made worse, then train from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from softlight.config import Recipe, with_settings
from softlight.data.frames import described, fairly, find_frames
from softlight.data.samples import Progress, Sample
from softlight.data.splits import split_fraction
from softlight.recipes.library import load_recipe
from softlight.recipes.provenance import sources
from softlight.recipes.restored import RestorePictures, pretraining_page
from softlight.recipes.segment import Reading
from softlight.recipes.train import RUN_FOLDER, Trained, train
from softlight.training.callbacks import Callback

MOST_FRAMES = 500  # more hold little that is new, and take time to read
OF_CELLS: dict[str, Any] = {  # what the recipe says of cells, where nothing is annotated
    "target": "image",
    "classes": ["background", "cell"],
    "degrade": {
        "factor": [0.5, 1.0],
        "blur_px": 0.5,
        "photons": [5.0, 200.0],
        "covered": 0.5,
        "light": "crop",
    },
    "loss": {},
    "paper": None,
    "augment.noise": 0.0,  # what is to be restored stays clean
    "augment.blur_px": 0.0,
    "data.images": MOST_FRAMES,
    "data.validation_fraction": 0.1,
    "data.doubt_unlabelled": False,
    "data.foreground_bias": 0.0,
    "data.border_weight": 0.0,
    "train.monitor": "psnr",
    "train.auto_balance": False,
}


def pretraining(recipe: Recipe, settings: dict[str, Any] | None = None) -> Recipe:
    """The recipe by which the same network learns to restore images; settings replace its own."""
    if recipe.target == "image":
        return with_settings(recipe, settings or {})
    changes = {
        **OF_CELLS,
        "name": f"{recipe.name}-pretraining",
        "title": f"What images without annotation teach the network of {recipe.name}",
        "description": "Restores images that were made worse; training begins from its weights.",
        "model.out_channels": recipe.model.in_channels,
        **(settings or {}),
    }
    return with_settings(recipe, changes)


def pretrain(
    inputs: Sequence[Path | str] | Path | str,
    out: Path,
    *,
    recipe: str | Path | Recipe = "cells",
    settings: dict[str, Any] | None = None,
    reading: Reading | None = None,
    licence: str | Sequence[str] = "",
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    decoding: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train the recipe's network to restore the images in these files and folders.

    The saved model finds no cells; ``train`` with ``train.init`` begins from it.

    Args:
        inputs: images, movies, folders of them; of a data set, its images.
        out: the model's folder.
        recipe: whose network and preprocessing are taken: that of the training to come.
        settings: dotted settings that replace those, as ``{"train.minutes": 10}``.
        reading: how the files are to be read, where they do not say it themselves.
        licence: of the images, for the model's card; one, or one for each of the inputs.
        resume: go on from the last checkpoint in ``out``.
        callbacks: who watches, beside the pictures.
        decoding: told (done, total) while the images are read.
        note: told what was found and decided.
    """
    chosen = pretraining(recipe if isinstance(recipe, Recipe) else load_recipe(recipe), settings)
    reading = reading or Reading()
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    samples = find_frames(
        given,
        in_channels=chosen.model.in_channels,
        axes=reading.axes,
        channel=reading.channel,
        pixel_size_um=reading.pixel_size_um,
    )
    provenance = sources([Path(one).resolve().name for one in given], licence)
    return pretrain_on(
        samples,
        chosen,
        out,
        provenance=provenance,
        resume=resume,
        callbacks=callbacks,
        decoding=decoding,
        note=note,
    )


def pretrain_on(
    samples: Sequence[Sample],
    recipe: Recipe,
    out: Path,
    *,
    provenance: dict[str, str] | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    decoding: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train by a recipe of ``pretraining`` on these samples, with pictures and a report."""
    taken = fairly(samples, recipe.data.images)
    note(f"Learning from {described(taken)}, without annotation.")
    if len(taken) < len(samples):
        note(f"There are {len(samples)}; data.images says how many are taken.")
    split = split_fraction(
        taken, recipe.data.validation_fraction, by=recipe.data.split_by, seed=recipe.train.seed
    )
    note(split.note)
    pictures = RestorePictures(out / RUN_FOLDER, recipe, split)
    trained = train(
        recipe,
        split,
        out,
        resume=resume,
        callbacks=[pictures, *callbacks],
        provenance=provenance,
        decoding=decoding,
    )
    pictures.curves(trained.result.history)  # the last epochs too
    pretraining_page(trained, recipe, pictures)
    return trained
