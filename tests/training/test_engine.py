import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.cases import decoded_discs

from softlight.config import (
    AugmentConfig,
    DataConfig,
    LossConfig,
    LossTerm,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainConfig,
)
from softlight.data.augment import Augmenter
from softlight.data.loader import TrainingBatches
from softlight.losses import build_loss
from softlight.models.registry import build_model
from softlight.training.callbacks import Callback, StepReport
from softlight.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from softlight.training.engine import FitResult, Trainer, TrainingStoppedError
from softlight.training.tasks import SegmentationTask

AUGMENT = AugmentConfig(flips=True, noise=0.02)
BCE = LossConfig(terms=(LossTerm(name="bce"),))


def batches(number: int = 6, batch_size: int = 2, seed: int = 0) -> TrainingBatches:
    data = DataConfig(batch_size=batch_size, patch_px=32)
    return TrainingBatches(decoded_discs(number), Augmenter(AUGMENT), data, seed=seed)


def trainer(folder: Path, loss: LossConfig = BCE, **settings: object) -> Trainer:
    torch.manual_seed(0)
    options: dict[str, object] = {"epochs": 4, "precision": "32", "device": "cpu", **settings}
    optimizer = options.pop("optimizer", OptimizerConfig(learning_rate=1e-2))
    extra = {key: options.pop(key) for key in ("callbacks", "rebalance") if key in options}
    return Trainer(
        build_model(ModelConfig(depth=1, width=4, dropout=0.2)),
        SegmentationTask(build_loss(loss), 2),
        settings=TrainConfig(**options),  # type: ignore[arg-type]
        optimizer=optimizer,  # type: ignore[arg-type]
        schedule=ScheduleConfig(name="cosine"),
        folder=folder,
        **extra,  # type: ignore[arg-type]
    )


def weights(result: FitResult) -> list[torch.Tensor]:
    return list(result.network.state_dict().values())


def test_learns_discs(tmp_path: Path) -> None:
    result = trainer(tmp_path, epochs=12).fit(batches(), decoded_discs(2))
    assert result.best_value > 0.9
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]
    assert result.stopped_by == "12 epochs are done"


