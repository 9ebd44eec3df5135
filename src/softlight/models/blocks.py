"""The pieces that every U-Net here is built from, and the padding that lets any image through."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["batch", "group", "none"]
Upsampling = Literal["bilinear", "transposed"]


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """A normalisation layer for so many channels; group norm takes at most eight groups."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        return nn.GroupNorm(math.gcd(8, channels), channels)
    return nn.Identity()


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions, each normalised and rectified, with dropout between them."""

    def __init__(
        self, in_channels: int, out_channels: int, *, norm: Norm = "batch", dropout: float = 0.0
    ) -> None:
        bias = norm == "none"  # a norm layer has its own shift
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias),
            make_norm(norm, out_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout) if dropout > 0 else nn.Identity(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias),
            make_norm(norm, out_channels),
            nn.ReLU(inplace=True),
        )


class Down(nn.Sequential):
    """Half the height and width by the maximum, then a double convolution."""

    def __init__(
        self, in_channels: int, out_channels: int, *, norm: Norm = "batch", dropout: float = 0.0
    ) -> None:
        super().__init__(
            nn.MaxPool2d(2), DoubleConv(in_channels, out_channels, norm=norm, dropout=dropout)
        )


class Up(nn.Module):
    """Twice the height and width, joined with the skip from the encoder, then a double convolution.

    Bilinear: a 1x1 convolution first brings the channels down. It commutes with the interpolation,
    so doing it on the small image costs a quarter and changes nothing.
    """

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        out_channels: int,
        *,
        norm: Norm = "batch",
        dropout: float = 0.0,
        upsampling: Upsampling = "bilinear",
    ) -> None:
        super().__init__()
        self.upsampling = upsampling
        self.reduce: nn.Module
        if upsampling == "bilinear":
            self.reduce = nn.Conv2d(in_channels, out_channels, 1)
        else:
            self.reduce = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        self.conv = DoubleConv(
            out_channels + skip_channels, out_channels, norm=norm, dropout=dropout
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """The joined features at the height and width of the skip."""
        x = self.reduce(x)
        if self.upsampling == "bilinear":
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = match_size(x, skip.shape[-2], skip.shape[-1])
        return self.conv(torch.cat([skip, x], dim=1))  # type: ignore[no-any-return]


def check_input(image: Tensor, in_channels: int) -> None:
    """Raise unless the image is (N, in_channels, Y, X) with at least one pixel."""
    if image.ndim != 4 or image.shape[1] != in_channels or min(image.shape) < 1:
        raise ValueError(
            f"Images have shape {tuple(image.shape)}; this network needs (N, {in_channels}, Y, X) "
            "with at least one pixel."
        )


def match_size(x: Tensor, height: int, width: int) -> Tensor:
    """The same tensor, cut or edge-repeated at bottom and right to this height and width."""
    x = x[..., :height, :width]
    missing = (0, width - x.shape[-1], 0, height - x.shape[-2])
    return F.pad(x, missing, mode="replicate") if any(missing) else x


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """The image mirrored at bottom and right up to the next multiple, at least two of them.

    Two, so that the deepest level never is a single pixel, which batch norm cannot train on. A
    mirror cannot be longer than the image: there the edge is repeated instead.
    """
    for axis in (-2, -1):
        size = x.shape[axis]
        extra = max(-(-size // multiple), 2) * multiple - size
        if extra:
            pad = (0, extra, 0, 0) if axis == -1 else (0, 0, 0, extra)
            x = F.pad(x, pad, mode="reflect" if extra < size else "replicate")
    return x


def initialize(module: nn.Module) -> None:
    """Kaiming weights and zero biases in every convolution below this module."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
