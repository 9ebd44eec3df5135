"""From light to grey values: photon noise, read noise, the instrument's software, rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from softlight.simulate.cells import Floats
from softlight.simulate.scene import Scene

BACKGROUND_LEVEL = 0.45  # grey value of the phase-contrast background, as a share of the range
PEAK_LEVEL = 0.75  # grey value of the fluorescence peak, as a share of the range
OFFSET_LEVEL = 0.03  # what a fluorescence camera shows without light
FEW_PHOTONS = 30.0


def grey_per_photon(scene: Scene) -> float:
    """Grey values that one photon adds."""
    level = BACKGROUND_LEVEL if scene.modality == "phase" else PEAK_LEVEL - OFFSET_LEVEL
    return float(level * (2**scene.bit_depth - 1) / scene.photons)


def record(light: Floats, scene: Scene, rng: np.random.Generator) -> NDArray[Any]:
    """The image that the camera gives; light of 1 means `scene.photons` photons."""
    counts = poisson(np.maximum(light, 0) * scene.photons, rng)
    counts = counts + scene.read_noise * rng.normal(0, 1, light.shape)
    grey = counts * grey_per_photon(scene)
    top = 2**scene.bit_depth - 1
    if scene.modality == "fluorescence":
        grey = grey + OFFSET_LEVEL * top
    elif scene.background_removal_px > 0:
        base = ndimage.gaussian_filter(grey, scene.background_removal_px)
        grey = 0.5 * top * grey / np.maximum(base, 0.05 * top)
    kind = np.uint8 if scene.bit_depth == 8 else np.uint16
    return np.clip(np.rint(grey), 0, top).astype(kind)


def poisson(mean: Floats, rng: np.random.Generator) -> Floats:
    """Poisson numbers made from one normal number a pixel.

    One draw a pixel, whatever the mean, keeps the noise of one pixel from moving all others when
    a mean differs in its last digit between processors. Many photons: the Cornish-Fisher
    expansion to second order; few: the exact inverse of the distribution.
    """
    z = rng.normal(0, 1, mean.shape)
    counts = np.maximum(np.rint(mean + np.sqrt(mean) * z + (z**2 - 1) / 6), 0)
    few = mean < FEW_PHOTONS
    if few.any():
        counts[few] = _inverse_poisson(special.ndtr(z[few]), mean[few])
    exact: Floats = counts
    return exact


def _inverse_poisson(chance: Floats, mean: Floats) -> Floats:
    """The smallest count whose cumulative probability reaches `chance`."""
    count = np.zeros_like(mean)
    term = np.exp(-mean)
    total = term.copy()
    todo = total < chance
    for k in range(1, 200):
        if not todo.any():
            break
        term = term * mean / k
        count[todo] = k
        total = total + term
        todo = todo & (total < chance)
    return count
