"""The step size through a run, as a pure function of where the run is."""

from __future__ import annotations

import math

from softlight.config import ScheduleConfig


def learning_rate_factor(
    schedule: ScheduleConfig, *, step: int, epoch: int, fraction: float, plateaus: int
) -> float:
    """What the recipe's learning rate is multiplied by.

    Args:
        schedule: which curve to follow.
        step: optimiser steps made so far.
        epoch: epochs finished so far.
        fraction: share of the run that is over, 0 to 1: by steps, or by the clock where the run
            has a time budget.
        plateaus: how often validation has stood still for the patience so far.
    """
    if schedule.warmup_steps and step < schedule.warmup_steps:
        return (step + 1) / (schedule.warmup_steps + 1)
    if schedule.name == "step":
        return schedule.factor ** (epoch // schedule.step_epochs)
    if schedule.name == "plateau":
        return schedule.factor**plateaus
    if schedule.name == "cosine":
        low = schedule.final_fraction
        return low + (1 - low) * (1 + math.cos(math.pi * min(fraction, 1.0))) / 2
    return 1.0


def count_plateaus(values: list[float], patience: int) -> int:
    """How often in a row of higher-is-better values nothing better came for ``patience`` epochs."""
    best, waited, plateaus = -math.inf, 0, 0
    for value in values:
        if value > best:
            best, waited = value, 0
            continue
        waited += 1
        if waited >= patience:
            plateaus, waited = plateaus + 1, 0
    return plateaus