@pytest.mark.parametrize("settings", [{}, {"average_decay": 0.9}, {"clip_norm": 0.1}])
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, settings: dict[str, float]
) -> None:
    whole = trainer(tmp_path / "whole", **settings).fit(batches(), decoded_discs(2))

    class Stop(Callback):
        def epoch(self, history: list, network: object) -> None:  # type: ignore[type-arg]
            if len(history) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut", callbacks=[Stop()], **settings).fit(batches(), decoded_discs(2))
    resumed = trainer(tmp_path / "cut", **settings).fit(batches(), decoded_discs(2), resume=True)
    assert len(resumed.history) == len(whole.history) == 4
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        assert torch.equal(a, b)


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    one = trainer(tmp_path / "a").fit(batches(), decoded_discs(2))
    two = trainer(tmp_path / "b", seed=1).fit(batches(seed=1), decoded_discs(2))
    assert any(not torch.equal(a, b) for a, b in zip(weights(one), weights(two), strict=True))


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.cases import decoded_discs
from tests.training.test_engine import batches, trainer
trainer(Path({folder!r}), epochs=30).fit(batches(), decoded_discs(2), resume={resume})
"""


def test_kill_minus_nine_and_resume_gives_the_same_weights(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    folder = tmp_path / "killed"

    def start(resume: bool) -> subprocess.Popen[bytes]:
        code = KILLED.format(root=root, folder=str(folder), resume=resume)
        return subprocess.Popen([sys.executable, "-c", code])

    process = start(resume=False)
    deadline = time.monotonic() + 60
    while not (folder / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, facts = load_checkpoint(folder / "checkpoint.safetensors")
    assert 0 < facts["epoch"] < 30
    assert start(resume=True).wait(120) == 0
    whole = trainer(tmp_path / "whole", epochs=30).fit(batches(), decoded_discs(2))
    ours, _ = load_checkpoint(folder / "best.safetensors")
    expected = whole.network.state_dict()
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(value, ours[name]), name


@pytest.mark.parametrize(("number", "accumulate", "steps"), [(5, 2, 3), (6, 3, 2), (7, 4, 2)])
def test_optimiser_steps_are_batches_over_accumulation_rounded_up(
    tmp_path: Path, number: int, accumulate: int, steps: int
) -> None:
    run = trainer(tmp_path, epochs=1, accumulate=accumulate)
    run.fit(batches(number, batch_size=1), decoded_discs(1))
    assert run.state.step == steps == math.ceil(number / accumulate)


def test_accumulated_gradients_are_those_of_the_large_batch(tmp_path: Path) -> None:
    plain = OptimizerConfig(name="sgd", learning_rate=0.1, momentum=0)
    torch.manual_seed(0)

    def run(folder: Path, batch_size: int, accumulate: int) -> list[torch.Tensor]:
        settings = TrainConfig(epochs=1, precision="32", device="cpu", accumulate=accumulate)
        torch.manual_seed(0)
        result = Trainer(
            build_model(ModelConfig(depth=1, width=4, norm="none")),
            SegmentationTask(build_loss(BCE), 2),
            settings=settings,
            optimizer=plain,
            schedule=ScheduleConfig(),
            folder=folder,
        ).fit(batches(4, batch_size=batch_size), decoded_discs(1))
        return weights(result)

    for a, b in zip(run(tmp_path / "a", 4, 1), run(tmp_path / "b", 2, 2), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_nan_stops_with_advice(tmp_path: Path) -> None:
    hot = trainer(tmp_path, optimizer=OptimizerConfig(name="sgd", learning_rate=1e30), epochs=20)
    with pytest.raises(TrainingStoppedError, match=r"The loss became .* Try a smaller one"):
        hot.fit(batches(), decoded_discs(2))


def test_nan_that_shows_in_validation_first_stops_with_advice(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    validate = run.task.validate

    def spoilt(network: torch.nn.Module, *rest: Any, **named: Any) -> dict[str, float]:
        next(network.parameters()).data.fill_(math.nan)
        return validate(network, *rest, **named)

    run.task.validate = spoilt  # type: ignore[method-assign]
    with pytest.raises(TrainingStoppedError, match=r"The loss became nan .* Try a smaller one"):
        run.fit(batches(), decoded_discs(1))
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_unknown_monitor_lists_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(TrainingStoppedError, match=r"no validation measure 'beauty'.*dice"):
        trainer(tmp_path, monitor="beauty").fit(batches(), decoded_discs(1))


def test_the_clock_ends_a_run_and_a_minute_budget_replaces_epochs(tmp_path: Path) -> None:
    result = trainer(tmp_path, epochs=1, minutes=0.03).fit(batches(), decoded_discs(1))
    assert result.stopped_by == "0.03 minutes are over"
    assert len(result.history) > 1


def test_minutes_of_the_processor_do_not_run_while_it_waits(tmp_path: Path) -> None:
    class Waits(Callback):
        def step(self, report: StepReport) -> None:
            time.sleep(0.4)

    run = trainer(tmp_path, minutes=0.005, clock="processor", callbacks=[Waits()])
    result = run.fit(batches(), decoded_discs(1))
    assert result.stopped_by == "0.005 minutes are over"
    assert result.history[-1]["step"] > 1  # the first wait alone is longer than the budget


def test_early_stopping(tmp_path: Path) -> None:
    still = OptimizerConfig(name="sgd", learning_rate=1e-12, momentum=0)
    run = trainer(tmp_path, epochs=50, early_stopping_epochs=3, optimizer=still, monitor="loss")
    result = run.fit(batches(), decoded_discs(1))
    assert len(result.history) < 50
    assert "no gain in loss for 3 epochs" in result.stopped_by


def lopsided() -> LossConfig:
    """A loss that pays only for calling background: the trap, on purpose."""
    return LossConfig(terms=(LossTerm(name="bce"),), class_weights=(1.0, 1e-6))


def test_the_one_class_trap_is_told_with_the_class_balance(tmp_path: Path) -> None:
    fast = OptimizerConfig(learning_rate=0.1)
    run = trainer(tmp_path, lopsided(), epochs=20, optimizer=fast)
    result = run.fit(batches(), decoded_discs(2))
    assert len(result.warnings) == 1
    assert "calls every pixel background" in result.warnings[0]
    assert "--auto-balance" in result.warnings[0]


def test_auto_balance_cures_the_trap(tmp_path: Path) -> None:
    balanced = LossConfig(terms=(LossTerm(name="bce"), LossTerm(name="tversky", beta=0.7)))

    def rebalance() -> SegmentationTask:
        return SegmentationTask(build_loss(balanced), 2)

    fast = OptimizerConfig(learning_rate=0.1)
    run = trainer(tmp_path, lopsided(), epochs=40, rebalance=rebalance, optimizer=fast)
    result = run.fit(batches(), decoded_discs(2))
    assert run.state.balanced
    assert "Starting again with balanced class weights" in result.warnings[0]
    assert result.best_value > 0.8


def test_a_damaged_or_absent_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint at"):
        trainer(tmp_path).fit(batches(), decoded_discs(1), resume=True)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, {"a": torch.ones(3)}, {"epoch": 1})
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CheckpointError, match="is damaged"):
        trainer(tmp_path).fit(batches(), decoded_discs(1), resume=True)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1).fit(batches(), decoded_discs(1))
    other = Trainer(
        build_model(ModelConfig(depth=2, width=4)),
        SegmentationTask(build_loss(BCE), 2),
        settings=TrainConfig(epochs=2, precision="32", device="cpu"),
        optimizer=OptimizerConfig(),
        schedule=ScheduleConfig(),
        folder=tmp_path,
    )
    with pytest.raises(CheckpointError, match="belongs to another recipe"):
        other.fit(batches(), decoded_discs(1), resume=True)
