"""One saved model of two that were trained apart, with a card that says of which."""

from __future__ import annotations

from pathlib import Path

from softlight.config import ConfigError, ModelSpec
from softlight.models.card import CardText, model_card
from softlight.models.joined import join
from softlight.models.saved import SPEC, find_model, read_spec, save_model
from softlight.recipes.provenance import stamp


def join_models(restorer: str | Path, segmenter: str | Path, out: Path) -> ModelSpec:
    """The description of the model in ``out``: the restorer's network before the segmenter's.

    Args:
        restorer: a model of target "image", by name or folder.
        segmenter: a model that finds cells, of the same shape and preprocessing.
        out: the folder of the new model; it may not hold one.
    """
    if (out / SPEC).is_file():
        raise ConfigError(f"{out} holds a model already. Give another folder.")
    network, spec = join(restorer, segmenter)
    first, second = (read_spec(find_model(name)) for name in (restorer, segmenter))
    known = {"restorer": first.name, "segmenter": second.name}
    licences = {
        part.provenance.get("licence_of_data", "not stated of a part") for part in (first, second)
    }
    spec = spec.model_copy(update={"provenance": {**spec.provenance, **stamp(), **known}})
    text = CardText(
        data=f"Made of {first.name}, which restores images, and {second.name}, which finds cells; "
        "their cards say what they were trained on.",
        licence=f"Of the training images: {'; '.join(sorted(licences))}.",
    )
    card = model_card(spec, text, figures=None, split="the two were never tried together")
    return save_model(out, network, spec, card=card)
