"""The recipe of a training: with the settings asked for, and the network that it begins from."""

from __future__ import annotations

from typing import Any

from softlight.config import Recipe, with_settings
from softlight.models.saved import find_model, read_spec

SHAPE = ("depth", "width", "stride", "norm", "upsampling")


def with_beginning(recipe: Recipe, settings: dict[str, Any]) -> Recipe:
    """The recipe with these settings; its network has the shape of the one that it begins from.

    What the settings themselves say of the network's shape holds. A network of another kind, or
    one that is made of several, keeps the shape that the recipe gives it.
    """
    chosen = with_settings(recipe, settings)
    if not chosen.train.init:
        return chosen
    first = read_spec(find_model(chosen.train.init)).model
    if first.name != chosen.model.name:
        return chosen
    shape = {f"model.{name}": getattr(first, name) for name in SHAPE}
    return with_settings(chosen, {k: v for k, v in shape.items() if k not in settings})
