"""The U-Net (Ronneberger 2015) with the choices that the published systems make."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from softlight.config import ModelConfig
from softlight.models.blocks import DoubleConv, Down, Up, initialize, pad_to_multiple


class UNetOutput(NamedTuple):
    """What a U-Net returns: float32 logits (N, C, Y, X), at the size of the input."""

    logits: Tensor


class UNet(nn.Module):
    """A U-Net for images of any size: ``depth`` halvings, ``width`` filters doubled at each.

    With ``unshuffle`` of 2 or 4, blocks of pixels become channels before the first convolution and
    pixels again after the last (Shi 2016): no pixel is lost, at a quarter or a sixteenth of the work.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.in_channels = config.in_channels
        self.unshuffle = config.unshuffle
        self.multiple = 2**config.depth * config.unshuffle
        folded = config.unshuffle**2
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        in_encoder = config.dropout if config.dropout_in in ("encoder", "both") else 0.0
        in_decoder = config.dropout if config.dropout_in in ("decoder", "both") else 0.0
        self.stem = DoubleConv(config.in_channels * folded, widths[0], norm=config.norm, dropout=in_encoder)
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
        self.head = nn.Conv2d(widths[0], config.out_channels * folded, 1)
        initialize(self)

    def forward(self, image: Tensor) -> UNetOutput:
        """Logits for each pixel of images (N, C, Y, X) of any height and width."""
        check_input(image, self.in_channels)
        height, width = image.shape[-2:]
        x = pad_to_multiple(image, self.multiple)
        if self.unshuffle > 1:
            x = F.pixel_unshuffle(x, self.unshuffle)
        x = self.stem(x)
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(x)
        for up in self.ups:
            x = up(x, skips.pop())
        logits = self.head(x)
        if self.unshuffle > 1:
            logits = F.pixel_shuffle(logits, self.unshuffle)
        return UNetOutput(logits[..., :height, :width].float())


def check_input(image: Tensor, in_channels: int) -> None:
    """Raise unless the image is (N, in_channels, Y, X) with at least one pixel."""
    if image.ndim != 4 or image.shape[1] != in_channels or min(image.shape) < 1:
        raise ValueError(
            f"Images have shape {tuple(image.shape)}; this network needs (N, {in_channels}, Y, X) "
            "with at least one pixel."
        )
