"""The training loop: epochs over batches until the work, the clock or patience is at its end."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from softlight.config import OptimizerConfig, ScheduleConfig, TrainConfig
from softlight.data.loader import Batch, Decoded, TrainingBatches
from softlight.models.device import choose_device, is_fast_in_bf16
from softlight.training.budget import Budget
from softlight.training.callbacks import Callback, Row, StepReport
from softlight.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
    under_prefix,
    with_prefix,
)
from softlight.training.one_class import PATIENCE, WARM_UP, explain, single_answer
from softlight.training.optimizer import average_weights, build_optimizer
from softlight.training.schedule import count_plateaus, learning_rate_factor
from softlight.training.state import State
from softlight.training.tasks import Task

LOWER_IS_BETTER = {"loss"}
CHECKPOINT = "checkpoint.safetensors"
FABRIC_LOG = "lightning_fabric.utilities.rank_zero"


class TrainingStoppedError(ValueError):
    """Training cannot go on; the message says why and what to try."""


@dataclass(frozen=True)
class FitResult:
    """What a finished run gives."""

    network: nn.Module  # with the best weights
    history: list[Row]
    best_epoch: int
    best_value: float
    stopped_by: str
    warnings: list[str]


@contextmanager
def _quiet(logger_name: str) -> Iterator[None]:
    """Only warnings of this logger pass; afterwards it is as before."""
    logger = logging.getLogger(logger_name)
    before = logger.level
    logger.setLevel(max(logging.WARNING, before))
    try:
        yield
    finally:
        logger.setLevel(before)


def choose_precision(asked: str, device: torch.device) -> str:
    """Fabric's name of the precision: bfloat16 where the device is faster with it."""
    if asked == "32":
        return "32-true"
    if asked == "bf16":
        return "bf16-mixed"
    return "bf16-mixed" if is_fast_in_bf16(device) else "32-true"


def check_monitor(name: str, task: Task) -> None:
    """Raise unless the task's validation gives such a measure."""
    if name not in task.measures:
        raise TrainingStoppedError(
            f"There is no validation measure {name!r}. Use one of: {', '.join(task.measures)}."
        )


