"""What a published system is made of: the variants that are compared, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from softlight.config import Recipe
from softlight.data.samples import DataSet
from softlight.recipes.crossval import cross_validate
from softlight.recipes.library import load_recipe
from softlight.report.blocks import Section
from softlight.training.callbacks import Callback

MEASURES = ("pixel_accuracy", "loss", "dice", "iou", "boundary_dice", "confluence_error")


class Runner(Protocol):
    """What gives the scores of every image, one row each, by one recipe; resumes by itself."""

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
        """The scores, by the network of the fold that held each image out."""


@dataclass(frozen=True)
class Variant:
    """One row of our table: a recipe of the library with some settings replaced.

    Attributes:
        recipe: its name in the library.
        name: in the table and as a folder; empty is the recipe's.
        settings: what is replaced, by dotted name, as ``model.ensemble``.
        run: how it is trained and scored; by default, folds by well or movie.
    """

    recipe: str
    name: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    run: Runner = cross_validate

    @property
    def title(self) -> str:
        """Its name in the table."""
        return self.name or self.recipe


@dataclass(frozen=True)
class Runs:
    """What the variants of a system came to on one data set.

    Attributes:
        name: of the data set, as tables call it.
        out: holds a folder for each variant, with ``fold-1`` and so on in it.
        dataset: what they were trained on and scored with.
        recipes: by the variant's name, as they were run.
        images: the scores of every image, with the columns ``variant`` and ``fold``.
    """

    name: str
    out: Path
    dataset: DataSet
    recipes: Mapping[str, Recipe]
    images: pd.DataFrame


StandIn = Callable[[Path, bool], Path]  # (folder, quick): the simulated set
Adapt = Callable[[DataSet, Mapping[str, object]], Mapping[str, object]]
Tables = Callable[[Sequence[Runs]], dict[str, pd.DataFrame]]
Pages = Callable[[Sequence[Runs]], list[Section]]


def _as_it_is(_: DataSet, __: Mapping[str, object]) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True)
class System:
    """A published system, as ``softlight reproduce`` runs it.

    Attributes:
        variants: the first one is the baseline that gains are told against; the paper's figures and
            notes are those of its recipe.
        stand_ins: the sets that are simulated where no data is given, by name; with several, each
            is run and has a folder of its own.
        measures: the columns of the table.
        folds: how many, if it is not said.
        adapt: the settings that fit the recipes to a data set, as its number of classes, from the
            set and the settings that were given.
        tables: further tables, by their captions; they are shown in place of the plain one.
        sections: what the report shows besides, as pictures.
        quotes: the recipe that quotes the paper; empty is that of the first variant.
    """

    variants: tuple[Variant, ...]
    stand_ins: Mapping[str, StandIn]
    measures: tuple[str, ...] = MEASURES
    folds: int = 3
    adapt: Adapt = _as_it_is
    tables: Tables | None = None
    sections: Pages | None = None
    quotes: str = ""

    @property
    def paper(self) -> Recipe:
        """The recipe that quotes the paper."""
        return load_recipe(self.quotes or self.variants[0].recipe)
