"""Two saved models as one: the first restores images, the second finds cells in them."""

from __future__ import annotations

from pathlib import Path

from softlight.config import ModelSpec
from softlight.models.double_unet import DoubleUNet
from softlight.models.family import FAMILY, SHAPE
from softlight.models.saved import SavedModelError, load_model

_ALIKE = (*SHAPE, "in_channels")


def join(restorer: str | Path, segmenter: str | Path) -> tuple[DoubleUNet, ModelSpec]:
    """One network of two saved models that were trained apart, and how it is described.

    It finds what the segmenter finds, by its thresholds, in images that the restorer made better.

    Args:
        restorer: a model of target "image", by name or folder.
        segmenter: a model that finds cells, of the same shape and preprocessing.
    """
    first, restores = load_model(restorer)
    second, finds = load_model(segmenter)
    if restores.target != "image" or finds.target == "image":
        raise SavedModelError(
            f"{restorer} must be a model that restores images and {segmenter} one that finds "
            f'cells; their targets are "{restores.target}" and "{finds.target}".'
        )
    for name, spec in ((restorer, restores), (segmenter, finds)):
        if spec.model.name not in FAMILY:
            raise SavedModelError(
                f"{name} is a {spec.model.name}, which cannot be a part of another network; "
                f"these can: {', '.join(FAMILY)}."
            )
    differing = [
        name for name in _ALIKE if getattr(restores.model, name) != getattr(finds.model, name)
    ]
    if restores.preprocess != finds.preprocess:
        differing.append("preprocess")
    if differing:
        raise SavedModelError(
            f"{restorer} and {segmenter} differ in {', '.join(differing)}. Train the restorer with "
            "the segmenter's settings of these."
        )
    config = finds.model.model_copy(
        update={
            "name": "double-unet",
            "base": restores.model.name,
            "second_base": finds.model.name,
            "residual": restores.model.residual,
        }
    )
    network = DoubleUNet(config)
    network.restorer.load_state_dict(first.state_dict())
    network.segmenter.load_state_dict(second.state_dict())
    # What scores and counts are worth was learned on images that nothing had been done to.
    known = {"model": config, "degrade": restores.degrade, "trust": None, "fingerprint": None}
    spec = finds.model_copy(update={**known, "name": f"{restores.name} + {finds.name}"})
    return network.eval(), spec
