"""The recipe of a training: with the settings asked for, and the network that it begins from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from softlight.config import Recipe, with_settings
from softlight.data.cells import median_cell_diameter
from softlight.data.samples import Sample
from softlight.data.single_cells import is_binary
from softlight.data.splits import spread
from softlight.inference.predict import Segmenter
from softlight.models.family import SHAPE
from softlight.models.saved import find_model, read_spec
from softlight.recipes.divide import Options
from softlight.recipes.score import score_network

OPEN = ("phase-open", "nuclei")  # shipped models whose licences bind nobody
TRIED_ON = 3  # images
LEAST_AP50 = 0.15  # a model that finds less has nothing to begin from
MOST_RESIZED = 2.0  # times, of the cells to those of the model


class Beginning(NamedTuple):
    """A shipped model that already finds some of the cells, and how many (AP at an IoU of 0.5)."""

    name: str
    ap50: float

    @property
    def in_words(self) -> str:
        """For the terminal."""
        return (
            f"Training begins as the shipped model {self.name}, which knows such cells: it finds "
            f"them with an AP of {self.ap50:.2f} at IoU 0.5. To begin from nothing, --init none."
        )


def find_beginning(samples: Sequence[Sample], recipe: Recipe) -> Beginning | None:
    """The shipped model to begin from: the one that finds most in some of these images.

    None for recipes that learn no single cells or take colour, and where none finds enough. Of
    cells far from the size that a model knows nothing is tried: it would have to learn them anew.
    """
    if recipe.target != "flow" or recipe.model.in_channels != 1:
        return None
    tried = spread([sample for sample in samples if not is_binary(sample)], TRIED_ON)
    widths = [median_cell_diameter(sample.read().labels) for sample in tried]
    width = float(np.median([one for one in widths if math.isfinite(one)] or [math.nan]))
    found = []
    for name in OPEN:
        known = read_spec(find_model(name)).cell_diameter_px
        if known is None or not 1 / MOST_RESIZED <= width / known <= MOST_RESIZED:
            continue
        scored = score_network(
            Segmenter.from_saved(name), tried, options=Options(cell_diameter_px=width)
        )
        scores = [item.scores.get("ap50", 0.0) for item in scored]
        found.append(Beginning(name, float(np.nanmean(scores))))
    best = max(found, key=lambda one: one.ap50, default=None)
    return best if best is not None and best.ap50 >= LEAST_AP50 else None


def with_beginning(recipe: Recipe, settings: dict[str, Any]) -> Recipe:
    """The recipe with these settings; its network has the shape of the one that it begins from.

    What the settings themselves say of the network's shape holds. A network of another kind, or
    one that is made of several, keeps the shape that the recipe gives it.
    """
    chosen = with_settings(recipe, settings)
    if not chosen.train.init:
        return chosen
    first = read_spec(find_model(chosen.train.init)).model
    if first.name != chosen.model.name:
        return chosen
    shape = {f"model.{name}": getattr(first, name) for name in SHAPE}
    return with_settings(chosen, {k: v for k, v in shape.items() if k not in settings})
