"""What is wrong with an image as such, whatever the model: and what to do about it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softlight.io.grey import to_grey
from softlight.measure.traits import Odd

_THIN, _TINY_PX = 10, 32
_SATURATED = 0.02  # of the pixels at the highest value
_CEILINGS = {2**bits - 1 for bits in (8, 10, 12, 14, 16)}  # that cameras and files have
_LEAST_LEVELS = 16  # grey levels between the darkest and the brightest percent
_COLOURED = 0.05  # of the range, mean difference of two channels


class Fault(NamedTuple):
    """Something about an image that keeps cells from being found.

    Attributes:
        kind: one word.
        what: what was seen, a clause that goes on from "the image".
        advice: what to try, a sentence.
    """

    kind: str
    what: str
    advice: str


def image_faults(frame: NDArray[Any], *, grey: bool = True) -> list[Fault]:
    """What is wrong with a raw frame (Y, X[, C]), the gravest first.

    Args:
        frame: as it was read.
        grey: whether the model takes one channel, so that colour is lost to it.
    """
    found = _shape_faults(frame.shape)
    if frame.ndim == 3 and frame.shape[2] in (3, 4) and grey and (seen := _colour(frame)):
        found.append(seen)
    plane = to_grey(frame) if frame.ndim == 3 and frame.shape[2] in (1, 3, 4) else frame
    values = np.asarray(plane if plane.ndim == 2 else plane[..., 0])
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        share = 1 - np.isfinite(values).mean()
        what = f"holds NaN or infinity in {share:.1%} of its pixels"
        return [*found, Fault("numbers", what, "Replace them with numbers first.")]
    lowest, highest = values.min(), values.max()
    if lowest == highest:
        what = f"has the same value, {highest:g}, in every pixel"
        advice = "Check that the right channel, plane or frame was chosen (--axes, --channel)."
        return [*found, Fault("empty", what, advice)]
    return found + _level_faults(values)


def odd_fault(odd: Odd) -> Fault:
    """What it means, in words, that a trait is far from those of the training images."""
    kind, what, advice = _WORDS[odd.trait, odd.distance > 0]
    numbers = f"{odd.value:.3g} against {odd.lowest:.3g} to {odd.highest:.3g} in training"
    return Fault(kind, f"{what} ({odd.trait.replace('_', ' ')} {numbers})", advice)


INVERTED = Fault(
    "intensities",
    "looks inverted, or is of the other kind of phase contrast: its negative would be like the "
    "training images",
    "Invert the image (largest value less each value) and try again.",
)
_TRAIN = "train on images like it"
_WORDS = {
    ("contrast", False): (
        "contrast",
        "has less contrast than the training images",
        "Check the exposure, the phase ring and whether the image was rescaled when it was saved.",
    ),
    ("contrast", True): (
        "contrast",
        "has more contrast than the training images",
        f"Check that it is of the kind that the model knows, or {_TRAIN}.",
    ),
    ("signal_to_noise", False): (
        "noise",
        "is noisier than the training images",
        f"Expose longer, average frames, or {_TRAIN}.",
    ),
    ("sharpness", False): (
        "focus",
        "is less sharp than the training images: out of focus, or enlarged",
        "Focus again, or give the size of the cells by --cell-diameter if the image is enlarged.",
    ),
    ("sharpness", True): (
        "detail",
        "has more fine detail than the training images: noise, or cells that look smaller",
        "Give the size of the cells by --cell-diameter, or average frames if it is noise.",
    ),
    ("slope", False): (
        "focus",
        "has less fine detail than the training images: out of focus, or enlarged",
        "Focus again, or give the size of the cells by --cell-diameter if the image is enlarged.",
    ),
    ("slope", True): (
        "detail",
        "has more fine detail than the training images: noise, or cells that look smaller",
        "Give the size of the cells by --cell-diameter, or average frames if it is noise.",
    ),
    ("skewness", False): (
        "intensities",
        "has more dark and fewer bright pixels than the training images",
        "Check that it is not inverted and is of the kind that the model knows.",
    ),
    ("skewness", True): (
        "intensities",
        "has few bright pixels on a dark ground, unlike the training images",
        "Check that it is not inverted and is of the kind that the model knows.",
    ),
    ("middle", False): (
        "intensities",
        "is mostly dark, unlike the training images",
        "Check that it is of the kind that the model knows (fluorescence is not phase contrast).",
    ),
    ("middle", True): (
        "intensities",
        "is mostly bright, unlike the training images",
        "Check that it is not inverted and is of the kind that the model knows.",
    ),
    ("cell_diameter_px", False): (
        "scale",
        "shows cells that look smaller to the network than those of the training images",
        "Give the size of the cells by --cell-diameter.",
    ),
    ("cell_diameter_px", True): (
        "scale",
        "shows cells that look larger to the network than those of the training images",
        "Give the size of the cells by --cell-diameter.",
    ),
}


def _shape_faults(shape: tuple[int, ...]) -> list[Fault]:
    height, width = shape[:2]
    if max(height, width) > _THIN * min(height, width):
        what = f"is read as {height} rows of {width} pixels, which is no field of view"
        advice = "Say which axis is which by --axes, as TCYX."
        return [Fault("axes", what, advice)]
    if min(height, width) < _TINY_PX:
        what = f"has {height} x {width} pixels only"
        return [Fault("size", what, "Give the image that the microscope took, not a preview.")]
    return []


def _colour(frame: NDArray[Any]) -> Fault | None:
    red, green, blue = (frame[..., at].astype(np.float64) for at in range(3))
    spread = float(np.ptp(frame[..., :3]))
    off = max(np.abs(red - green).mean(), np.abs(green - blue).mean())
    if spread == 0 or off < _COLOURED * spread:
        return None
    return Fault(
        "colour",
        "is coloured, and the model sees one grey channel",
        "Choose the channel that shows the cells by --channel, or train a model for colour.",
    )


def _level_faults(values: NDArray[Any]) -> list[Fault]:
    found = []
    highest = values.max()
    full = float((values == highest).mean())
    if full > _SATURATED and values.dtype.kind in "iu" and int(highest) in _CEILINGS:
        what = f"is overexposed: {full:.0%} of its pixels have the highest value, {highest}"
        advice = "Expose less; what is cut off cannot be brought back."
        found.append(Fault("saturated", what, advice))
    low, high = np.percentile(values, (1, 99))
    levels = len(np.unique(values[(values >= low) & (values <= high)]))
    if values.dtype.kind in "iu" and 3 < levels < _LEAST_LEVELS:  # with fewer it is a drawing
        what = f"uses {levels} grey levels only"
        advice = "Save it as the camera gave it (16 bits), or expose longer."
        found.append(Fault("levels", what, advice))
    return found
