"""How long a training lasts: minutes by a clock, or epochs, or until nothing more is gained."""

from __future__ import annotations

import math
import time

from softlight.config import TrainConfig
from softlight.training.state import State


class Budget:
    """What the settings say of the length of a run, and how much of that is spent."""

    def __init__(self, settings: TrainConfig) -> None:
        self._settings = settings
        self.now = time.monotonic if settings.clock == "wall" else time.process_time
        self._limit_s = math.inf if settings.minutes is None else settings.minutes * 60

    def is_spent(self, state: State) -> bool:
        """Whether the minutes are over."""
        return state.elapsed_s >= self._limit_s

    def fraction(self, state: State, batches_per_epoch: int) -> float:
        """Share of the run that is over: by the clock where it has a budget, else by steps."""
        settings = self._settings
        if settings.minutes is not None:
            return min(state.elapsed_s / self._limit_s, 1.0)
        per_epoch = math.ceil(batches_per_epoch / settings.accumulate)
        return min(state.step / (per_epoch * settings.epochs), 1.0)

    def reason_to_stop(self, state: State) -> str | None:
        """Why the run ends after this epoch; None while it goes on."""
        settings = self._settings
        if self.is_spent(state):
            return f"{settings.minutes:g} minutes are over"
        if settings.minutes is None and state.epoch >= settings.epochs:
            return f"{settings.epochs} epochs are done"
        patience = settings.early_stopping_epochs
        if patience and state.epoch - state.best_epoch >= patience:
            return f"no gain in {settings.monitor} for {patience} epochs"
        return None
