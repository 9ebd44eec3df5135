"""The task of restoring images that were made worse: no annotation is needed for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from softlight.data.loader import Batch, Decoded, to_batch
from softlight.training.tasks import MapLoss, Named, Task


class RestoreTask(Task):
    """What the network adds to an image makes it as it was; judged by signal to noise in dB.

    The peak of that ratio is 1, the range between the percentiles that the preprocessing stretches.
    Beside it stands the ratio of what the network was given, to see what it has gained.
    """

    measures = ("loss", "psnr", "psnr_degraded")

    def __init__(self, loss: MapLoss) -> None:
        self.loss = loss

    def cost(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, Named]:
        """How far the image with the outputs added is from what it was."""
        assert batch.maps is not None
        return self.loss(batch.image + logits, batch.maps, batch.weight), {}

    @torch.inference_mode()
    def validate(
        self,
        network: nn.Module,
        images: Sequence[Decoded],
        *,
        move: Callable[[Batch], Batch],
        autocast: Callable[[], Any],
    ) -> dict[str, float]:
        """The measures, each the mean over the images."""
        network.eval()
        rows = []
        for item in images:
            batch = move(to_batch([item]))
            assert batch.maps is not None
            with autocast():
                change = network(batch.image).logits.float()
            loss = float(self.cost(change, batch)[0])
            restored = psnr(batch.image + change, batch.maps)
            rows.append((loss, restored, psnr(batch.image, batch.maps)))
        network.train()
        means = [sum(values) / len(rows) for values in zip(*rows, strict=True)]
        return dict(zip(self.measures, means, strict=True))


def psnr(image: torch.Tensor, truth: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1: ``-10 log10`` of the mean square error.

    At most 100, so that a mean stays a number where an empty image is restored without any error.
    """
    return -10 * math.log10(max(float(((image - truth) ** 2).mean()), 1e-10))
