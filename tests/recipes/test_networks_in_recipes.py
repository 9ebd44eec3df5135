"""Every network can be asked for in every recipe, and what it says costs as the recipe wants it."""

import importlib
from pathlib import Path

import pytest
import torch
from torch import nn

from softlight.config import Recipe, with_settings
from softlight.data.loader import Batch
from softlight.models.family import FAMILY
from softlight.models.registry import build_model
from softlight.recipes.library import list_recipes, load_recipe
from softlight.recipes.train import _task

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NETWORKS = [*FAMILY, "autoprep"]


def small(recipe: Recipe, **changes: object) -> Recipe:
    settings = {"model.width": 2, "model.depth": 2, "train.init": ""}
    settings |= {f"model.{key}": value for key, value in changes.items()}
    return with_settings(recipe, settings)


def batch(recipe: Recipe) -> Batch:
    generator = torch.Generator().manual_seed(0)
    model = recipe.model
    image = torch.rand(2, model.in_channels, 16, 16, generator=generator)
    target = torch.randint(0, len(recipe.classes), (2, 16, 16), generator=generator)
    maps = torch.rand(2, 1 if recipe.target == "image" else 2, 16, 16, generator=generator)
    return Batch(image, target, torch.ones(2, 16, 16), maps, clean=image)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", list_recipes())
def test_a_step_of_training_reaches_every_weight(name: str, network: str) -> None:
    recipe = small(load_recipe(name), name=network, deep_supervision=True, residual=False)
    torch.manual_seed(0)
    model: nn.Module = build_model(recipe.model).train()
    losses = _task(recipe.loss, recipe, torch.ones(len(recipe.classes)).long().numpy()).losses(
        model, batch(recipe)
    )
    losses["loss"].backward()
    assert losses["loss"].isfinite()
    assert any(key.startswith(("side", "stage1")) for key in losses)
    missed = [key for key, p in model.named_parameters() if p.grad is None]
    assert not missed


def test_every_setting_that_the_benchmark_tries_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    settings = importlib.import_module("autoprep").SETTINGS
    recipes = {
        name: with_settings(load_recipe("autoprep-modern"), changes)
        for name, changes in settings.items()
    }
    assert len({recipe.model_dump_json() for recipe in recipes.values()}) == len(settings)
    plain, paper = recipes["autoprep-plain"], load_recipe("autoprep")
    for part in ("augment", "loss", "optimizer", "schedule"):
        assert getattr(plain, part) == getattr(paper, part)
    with torch.device("meta"):
        for recipe in recipes.values():
            build_model(recipe.model)
