from dataclasses import replace

import numpy as np
import pytest
from tests.cases import discs, tiny_recipe

from softlight.apps.commands.training import chosen_settings
from softlight.config import Recipe, with_settings
from softlight.data.samples import Annotated, Sample
from softlight.recipes.beginning import OPEN, find_beginning
from softlight.recipes.library import load_recipe

CELLS = load_recipe("cells")


def field(seed: int, *, side: int = 160, radius: int = 11, blank: bool = False) -> Sample:
    image, labels = discs(seed=seed, side=side, radius=radius, count=6)
    brightest = 0 if blank else 1000
    raw = (brightest * image.clip(0, 1)).astype(np.uint16)
    return Sample(f"s{seed}", f"s{seed}", lambda: Annotated(raw, labels))


def test_bright_discs_are_what_shipped_models_know() -> None:
    begun = find_beginning([field(1), field(2)], CELLS)
    assert begun is not None
    assert begun.name in OPEN
    assert begun.ap50 > 0.5
    assert f"begins as the shipped model {begun.name}" in begun.in_words


def test_a_model_that_finds_nothing_is_no_beginning() -> None:
    assert find_beginning([field(1, blank=True)], CELLS) is None


def test_cells_far_from_the_size_that_models_know_are_learned_from_nothing() -> None:
    assert find_beginning([field(1, side=700, radius=60)], CELLS) is None


@pytest.mark.parametrize(
    "recipe",
    [tiny_recipe(), with_settings(CELLS, {"model.in_channels": 3})],
    ids=["foreground", "colour"],
)
def test_of_other_tasks_no_shipped_model_knows_anything(recipe: Recipe) -> None:
    assert find_beginning([field(1)], recipe) is None


def test_images_without_single_cells_are_not_tried() -> None:
    sample = field(1)
    one = replace(sample.read(), labels=(sample.read().labels > 0).astype(np.int32))
    assert find_beginning([Sample("m", "m", lambda: one)], CELLS) is None


def test_none_by_name_begins_from_nothing() -> None:
    nothing = {"minutes": None, "epochs": None, "device": None, "seed": None}
    assert chosen_settings([], init="none", **nothing) == {"train.init": ""}
    assert chosen_settings([], init="nuclei", **nothing) == {"train.init": "nuclei"}