class Trainer:
    """Trains one network; every epoch leaves a checkpoint from which the run can go on.

    Args:
        network: the network, freshly built (its first weights are what a restart goes back to).
        task: losses and validation.
        settings: length, patience, precision and seed.
        optimizer: the optimiser and its step size.
        schedule: the step size through the run.
        folder: where checkpoints go.
        callbacks: who watches.
        rebalance: a task whose losses are balanced between the classes, built when the network
            predicts one class only; None to warn and go on.
        keep_last: keep the weights of the last epoch, whatever the measures: where images that
            train are the judges, they cannot tell which are the best.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        *,
        settings: TrainConfig,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        folder: Path,
        callbacks: Sequence[Callback] = (),
        rebalance: Callable[[], Task] | None = None,
        keep_last: bool = False,
    ) -> None:
        check_monitor(settings.monitor, task)
        device = choose_device(settings.device)
        precision = choose_precision(settings.precision, device)
        with _quiet(FABRIC_LOG):  # it tells the precision, and so do we
            self.fabric = Fabric(accelerator=device.type, devices=1, precision=precision)  # type: ignore[arg-type]
        self.task = task
        self.settings = settings
        self.budget = Budget(settings)
        self.optimizer_settings = optimizer
        self.schedule = schedule
        self.folder = folder
        self.callbacks = list(callbacks)
        self.rebalance = rebalance
        self.keep_last = keep_last
        self.state = State()
        self._plain = network
        self._epoch_losses: dict[str, float] = {}
        self._first_weights = copy.deepcopy(network.state_dict())
        self._facts = {"device": str(device), "precision": precision.removesuffix("-true")}
        self._set_up()

    # ---- the run ------------------------------------------------------------------------------

    def fit(
        self, batches: TrainingBatches, validation: Sequence[Decoded], *, resume: bool = False
    ) -> FitResult:
        """Train to the end of the settings and return the network with its best weights."""
        if resume:
            self._restore()
        for callback in self.callbacks:
            callback.started(self._facts)
        stopped_by = self.budget.reason_to_stop(self.state)
        while stopped_by is None:
            self._train_epoch(batches)
            self._finish_epoch(validation)
            stopped_by = self.budget.reason_to_stop(self.state)
        return self._result(stopped_by)

    def _train_epoch(self, batches: TrainingBatches) -> None:
        state, settings = self.state, self.settings
        torch.manual_seed(settings.seed * 1_000_003 + state.epoch)  # dropout, the same on resume
        self._network.train()
        began, before = self.budget.now(), state.elapsed_s
        sums: dict[str, float] = {}
        pending = 0
        count = len(batches)
        done = 0
        for number, raw in enumerate(batches.epoch(state.epoch), start=1):
            last_group = count - count % settings.accumulate
            group = settings.accumulate if number <= last_group else count - last_group
            losses = self._backward(raw, group)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            pending += 1
            done = number
            state.elapsed_s = before + self.budget.now() - began
            if pending == group:
                self._optimizer_step(count)
                pending = 0
            self._report_step(number, count, losses["loss"])
            if self.budget.is_spent(self.state):
                break
        if pending:
            self._optimizer_step(count)
        self._epoch_losses = {f"train_{name}": value / done for name, value in sums.items()}

    def _backward(self, raw: Batch, group: int) -> dict[str, float]:
        losses = self.task.losses(self._network, self._move(raw))
        values = {name: float(value.detach()) for name, value in losses.items()}
        if not math.isfinite(values["loss"]):
            raise TrainingStoppedError(self._nan_advice(values["loss"]))
        self.fabric.backward(losses["loss"] / group)
        return values

    def _optimizer_step(self, batches_per_epoch: int) -> None:
        state, settings = self.state, self.settings
        rate = self.optimizer_settings.learning_rate * learning_rate_factor(
            self.schedule,
            step=state.step,
            epoch=state.epoch,
            fraction=self.budget.fraction(self.state, batches_per_epoch),
            plateaus=self._plateaus(),
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        if settings.clip_norm:
            self.fabric.clip_gradients(
                self._network,
                self._optimizer,
                max_norm=settings.clip_norm,
                error_if_nonfinite=False,
            )
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        state.step += 1
        self._rate = rate
        if self._average is not None:
            self._average.update_parameters(self._plain)

    def _finish_epoch(self, validation: Sequence[Decoded]) -> None:
        state = self.state
        began = self.budget.now()
        judged = self._judged()
        measures = self.task.validate(
            judged, validation, move=self._move, autocast=self.fabric.autocast
        )
        state.elapsed_s += self.budget.now() - began
        if not self._is_finite(measures):
            raise TrainingStoppedError(self._nan_advice(measures["loss"]))
        state.epoch += 1
        row: Row = {
            "epoch": state.epoch,
            "step": state.step,
            "minutes": round(state.elapsed_s / 60, 4),
            "learning_rate": self._rate,
            **self._epoch_losses,
            **{f"val_{name}": value for name, value in measures.items()},
        }
        state.history.append(row)
        self._keep_best(measures)
        restart = self._one_class_trap(measures)
        self._save()
        for callback in self.callbacks:
            callback.epoch(state.history, judged)
        if restart:
            self._restart_balanced()

    # ---- the best weights, and the trap of one class ------------------------------------------

    def _is_finite(self, measures: dict[str, float]) -> bool:
        """Whether the weights are; a loss of nan alone may be a validation without known pixels."""
        if math.isfinite(measures["loss"]):
            return True
        return all(bool(tensor.isfinite().all()) for tensor in self._judged().state_dict().values())

    def _nan_advice(self, value: float) -> str:
        rate = self.optimizer_settings.learning_rate
        return (
            f"The loss became {value} at step {self.state.step + 1} with learning rate {rate:g}. "
            f"Try a smaller one (--set optimizer.learning_rate={rate / 10:g}), clip gradients "
            f"(--set train.clip_norm=1) or full precision (--set train.precision=32)."
        )

    def _score(self, value: float) -> float:
        """Higher is better; an undefined measure is the worst."""
        if math.isnan(value):
            return -math.inf
        return -value if self.settings.monitor in LOWER_IS_BETTER else value

    def _plateaus(self) -> int:
        if self.schedule.name != "plateau":
            return 0
        values = [self._score(row[f"val_{self.settings.monitor}"]) for row in self.state.history]
        return count_plateaus(values, self.schedule.patience_epochs)

    def _keep_best(self, measures: dict[str, float]) -> None:
        state = self.state
        value = measures[self.settings.monitor]
        best = -math.inf if state.best_value is None else self._score(state.best_value)
        if self.keep_last or state.best_value is None or self._score(value) > best:
            state.best_value, state.best_epoch = value, state.epoch
            save_checkpoint(self.folder / "best.safetensors", self._judged().state_dict(), {})

    def _one_class_trap(self, measures: dict[str, float]) -> bool:
        """Notice a network that answers one class everywhere; True = start again, balanced."""
        state = self.state
        answer = single_answer(measures)
        state.one_class = state.one_class + 1 if answer else 0
        warm = self.budget.fraction(self.state, max(1, state.step // state.epoch)) >= WARM_UP
        at_end = self.budget.reason_to_stop(self.state) is not None
        noticed = answer and (at_end or (warm and state.one_class >= PATIENCE))
        if not answer or not noticed or state.one_class_told:
            return False
        restarts = self.rebalance is not None and not state.balanced and not at_end
        state.one_class_told = not restarts
        message = explain(answer, measures, step=state.step, restarts=restarts)
        state.warnings.append(message)
        for callback in self.callbacks:
            callback.warned(message)
        return restarts

    def _restart_balanced(self) -> None:
        """Back to the first weights, with the balanced task; the clock and the history go on."""
        assert self.rebalance is not None
        self.task = self.rebalance()
        self._plain.load_state_dict(self._first_weights)
        self._set_up()
        self.state.balanced = True
        self.state.one_class = 0
        self._save()

    # ---- set-up, saving, results --------------------------------------------------------------

    def _set_up(self) -> None:
        settings = self.settings
        self._plain = self._plain.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = build_optimizer(self.optimizer_settings, self._plain)
        self._network, self._optimizer = self.fabric.setup(self._plain, optimizer)
        self._rate = self.optimizer_settings.learning_rate
        decay = settings.average_decay
        self._average = average_weights(self._plain, decay) if decay else None

    def _judged(self) -> nn.Module:
        """The network that is validated and kept: the averaged one where there is an average."""
        return self._plain if self._average is None else self._average.module

    def _move(self, batch: Batch) -> Batch:
        moved: Batch = self.fabric.to_device(batch)
        return moved._replace(image=moved.image.contiguous(memory_format=torch.channels_last))

    def _save(self) -> None:
        tensors = with_prefix("network", self._plain.state_dict())
        tensors |= with_prefix("optimizer", optimizer_tensors(self._optimizer))
        if self._average is not None:
            tensors |= with_prefix("average", self._average.state_dict())
        save_checkpoint(self.folder / CHECKPOINT, tensors, self.state.__dict__)

    def _restore(self) -> None:
        tensors, facts = load_checkpoint(self.folder / CHECKPOINT)
        self.state = State(**facts)
        if self.state.balanced and self.rebalance is not None:
            self.task = self.rebalance()
        try:
            self._plain.load_state_dict(under_prefix("network", tensors))
            restore_optimizer(self._optimizer, under_prefix("optimizer", tensors))
            if self._average is not None:
                self._average.load_state_dict(under_prefix("average", tensors))
        except (RuntimeError, KeyError, ValueError):
            raise CheckpointError(
                f"The checkpoint in {self.folder} belongs to another recipe. Resume with the "
                f"settings it was started with, or train into another folder."
            ) from None

    def _report_step(self, batch: int, batches: int, loss: float) -> None:
        state, settings = self.state, self.settings
        fraction = self.budget.fraction(self.state, batches)
        remaining = state.elapsed_s * (1 - fraction) / fraction if fraction > 0 else math.nan
        report = StepReport(
            epoch=state.epoch + 1,
            epochs=None if settings.minutes is not None else settings.epochs,
            batch=batch,
            batches=batches,
            loss=loss,
            fraction=fraction,
            elapsed_s=state.elapsed_s,
            remaining_s=remaining,
        )
        for callback in self.callbacks:
            callback.step(report)

    def _result(self, stopped_by: str) -> FitResult:
        best, _ = load_checkpoint(self.folder / "best.safetensors")
        network = copy.deepcopy(self._plain).cpu()
        network.load_state_dict(best)
        assert self.state.best_value is not None
        return FitResult(
            network=network.eval(),
            history=self.state.history,
            best_epoch=self.state.best_epoch,
            best_value=self.state.best_value,
            stopped_by=stopped_by,
            warnings=self.state.warnings,
        )
