"""The networks that can stand alone, or be a part of one that is made of several."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from softlight.config import ModelConfig
from softlight.models.attention_unet import AttentionUNet
from softlight.models.unet import UNet
from softlight.models.unetpp import UNetPlusPlus

# What two networks of one kind must have alike, so that the weights of one fit the other.
SHAPE = ("depth", "width", "stride", "norm", "upsampling")
FAMILY: dict[str, Callable[[ModelConfig], nn.Module]] = {
    "unet": UNet,
    "unetpp": UNetPlusPlus,
    "attention-unet": AttentionUNet,
}


def build_base(config: ModelConfig, *, second: bool = False, **changes: object) -> nn.Module:
    """A new network of the kind that ``config.base`` names, as the other settings say.

    Args:
        config: of the network that it is a part of.
        second: the second part, which may be of another kind.
        changes: settings of this part alone, as ``out_channels``.
    """
    check_bases(config)
    name = (second and config.second_base) or config.base
    part = config.model_dump() | {"name": name, **changes}
    return FAMILY[name](ModelConfig.model_validate(part))


def check_bases(config: ModelConfig) -> None:
    """Raise unless the inner networks that the settings name are of the family."""
    for key, name in (("base", config.base), ("second_base", config.second_base)):
        if name not in FAMILY and (key == "base" or name):
            raise ValueError(
                f"There is no network {name!r} for model.{key}; there are: {', '.join(FAMILY)}."
            )
