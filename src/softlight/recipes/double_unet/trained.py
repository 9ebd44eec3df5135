"""The networks that regimes share: each trained once a fold, resumed, and found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from softlight.config import ConfigError, Recipe, to_toml, with_settings
from softlight.data.splits import Fold, Split, split_fraction
from softlight.models.joined import join
from softlight.models.saved import SPEC, read_spec, save_model
from softlight.recipes.library import load_recipe
from softlight.recipes.train import RUN_FOLDER, has_checkpoint, train
from softlight.training.callbacks import Callback

# What a restorer takes over from the network that will see its images: so that the two fit.
_SHARED = ("preprocess", "augment", "data", "optimizer", "schedule", "train")


def split_of(recipe: Recipe, fold: Fold) -> Split:
    """What trains and what validates in this fold."""
    fraction = recipe.data.validation_fraction
    return split_fraction(fold.train, fraction, by=recipe.data.split_by, seed=recipe.train.seed)


def trained_fold(
    recipe: Recipe,
    fold: Fold,
    folder: Path,
    *,
    callbacks: Callable[[], Sequence[Callback]],
    note: Callable[[str], None],
) -> Path:
    """The folder of the model that this recipe trains in this fold; trained now if it is not there.

    A finished model is taken as it is, an interrupted run goes on; one of another recipe or of
    other images is an error.
    """
    split = split_of(recipe, fold)
    kept = folder / RUN_FOLDER / "recipe.toml"
    if (folder / SPEC).is_file():
        if kept.is_file() and kept.read_text(encoding="utf-8") != to_toml(recipe):
            raise ConfigError(
                f"{folder} is of other settings (see {kept.name} in {RUN_FOLDER}). Go on with the "
                "same settings and minutes, or give another folder."
            )
        return folder
    note(f"{folder.parent.name}, {folder.name}: {len(split.train)} images to train on")
    train(recipe, split, folder, resume=has_checkpoint(folder), callbacks=callbacks())
    return folder


def restorer_recipe(name: str, segmenter: Recipe, settings: dict[str, Any]) -> Recipe:
    """The recipe of the library that restores images, made to fit before this segmenter.

    It has the segmenter's preprocessing, crops, shape, optimiser and minutes; what it learns and by
    what loss is its own.
    """
    own = load_recipe(name)
    values = own.model_dump(mode="json", exclude_none=True)
    of_segmenter = segmenter.model_dump(mode="json", exclude_none=True)
    for section in _SHARED:
        values[section] = of_segmenter[section]
    values["model"] = of_segmenter["model"] | {
        "residual": own.model.residual,
        "out_channels": segmenter.model.in_channels,
    }
    # What is to be restored stays clean, and the images need no annotation.
    values["augment"] |= {"noise": 0.0, "blur_px": 0.0}
    values["data"] |= {"foreground_bias": 0.0, "border_weight": 0.0, "doubt_unlabelled": False}
    values["train"] |= {"monitor": "psnr", "auto_balance": False}
    return with_settings(Recipe.model_validate(values), settings)


def joined(restorer: Path, segmenter: Path, folder: Path) -> Path:
    """The folder of one model made of the two."""
    if not (folder / SPEC).is_file():
        network, spec = join(restorer, segmenter)
        card = f"The networks of {read_spec(restorer).name} and {read_spec(segmenter).name} as one."
        save_model(folder, network, spec, card=card)
    return folder


def minutes_trained(folder: Path) -> float:
    """How long a model was trained."""
    history = pd.read_csv(folder / RUN_FOLDER / "history.csv")
    return float(history["minutes"].iloc[-1])
