"""The Attention U-Net (Oktay 2018): gates say where what the encoder kept is worth having."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from softlight.config import ModelConfig
from softlight.models.unet import UNet


class AttentionGate(nn.Module):
    """An additive gate: the skip times a number in 0..1 for each pixel.

    ``sigmoid(psi(relu(W_x skip + W_g gate)))``, computed on the grid of the gating signal, which
    is half as fine, and enlarged bilinearly, as the paper does.
    """

    def __init__(self, skip_channels: int, gate_channels: int) -> None:
        super().__init__()
        inner = max(1, skip_channels // 2)
        self.of_skip = nn.Conv2d(skip_channels, inner, 2, stride=2, bias=False)
        self.of_gate = nn.Conv2d(gate_channels, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        """The skip (N, C, 2Y, 2X), weighed by what the gate (N, K, Y, X) knows."""
        return skip * self.attention(skip, gate)

    def attention(self, skip: Tensor, gate: Tensor) -> Tensor:
        """The weight of each pixel of the skip, (N, 1, 2Y, 2X)."""
        coarse = self.psi(F.relu(self.of_skip(skip) + self.of_gate(gate))).sigmoid()
        return F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)


class AttentionUNet(UNet):
    """A U-Net whose skips go through gates, all but the finest one.

    As in the paper: the first level of the encoder does not yet know enough to be gated. At depth
    1 there is no other level, so that the network is a U-Net.
    """

    def build_decoder(
        self, config: ModelConfig, widths: Sequence[int], *, dropout: float
    ) -> list[int]:
        """Make the decoder's parts; the channels of its levels but the last one."""
        answering = super().build_decoder(config, widths, dropout=dropout)
        self.gates = nn.ModuleList(
            AttentionGate(widths[level], widths[level + 1])
            for level in range(config.depth - 1, 0, -1)
        )
        return answering

    def decode(self, levels: list[Tensor]) -> list[Tensor]:
        """The features of each level of the decoder, the finest last."""
        *skips, x = levels
        found = []
        for number, up in enumerate(self.ups):
            skip = skips.pop()
            if number < len(self.gates):
                skip = self.gates[number](skip, x)
            x = up(x, skip)
            found.append(x)
        return found
