import io
import math

import pytest
from rich.console import Console
from torch import nn

from softlight.apps import progress
from softlight.apps.progress import TrainingLines, counting
from softlight.training.callbacks import StepReport


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, force_interactive=True, width=100)
    monkeypatch.setattr(progress, "console", console)
    return written


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    console = Console(file=written, force_terminal=False, width=200, highlight=False)
    monkeypatch.setattr(progress, "console", console)
    return written


def report(elapsed_s: float = 20.0, *, epochs: int | None = 3) -> StepReport:
    return StepReport(
        epoch=1,
        epochs=epochs,
        batch=2,
        batches=4,
        loss=0.5,
        fraction=0.25,
        elapsed_s=elapsed_s,
        remaining_s=61.0,
    )


def test_the_bar_is_gone_when_all_is_counted_and_comes_back_for_another_total(
    terminal: io.StringIO,
) -> None:
    with counting("Reading") as told:
        told(1, 3)
        assert "1/3" in terminal.getvalue()
        told(3, 3)
        size = len(terminal.getvalue())
        progress.say("between")
        assert terminal.getvalue()[size:] == "between\n"  # no bar is drawn around it
        told(1, 8)
        told(7, 8)
        assert "1/8" in terminal.getvalue()
    assert not progress.console._live_stack


def test_bytes_are_counted_in_megabytes(terminal: io.StringIO) -> None:
    with counting("Fetching", of_bytes=True) as told:
        told(1_500_000, 6_000_000)
    assert "1.5/6.0 MB" in terminal.getvalue()


def test_an_error_leaves_no_bar(terminal: io.StringIO) -> None:
    def fails() -> None:
        with counting("Reading") as told:
            told(1, 3)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fails()
    assert not progress.console._live_stack


def test_a_log_has_no_bar(log: io.StringIO) -> None:
    with counting("Reading") as told:
        told(1, 3)
        told(3, 3)
    assert log.getvalue() == ""


def test_a_log_has_a_line_from_time_to_time(log: io.StringIO) -> None:
    lines = TrainingLines("tiny")
    lines.step(report(elapsed_s=1.0))
    assert log.getvalue() == ""
    lines.step(report(elapsed_s=20.0))
    lines.step(report(elapsed_s=21.0))
    assert log.getvalue() == "epoch 1/3, batch 2/4, loss 0.5000, 1:01 left\n"


def test_an_epoch_and_its_dice_are_told(log: io.StringIO) -> None:
    lines = TrainingLines("tiny")
    lines.started({"device": "cpu", "precision": "32"})
    row = {
        "epoch": 1,
        "train_loss": 0.4,
        "val_loss": 0.3,
        "val_dice": 0.8,
        "val_iou": 0.7,
        "minutes": 1.25,
    }
    lines.epoch([row, row | {"epoch": 2, "val_dice": math.nan}], nn.Identity())
    lines.step(report(epochs=None))
    lines.warned("[careful]")
    assert log.getvalue().splitlines() == [
        "tiny: training on cpu in 32",
        "epoch 2: loss 0.4000, validation loss 0.3000, Dice nan, IoU 0.7000 (1.2 min)",
        "epoch 1, batch 2/4, loss 0.5000, best Dice so far 0.8000, 1:01 left",
        "Warning: [careful]",
    ]
