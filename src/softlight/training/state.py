"""What a run must remember beside tensors."""

from __future__ import annotations

from dataclasses import dataclass, field

from softlight.training.callbacks import Row


@dataclass
class State:
    """All that a run must remember beside tensors; saved with every checkpoint."""

    epoch: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    best_value: float | None = None
    best_epoch: int = 0
    one_class: int = 0  # validations in a row with a single predicted class
    one_class_told: bool = False
    balanced: bool = False  # restarted with balanced losses
    history: list[Row] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
