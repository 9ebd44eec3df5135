"""What the answers that a network gives beside its last one cost."""

import pytest
import torch
from tests.cases import tiny_recipe
from torch import nn

from softlight.config import LossConfig
from softlight.data.loader import Batch
from softlight.losses import build_loss, mse
from softlight.models.outputs import NetworkOutput
from softlight.training.tasks import CellsTask, SegmentationTask


class _Says(nn.Module):
    """Answers as told."""

    def __init__(self, last: float, **others: float) -> None:
        super().__init__()
        self.last, self.others = last, others

    def forward(self, image: torch.Tensor) -> NetworkOutput:
        full = torch.full_like(image, 1.0)
        return NetworkOutput(full * self.last, {k: full * v for k, v in self.others.items()})


def _batch() -> Batch:
    image = torch.zeros(1, 1, 2, 2)
    target = torch.ones(1, 2, 2, dtype=torch.int64)
    return Batch(image, target, torch.ones(1, 2, 2))


def _bce(logit: float) -> float:
    return float(torch.nn.functional.softplus(torch.tensor(-logit)))


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_each_answer_costs_its_weight_beside_the_last(weight: float) -> None:
    task = SegmentationTask(build_loss(LossConfig()), 2)
    task.auxiliary_weight = weight
    losses = task.losses(_Says(2.0, first=-1.0, second=0.5), _batch())
    expected = _bce(2.0) + weight * (_bce(-1.0) + _bce(0.5))
    assert float(losses["loss"]) == pytest.approx(expected)
    assert float(losses["first"]) == pytest.approx(_bce(-1.0))
    assert float(losses["second"]) == pytest.approx(_bce(0.5))


def test_the_recipe_says_the_weight() -> None:
    import numpy as np

    from softlight.recipes.train import _task

    recipe = tiny_recipe(loss={"auxiliary_weight": 0.3})
    task = _task(recipe.loss, recipe, np.ones(2, np.int64))
    assert task.auxiliary_weight == 0.3


def test_images_without_maps_teach_the_foreground_only() -> None:
    task = CellsTask(build_loss(LossConfig()), mse, weight=2.0, target="flow")
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    maps = torch.rand(2, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    both = Batch(
        torch.zeros(2, 1, 4, 4), torch.ones(2, 4, 4, dtype=torch.int64), torch.ones(2, 4, 4), maps
    )
    first = Batch(*(part[:1] for part in both[:4]))
    mixed, named = task.cost(logits, both._replace(parted=torch.tensor([1.0, 0.0])))
    of_first = task.cost(logits[:1], first)[1]["maps"]
    of_both = task.loss(logits[:, :1], both.target, both.weight)[0]
    torch.testing.assert_close(named["maps"], of_first)
    torch.testing.assert_close(mixed, of_both + 2.0 * of_first)
    total, none = task.cost(logits, both._replace(maps=None))
    assert float(none["maps"]) == 0
    torch.testing.assert_close(total, of_both)
