"""The networks by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from softlight.config import ModelConfig
from softlight.models.autoprep import AutoPrep
from softlight.models.double_unet import DoubleUNet
from softlight.models.family import FAMILY, check_bases

MODELS: dict[str, Callable[[ModelConfig], nn.Module]] = {
    **FAMILY,
    "autoprep": AutoPrep,
    "double-unet": DoubleUNet,
}


def build_model(config: ModelConfig) -> nn.Module:
    """A new network with random weights, as the settings say."""
    if config.name not in MODELS:
        raise ValueError(f"There is no network {config.name!r}; there are: {', '.join(MODELS)}.")
    check_bases(config)
    return MODELS[config.name](config)
