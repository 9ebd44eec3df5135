"""What networks return, and what their raw outputs mean: probabilities, maps, an image."""

from __future__ import annotations

from typing import NamedTuple

import torch

from softlight.config import Target


class NetworkOutput(NamedTuple):
    """What every network here returns, float32, at the height and width of its input."""

    logits: torch.Tensor  # (N, C, Y, X): what it says in the end
    auxiliary: dict[str, torch.Tensor] | None = None  # (N, C, Y, X) each: what its parts say
    restored: torch.Tensor | None = None  # (N, input channels, Y, X): the image made better


def activated(logits: torch.Tensor, target: Target) -> torch.Tensor:
    """The outputs (N, C, Y, X) in their own range.

    Classes: one probability, or one for each class. Cells: the probability of the foreground, then
    directions in -1..1. What is to be added to an image is left as it is.
    """
    if target == "image":
        return logits
    if target == "classes":
        return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)
    directions = 2 * (2 * logits[:, 1:]).sigmoid() - 1  # tanh, which takes six times as long
    return torch.cat([logits[:, :1].sigmoid(), directions], 1)


def restored_image(image: torch.Tensor, said: torch.Tensor, *, residual: bool) -> torch.Tensor:
    """The image (N, C, Y, X) made better: what the network says, or that added to the image."""
    return image + said if residual else said
