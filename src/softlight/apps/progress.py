"""What the terminal shows while something runs: device, time left, loss and Dice."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from softlight.training.callbacks import Callback, Row, StepReport

console = Console(stderr=True, highlight=False)
PLAIN_EVERY_S = 15.0  # where the output is a file, a line this often


def say(message: str) -> None:
    """One line for the user, beside the results on standard output."""
    console.print(message, markup=False, soft_wrap=True)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told (done, total)."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class TrainingLines(Callback):
    """A line an epoch, and between them one that is rewritten with the time left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._live = sys.stderr.isatty()
        self._dice = math.nan
        self._last_s = 0.0

    def started(self, facts: dict[str, str]) -> None:
        """Say the device and precision."""
        say(f"{self.name}: training on {facts['device']} in {facts['precision']}")

    def step(self, report: StepReport) -> None:
        """Show where the run is."""
        if not self._live and report.elapsed_s - self._last_s < PLAIN_EVERY_S:
            return
        self._last_s = report.elapsed_s
        of = "" if report.epochs is None else f"/{report.epochs}"
        line = (
            f"epoch {report.epoch}{of}, batch {report.batch}/{report.batches}, "
            f"loss {report.loss:.4f}, best Dice so far {self._dice:.4f}, "
            f"{_duration(report.remaining_s)} left"
        )
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            say(line)

    def epoch(self, history: list[Row], network: nn.Module) -> None:  # noqa: ARG002
        """Say what the epoch gave."""
        row = history[-1]
        best = [r["val_dice"] for r in history if not math.isnan(r["val_dice"])]
        self._dice = max(best, default=math.nan)
        if self._live:
            sys.stderr.write("\r\x1b[K")
        say(
            f"epoch {row['epoch']:g}: loss {row['train_loss']:.4f}, validation loss "
            f"{row['val_loss']:.4f}, Dice {row['val_dice']:.4f}, IoU {row['val_iou']:.4f} "
            f"({row['minutes']:.1f} min)"
        )

    def warned(self, message: str) -> None:
        """Say it loud."""
        console.print(f"Warning: {message}", style="yellow", markup=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    if math.isnan(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
