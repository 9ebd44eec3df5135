"""What watches a training run: the engine calls, a callback shows or writes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from softlight.io.files import replacing

Row = dict[str, float]  # one epoch of the history: epoch, step, minutes, train_loss, val_dice, …


@dataclass(frozen=True)
class StepReport:
    """Where the run is after one batch."""

    epoch: int  # from 1
    epochs: int | None  # None where a time budget decides
    batch: int  # from 1, within the epoch
    batches: int
    loss: float
    fraction: float  # of the whole run, 0 to 1
    elapsed_s: float
    remaining_s: float


class Callback:
    """Does nothing; a subclass overrides what it wants to hear."""

    def started(self, facts: dict[str, str]) -> None:
        """The run begins on this device, in this precision."""

    def step(self, report: StepReport) -> None:
        """One batch is done."""

    def epoch(self, history: list[Row], network: nn.Module) -> None:
        """One epoch is done and validated; the last row is its own."""

    def noted(self, message: str) -> None:
        """Something about the data is worth knowing."""

    def warned(self, message: str) -> None:
        """Something that the user must know has been noticed."""


class CsvLog(Callback):
    """Writes the history as CSV after every epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def epoch(self, history: list[Row], network: nn.Module) -> None:  # noqa: ARG002
        """Write all rows so far."""
        columns = list(dict.fromkeys(name for row in history for name in row))
        with replacing(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(history)
