"""What the terminal shows while something runs: device, time left, loss and Dice."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from torch import nn

from softlight.training.callbacks import Callback, Row, StepReport

console = Console(stderr=True, highlight=False)
TOLD = {  # of a validation, where it gives these; the best of the first is told too
    "val_dice": ("Dice", "{:.4f}"),
    "val_iou": ("IoU", "{:.4f}"),
    "val_psnr": ("PSNR", "{:.2f} dB"),
    "val_psnr_degraded": ("before it was restored", "{:.2f} dB"),
}
PLAIN_EVERY_S = 15.0  # where the output is a file, a line this often


def say(message: str) -> None:
    """One line for the user, beside the results on standard output."""
    console.print(message, markup=False, soft_wrap=True)


@contextmanager
def counting(what: str, *, of_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told (done, total): there while something is counted, gone when all is done.

    Counting may begin again with another total. Between two counts the terminal is free for others.
    """
    number: ProgressColumn = DownloadColumn() if of_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), number, TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(what, total=None)

    def told(done: int, total: int) -> None:
        if not console.is_interactive:  # a log needs no bar
            return
        bar.update(task, completed=done, total=total)
        if done < total and not bar.live.is_started:
            bar.reset(task, completed=done, total=total)  # the time left is of this count
            bar.start()
        elif done >= total and bar.live.is_started:
            bar.stop()

    try:
        yield told
    finally:
        if bar.live.is_started:
            bar.stop()


class TrainingLines(Callback):
    """A line an epoch, and between them one that is rewritten with the time left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._live = sys.stderr.isatty()
        self._best = ""
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
            f"loss {report.loss:.4f}, {self._best}{_duration(report.remaining_s)} left"
        )
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            say(line)

    def epoch(self, history: list[Row], network: nn.Module) -> None:  # noqa: ARG002
        """Say what the epoch gave."""
        row = history[-1]
        told = [key for key in TOLD if key in row]
        first, form = TOLD[told[0]]
        known = [past[told[0]] for past in history if not math.isnan(past[told[0]])]
        self._best = f"best {first} so far {form.format(max(known))}, " if known else ""
        self._clear()
        measures = ", ".join(f"{TOLD[key][0]} {TOLD[key][1].format(row[key])}" for key in told)
        say(
            f"epoch {row['epoch']:g}: loss {row['train_loss']:.4f}, validation loss "
            f"{row['val_loss']:.4f}, {measures} ({row['minutes']:.1f} min)"
        )

    def noted(self, message: str) -> None:
        """Say it."""
        say(message)

    def warned(self, message: str) -> None:
        """Say it loud."""
        self._clear()
        console.print(f"Warning: {message}", style="yellow", markup=False, soft_wrap=True)

    def _clear(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _duration(seconds: float) -> str:
    if math.isnan(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
