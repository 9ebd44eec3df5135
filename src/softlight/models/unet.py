"""The U-Net (Ronneberger 2015) with the choices that the published systems make."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from softlight.config import ModelConfig
from softlight.models.blocks import DoubleConv, Down, Up, initialize, pad_to_multiple
from softlight.models.outputs import NetworkOutput


class UNet(nn.Module):
    """A U-Net for images of any size: ``depth`` halvings, ``width`` filters doubled at each."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.in_channels = config.in_channels
        self.multiple = 2**config.depth
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        in_encoder = config.dropout if config.dropout_in in ("encoder", "both") else 0.0
        in_decoder = config.dropout if config.dropout_in in ("decoder", "both") else 0.0
        self.stem = DoubleConv(config.in_channels, widths[0], norm=config.norm, dropout=in_encoder)
        self.downs = nn.ModuleList(
            Down(narrow, wide, norm=config.norm, dropout=in_encoder)
            for narrow, wide in pairwise(widths)
        )
        self.ups = nn.ModuleList(
            Up(
                wide,
                narrow,
                narrow,
                norm=config.norm,
                dropout=in_decoder,
                upsampling=config.upsampling,
            )
            for wide, narrow in pairwise(reversed(widths))
        )
        self.head = nn.Conv2d(widths[0], config.out_channels, 1)
        initialize(self)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Logits for each pixel of images (N, C, Y, X) of any height and width."""
        check_input(image, self.in_channels)
        height, width = image.shape[-2:]
        x = self.stem(pad_to_multiple(image, self.multiple))
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(x)
        for up in self.ups:
            x = up(x, skips.pop())
        return NetworkOutput(self.head(x)[..., :height, :width].float())


def check_input(image: Tensor, in_channels: int) -> None:
    """Raise unless the image is (N, in_channels, Y, X) with at least one pixel."""
    if image.ndim != 4 or image.shape[1] != in_channels or min(image.shape) < 1:
        raise ValueError(
            f"Images have shape {tuple(image.shape)}; this network needs (N, {in_channels}, Y, X) "
            "with at least one pixel."
        )
