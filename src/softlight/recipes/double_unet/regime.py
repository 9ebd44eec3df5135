"""A regime: which network sees which images; trained once a fold, scored on images made worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from softlight.config import Recipe
from softlight.data.degradation import Degradation
from softlight.data.samples import DataSet
from softlight.data.splits import Fold, folds
from softlight.evaluate.table import write_metrics
from softlight.recipes.double_unet.scored import mean_dice, scored_images
from softlight.recipes.double_unet.trained import (
    joined,
    minutes_trained,
    restorer_recipe,
    split_of,
    trained_fold,
)
from softlight.training.callbacks import Callback

TRAINED = "trained"  # beside the regimes' folders: the networks that they share
SCORES, KEPT = "metrics.csv", "first-image"


@dataclass(frozen=True)
class Regime:
    """One row of the table; called, it gives the scores of every image.

    Attributes:
        network: the name of what is trained; regimes of the same name share it.
        how: what the images that it is scored on have lost.
        restorer: a recipe of the library whose network restores images before, if any.
        restorer_settings: replaced in it, by dotted name.
    """

    network: str
    how: Degradation
    restorer: str = ""
    restorer_settings: dict[str, Any] = field(default_factory=dict, hash=False)

    def __call__(
        self,
        recipe: Recipe,
        dataset: DataSet,
        out: Path,
        *,
        k: int,
        watch: Callable[[str], Sequence[Callback]],
        note: Callable[[str], None],
    ) -> pd.DataFrame:
        """The scores of every image by the network of the fold that held it out.

        Args:
            recipe: of the network that finds the cells.
            dataset: the images, cut into folds by well or movie.
            out: of this regime; the networks go beside it.
            k: the number of folds.
            watch: gives the callbacks of one training by its name.
            note: told what begins.
        """
        tables = []
        for number, fold in enumerate(
            folds(dataset.samples, k, by=recipe.data.split_by, seed=0), 1
        ):
            scores = out / f"fold-{number}" / SCORES
            model, minutes = self._model(recipe, fold, out, number, watch=watch, note=note)
            if not scores.is_file():
                table = scored_images(model, fold.test, self.how, keep=scores.parent / KEPT)
                of_validation = split_of(recipe, fold).validation
                apart = [s for s in of_validation if s not in split_of(recipe, fold).train]
                table["dice_validation"] = mean_dice(model, apart, self.how)
                table["minutes"] = minutes
                write_metrics(scores.parent, table)
            tables.append(
                pd.read_csv(scores, converters={"image": str, "group": str}).assign(fold=number)
            )
        every = pd.concat(tables, ignore_index=True)
        write_metrics(out, every)
        return every

    def _model(
        self,
        recipe: Recipe,
        fold: Fold,
        out: Path,
        number: int,
        *,
        watch: Callable[[str], Sequence[Callback]],
        note: Callable[[str], None],
    ) -> tuple[Path, float]:
        """The folder of the model of this fold, and the minutes that its parts were trained."""

        def train(name: str, by: Recipe) -> Path:
            place = out.parent / TRAINED / name / f"fold-{number}"
            called = f"{name}, fold {number}"
            return trained_fold(by, fold, place, callbacks=partial(watch, called), note=note)

        model = train(self.network, recipe)
        if not self.restorer:
            return model, minutes_trained(model)
        by = restorer_recipe(self.restorer, recipe, self.restorer_settings)
        first = train(f"{self.restorer}-{self.how.factor:g}", by)
        whole = joined(first, model, out / f"fold-{number}" / "model")
        return whole, minutes_trained(first) + minutes_trained(model)
