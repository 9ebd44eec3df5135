"""How gently an image was taken, and whether its model has learned to bear that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softlight.config import ModelSpec
from softlight.measure.photons import light_of
from softlight.measure.resolution import LEAST_PX, effective_resolution
from softlight.measure.traits import pixel_noise

COARSE = 0.75  # of the resolution of the model's grid; more is as good as all
DIM = 300.0  # photons for each pixel where it is brightest; more show all that matters
_WORSE = 0.75  # of what the model was trained on; estimates are not nearer than this


@dataclass(frozen=True)
class Seen:
    """What was told from an image's pixels alone; None is unknown, or beyond what can be told.

    Attributes:
        resolution: share of its grid's resolution that it uses.
        photons: a pixel of its own resolution where it is brightest, that would be as noisy.
        noise: standard deviation of the noise of a pixel, in grey values.
    """

    resolution: float | None = None
    photons: float | None = None
    noise: float | None = None

    def in_words(self) -> str:
        """What was seen, for the user."""
        parts = []
        if self.resolution is not None:
            share = f"{self.resolution:.2g} of" if self.resolution < 1 else "all of"
            parts.append(f"uses {share} its grid's resolution")
        if self.photons is not None:
            parts.append(f"is as noisy as one of about {_rounded(self.photons)} photons a pixel")
        return " and ".join(parts)


def look_at(plane: npt.NDArray[Any]) -> Seen:
    """What the pixels of a raw frame (Y, X[, C]) tell; of a tiny or a flat one, nothing."""
    grey = np.asarray(plane if plane.ndim == 2 else plane.mean(axis=2))
    if min(grey.shape) < LEAST_PX or not np.isfinite(grey).all() or grey.min() == grey.max():
        return Seen()
    resolution = effective_resolution(grey)
    own = grey
    if resolution < COARSE:  # its pixels are made up: those of the camera are coarser
        step = min(round(1 / resolution), min(grey.shape) // LEAST_PX)
        own = grey[step // 2 :: step, step // 2 :: step] if step > 1 else grey
    light = light_of(own)
    return Seen(_known(resolution), _known(light.photons), _known(pixel_noise(own)))


def regime_of(seen: Seen, spec: ModelSpec, *, zoom: float = 1.0) -> str:
    """What is said of a gently taken image and its model; empty where there is nothing to say.

    Args:
        seen: what was told from the image.
        spec: of the model: whether it was trained on images made worse, and how much.
        zoom: how many times the image is enlarged for the model.
    """
    share = min(1.0, (seen.resolution or 1.0) / zoom)
    photons = seen.photons or math.inf
    if share > COARSE and photons > DIM:
        return ""
    parts = [f"{share:.2g} of the resolution that the model's grid can show"] * (share <= COARSE)
    parts += [f"about {_rounded(photons)} photons a pixel where it is brightest"] * (photons <= DIM)
    what = f"The image has {' and '.join(parts)}"
    learned = spec.degrade
    if learned is None:
        return (
            f"{what}. The model was not trained on images that were made worse, so it may miss or "
            "make up cells: look at some, let softlight plan say what such images cost, or train "
            "with [degrade] in the recipe."
        )
    least, fewest = learned.factor[0], learned.photons[0]  # no photons: no noise was learned
    down_to = f"{least:.2g} of the resolution" + (
        f" and {_rounded(fewest)} photons" if fewest else ""
    )
    dim = photons <= DIM and (not fewest or photons < _WORSE * fewest)
    if share < _WORSE * least or dim:
        return (
            f"{what}, which is less than the model was trained on (down to {down_to}): look at "
            "some cells, or let softlight plan say what such images cost."
        )
    return (
        f"{what}. The model was trained on such images (down to {down_to}); nothing has to be "
        "restored."
    )


def _rounded(number: float) -> str:
    """Two digits, written out: 57,000."""
    return f"{float(f'{number:.2g}'):,g}"


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
