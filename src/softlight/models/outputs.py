"""What a network's raw outputs mean: probabilities, maps of distances or directions, an image."""

from __future__ import annotations

import torch

from softlight.config import Target


def activated(logits: torch.Tensor, target: Target) -> torch.Tensor:
    """The outputs (N, C, Y, X) in their own range.

    Classes: one probability, or one for each class. Cells: the probability of the foreground, then
    distances in 0..1 or directions in -1..1. What is to be added to an image is left
    as it is.
    """
    if target == "image":
        return logits
    if target == "classes":
        return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)
    if target == "distance":
        return logits.sigmoid()
    return torch.cat([logits[:, :1].sigmoid(), logits[:, 1:].tanh()], 1)
