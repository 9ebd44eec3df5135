import contextlib

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from tests.cases import Output, decoded_discs

from softlight.config import DegradeConfig
from softlight.data.degrade import to_restore
from softlight.data.loader import to_batch
from softlight.losses import LOSSES
from softlight.training.engine import TrainingStoppedError, check_monitor
from softlight.training.one_class import single_answer
from softlight.training.restore import RestoreTask, psnr

TASK = RestoreTask(LOSSES["l1"])
RNG = np.random.default_rng(0)
PUZZLES = [to_restore(item, RNG, config=DegradeConfig()) for item in decoded_discs(3)]


class Same(torch.nn.Module):
    """Gives back what it got."""

    def forward(self, x: torch.Tensor) -> Output:
        return Output(x)


def test_psnr_is_that_of_another_library() -> None:
    one, two = torch.rand(1, 1, 8, 9), torch.rand(1, 1, 8, 9)
    expected = peak_signal_noise_ratio(two.numpy(), one.numpy(), data_range=1)
    assert psnr(one, two) == pytest.approx(float(expected), abs=1e-4)
    assert psnr(torch.zeros(4), torch.full((4,), 0.1)) == pytest.approx(20)
    assert psnr(one, one) == 100


def test_a_network_that_does_nothing_restores_nothing() -> None:
    found = TASK.validate(
        Same(), PUZZLES, move=lambda batch: batch, autocast=contextlib.nullcontext
    )
    assert tuple(found) == TASK.measures
    assert found["psnr"] == found["psnr_degraded"] < 40
    differences = [np.abs(p.image - p.maps).mean() for p in PUZZLES if p.maps is not None]
    assert found["loss"] == pytest.approx(float(np.mean(differences)), rel=1e-5)


def test_the_cost_is_of_every_pixel() -> None:
    batch = to_batch(PUZZLES[:1])
    losses = TASK.losses(Same(), batch)
    assert list(losses) == ["loss"]
    assert batch.maps is not None
    assert float(losses["loss"]) == pytest.approx(float((batch.image - batch.maps).abs().mean()))


def test_it_has_measures_of_its_own() -> None:
    check_monitor("psnr", TASK)
    with pytest.raises(
        TrainingStoppedError, match=r"no validation measure 'dice'\. Use one of: loss"
    ):
        check_monitor("dice", TASK)
    assert single_answer({"loss": 1.0, "psnr": 20.0}) is None
