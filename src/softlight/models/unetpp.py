"""U-Net++ (Zhou 2018): between encoder and decoder lie nodes that bring their meanings together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from softlight.config import ModelConfig
from softlight.models.blocks import Up
from softlight.models.encoder_decoder import EncoderDecoder


class UNetPlusPlus(EncoderDecoder):
    """Nested U-Nets of every depth with one encoder.

    Node (i, j) at level i joins all nodes (i, 0) to (i, j - 1) of its level with node
    (i + 1, j - 1) enlarged; (i, 0) is the encoder. Node (0, j) is the end of a U-Net of depth j:
    the deepest one's answer is the network's, and under deep supervision the others answer too.
    """

    def build_decoder(
        self, config: ModelConfig, widths: Sequence[int], *, dropout: float
    ) -> list[int]:
        """Make the nodes; the channels of the finest ones but the last."""
        self.nodes = nn.ModuleDict(
            {
                f"{level}_{column}": Up(
                    widths[level + 1],
                    widths[level] * column,
                    widths[level],
                    norm=config.norm,
                    dropout=dropout,
                    upsampling=config.upsampling,
                )
                for column in range(1, config.depth + 1)
                for level in range(config.depth + 1 - column)
            }
        )
        return [widths[0]] * (config.depth - 1)

    def decode(self, levels: list[Tensor]) -> list[Tensor]:
        """The features of the finest nodes, those of the deepest U-Net last."""
        rows = [[level] for level in levels]
        for column in range(1, len(levels)):
            for level in range(len(levels) - column):
                skip = torch.cat(rows[level], dim=1)
                node = self.nodes[f"{level}_{column}"]
                rows[level].append(node(rows[level + 1][column - 1], skip))
        return rows[0][1:]
