"""The U-Net (Ronneberger 2015) with the choices that the published systems make."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from softlight.config import ModelConfig
from softlight.models.blocks import Up
from softlight.models.encoder_decoder import EncoderDecoder


class UNet(EncoderDecoder):
    """A decoder that goes up level by level, each joined with the encoder's of its size."""

    def build_decoder(
        self, config: ModelConfig, widths: Sequence[int], *, dropout: float
    ) -> list[int]:
        """Make the decoder's parts; the channels of its levels but the last one."""
        self.ups = nn.ModuleList(
            Up(
                wide,
                narrow,
                narrow,
                norm=config.norm,
                dropout=dropout,
                upsampling=config.upsampling,
            )
            for wide, narrow in pairwise(reversed(widths))
        )
        return list(reversed(widths[1:-1]))

    def decode(self, levels: list[Tensor]) -> list[Tensor]:
        """The features of each level of the decoder, the finest last."""
        *skips, x = levels
        found = []
        for up in self.ups:
            x = up(x, skips.pop())
            found.append(x)
        return found
