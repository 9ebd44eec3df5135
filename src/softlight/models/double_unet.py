"""The Double U-Net: one network restores the image, another finds the cells in what it made.

Bhandary et al. train the two apart; here they are one network, whose halves may be trained together
or be taken from two models that were.
"""

from __future__ import annotations

from torch import Tensor, nn

from softlight.config import ModelConfig
from softlight.models.family import build_base
from softlight.models.outputs import NetworkOutput, restored_image


class DoubleUNet(nn.Module):
    """A network of ``base`` that restores, before one of ``second_base`` (or the same) that finds.

    With ``residual``, what the first one says is added to the image; else it is the image.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.residual = config.residual
        self.restorer = build_base(config, out_channels=config.in_channels, deep_supervision=False)
        self.segmenter = build_base(config, second=True)

    def forward(self, image: Tensor) -> NetworkOutput:
        """What the segmenter says of the restored image, and that image."""
        restored = restored_image(image, self.restorer(image).logits, residual=self.residual)
        found: NetworkOutput = self.segmenter(restored)
        return found._replace(restored=restored)
