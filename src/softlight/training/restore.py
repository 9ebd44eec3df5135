"""The task of restoring images that were made worse: no annotation is needed for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from softlight.data.loader import Batch, Decoded, to_batch
from softlight.losses import ssim
from softlight.models.outputs import restored_image
from softlight.training.tasks import MapLoss, Named, Task


class RestoreTask(Task):
    """The network makes an image as it was; judged by signal to noise in dB, and by structure.

    The peak of that ratio is 1, the range between the percentiles that the preprocessing stretches.
    Beside it stands the ratio of what the network was given, to see what it has gained.

    Args:
        loss: of the image that is restored, by what it was and pixel weight.
        residual: what the network says is added to the image, or it is the image.
    """

    measures = ("loss", "psnr", "psnr_degraded", "ssim", "ssim_degraded")

    def __init__(self, loss: MapLoss, *, residual: bool = True) -> None:
        self.loss = loss
        self.residual = residual

    def cost(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, Named]:
        """How far the restored image is from what it was."""
        assert batch.clean is not None
        restored = restored_image(batch.image, logits, residual=self.residual)
        return self.loss(restored, batch.clean, batch.weight), {}

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
            assert batch.clean is not None
            with autocast():
                said = network(batch.image).logits.float()
            restored = restored_image(batch.image, said, residual=self.residual)
            rows.append(
                (
                    float(self.cost(said, batch)[0]),
                    psnr(restored, batch.clean),
                    psnr(batch.image, batch.clean),
                    1 - float(ssim(restored, batch.clean)),
                    1 - float(ssim(batch.image, batch.clean)),
                )
            )
        network.train()
        means = [sum(values) / len(rows) for values in zip(*rows, strict=True)]
        return dict(zip(self.measures, means, strict=True))


def psnr(image: torch.Tensor, truth: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1: ``-10 log10`` of the mean square error.

    At most 100, so that a mean stays a number where an empty image is restored without any error.
    """
    return -10 * math.log10(max(float(((image - truth) ** 2).mean()), 1e-10))
