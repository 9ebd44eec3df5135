"""What every network of the family shares: its encoder, its padding, and the levels that answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from softlight.config import ModelConfig
from softlight.models.blocks import (
    DoubleConv,
    Down,
    check_input,
    initialize,
    match_size,
    pad_to_multiple,
)
from softlight.models.outputs import NetworkOutput


class EncoderDecoder(nn.Module, ABC):
    """A network for images of any size: ``depth`` halvings, ``width`` filters doubled at each.

    With a ``stride`` of s every square of s x s pixels is taken as one pixel of as many channels,
    and is answered as one: the finest level has so much less work.

    A subclass builds its decoder in ``build_decoder`` and runs it in ``decode``. Under deep
    supervision every tensor that ``decode`` gives has an answer of its own: the last one's is the
    network's, the others, enlarged where they are coarser, are ``side1``, ``side2`` and so on.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.in_channels = config.in_channels
        self.stride = config.stride
        self.multiple = config.multiple
        square = config.stride**2
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        dropout = config.dropout if config.dropout_in in ("encoder", "both") else 0.0
        self.stem = DoubleConv(
            config.in_channels * square, widths[0], norm=config.norm, dropout=dropout
        )
        self.downs = nn.ModuleList(
            Down(narrow, wide, norm=config.norm, dropout=dropout)
            for narrow, wide in pairwise(widths)
        )
        in_decoder = config.dropout if config.dropout_in in ("decoder", "both") else 0.0
        answering = self.build_decoder(config, widths, dropout=in_decoder)
        self.head = nn.Conv2d(widths[0], config.out_channels * square, 1)
        self.side_heads = nn.ModuleList(
            nn.Conv2d(channels, config.out_channels * square, 1)
            for channels in (answering if config.deep_supervision else ())
        )
        initialize(self)

    @abstractmethod
    def build_decoder(
        self, config: ModelConfig, widths: Sequence[int], *, dropout: float
    ) -> list[int]:
        """Make the decoder's parts; the channels of all that ``decode`` gives but the last one."""

    @abstractmethod
    def decode(self, levels: list[Tensor]) -> list[Tensor]:
        """The features that can answer, the finest last, from the encoder's, the finest first."""

    def forward(self, image: Tensor) -> NetworkOutput:
        """Logits for each pixel of images (N, C, Y, X) of any height and width."""
        check_input(image, self.in_channels)
        height, width = image.shape[-2:]
        squares = F.pixel_unshuffle(pad_to_multiple(image, self.multiple), self.stride)
        levels = [self.stem(squares)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        *others, last = self.decode(levels)
        logits = self._answer(self.head(last), height, width)
        if not self.side_heads:
            return NetworkOutput(logits)
        sides = {
            f"side{number}": self._answer(_enlarged(head(features), last), height, width)
            for number, (head, features) in enumerate(
                zip(self.side_heads, others, strict=True), start=1
            )
        }
        return NetworkOutput(logits, sides)

    def _answer(self, squares: Tensor, height: int, width: int) -> Tensor:
        """The logits of each pixel, from those of all pixels of each square."""
        return F.pixel_shuffle(squares, self.stride)[..., :height, :width].float()


def _enlarged(answer: Tensor, like: Tensor) -> Tensor:
    """The answer at the height and width of the finest level."""
    factor = like.shape[-1] // answer.shape[-1]
    if factor == 1:
        return answer
    larger = F.interpolate(
        answer.float(), scale_factor=float(factor), mode="bilinear", align_corners=False
    )
    return match_size(larger, like.shape[-2], like.shape[-1])
