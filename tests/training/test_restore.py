import contextlib
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from tests.cases import decoded_discs

from softlight.config import (
    AugmentConfig,
    DataConfig,
    DegradeConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainConfig,
)
from softlight.data.augment import Augmenter
from softlight.data.degrade import worsened
from softlight.data.loader import TrainingBatches, to_batch
from softlight.losses import LOSSES
from softlight.models.outputs import NetworkOutput
from softlight.models.registry import build_model
from softlight.training.engine import Trainer, TrainingStoppedError, check_monitor
from softlight.training.one_class import single_answer
from softlight.training.restore import RestoreTask, psnr

TASK = RestoreTask(LOSSES["l1"])
WORSE = DegradeConfig(factor=(0.5, 1), photons=(5, 200), covered=0.5, light="crop")
RNG = np.random.default_rng(0)
PUZZLES = [worsened(item, RNG, config=WORSE) for item in decoded_discs(3)]


class Same(torch.nn.Module):
    """Adds a number everywhere, by default nothing."""

    def __init__(self, added: float = 0.0) -> None:
        super().__init__()
        self.added = added

    def forward(self, x: torch.Tensor) -> NetworkOutput:
        return NetworkOutput(torch.full_like(x, self.added))


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
    differences = [np.abs(p.image - p.clean).mean() for p in PUZZLES if p.clean is not None]
    assert found["loss"] == pytest.approx(float(np.mean(differences)), rel=1e-5)


def test_what_the_network_says_is_added() -> None:
    item = replace(PUZZLES[0], image=PUZZLES[0].image - np.float32(0.25), clean=PUZZLES[0].image)
    found = TASK.validate(
        Same(0.25), [item], move=lambda batch: batch, autocast=contextlib.nullcontext
    )
    assert found["loss"] == pytest.approx(0, abs=1e-6)
    assert found["psnr"] == pytest.approx(100)
    assert found["psnr_degraded"] == pytest.approx(-20 * math.log10(0.25), abs=1e-3)


def test_the_cost_is_of_every_pixel() -> None:
    batch = to_batch(PUZZLES[:1])
    losses = TASK.losses(Same(), batch)
    assert list(losses) == ["loss"]
    assert batch.clean is not None
    assert float(losses["loss"]) == pytest.approx(float((batch.image - batch.clean).abs().mean()))


def test_it_learns_to_restore(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = DataConfig(batch_size=4, patch_px=32, samples_per_epoch=32)
    worse = partial(worsened, config=DegradeConfig(photons=(20, 20), light="crop"))
    batches = TrainingBatches(
        decoded_discs(6), Augmenter(AugmentConfig(flips=True)), config, seed=0, change=worse
    )
    trainer = Trainer(
        build_model(ModelConfig(depth=1, width=8)),
        TASK,
        settings=TrainConfig(epochs=12, precision="32", device="cpu", monitor="psnr"),
        optimizer=OptimizerConfig(learning_rate=1e-2),
        schedule=ScheduleConfig(name="cosine"),
        folder=tmp_path,
    )
    rng = np.random.default_rng(1)
    result = trainer.fit(batches, [worse(item, rng) for item in decoded_discs(2)])
    last = result.history[-1]
    assert last["val_psnr"] > last["val_psnr_degraded"] + 0.5


def test_it_has_measures_of_its_own() -> None:
    check_monitor("psnr", TASK)
    with pytest.raises(
        TrainingStoppedError, match=r"no validation measure 'dice'\. Use one of: loss"
    ):
        check_monitor("dice", TASK)
    assert single_answer({"loss": 1.0, "psnr": 20.0}) is None
