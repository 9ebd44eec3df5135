"""Whether an image is like those that its model was trained on, and if not, why."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from softlight.inference.predict import Segmenter
from softlight.io.grey import to_grey
from softlight.measure.faults import INVERTED, Fault, image_faults, odd_fault
from softlight.measure.traits import Traits, image_traits, odd_traits, seems_inverted

Image = npt.NDArray[Any]


def traits_for(
    frame: Image,
    segmenter: Segmenter,
    labels: npt.NDArray[np.int32] | None = None,
    *,
    pixel_size_um: float | None = None,
) -> Traits:
    """The traits of a raw frame as this model sees it; with labels, the size of its cells too."""
    prepared = segmenter.preprocessor.image(frame, pixel_size_um=pixel_size_um)[0]
    traits = image_traits(_plane(frame), prepared)
    if labels is not None:
        areas = np.bincount(labels.ravel())[1:]
        areas = areas[areas > 0]
        if len(areas) >= 5:  # fewer say little of the size of cells
            scale = segmenter.scale_for(frame.shape, pixel_size_um)
            traits["cell_diameter_px"] = float(np.sqrt(4 / np.pi * np.median(areas))) * scale
    return traits


def faults_of(
    frame: Image,
    segmenter: Segmenter,
    labels: npt.NDArray[np.int32] | None = None,
    *,
    pixel_size_um: float | None = None,
) -> list[Fault]:
    """What is wrong with the frame as such, then how it is unlike the training images.

    Args:
        frame: raw (Y, X[, C]).
        segmenter: the model, at the scale that was found for this file.
        labels: the cells that were found.
        pixel_size_um: of the frame, where known.
    """
    found = image_faults(frame, grey=segmenter.spec.model.in_channels == 1)
    if any(fault.kind in ("empty", "numbers") for fault in found):
        return found
    fingerprint = segmenter.spec.fingerprint
    if fingerprint is None:
        return found
    traits = traits_for(frame, segmenter, labels, pixel_size_um=pixel_size_um)
    if seems_inverted(traits, fingerprint):
        found.append(INVERTED)
    kinds = {fault.kind for fault in found}
    for odd in odd_traits(traits, fingerprint):
        fault = odd_fault(odd)
        if fault.kind not in kinds:  # one reason of a kind is enough
            found.append(fault)
            kinds.add(fault.kind)
    return found


def in_words(faults: list[Fault], *, most: int = 2) -> str:
    """One or two sentences: what the image is like, and what to try first."""
    reasons = " and ".join(fault.what for fault in faults[:most])
    return f"{reasons}. {faults[0].advice}"


def _plane(frame: Image) -> Image:
    if frame.ndim == 2:
        return frame
    return to_grey(frame) if frame.shape[2] in (1, 3, 4) else frame[..., 0]
