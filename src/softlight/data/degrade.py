"""Making an image worse, as gentle imaging does: blur, fewer pixels, fewer photons, covered parts.

Every function takes an image (C, Y, X), already normalised, and leaves it as it is; what is random
comes from the generator that is passed in, so that the same state gives the same result.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import ndimage

from softlight.config import DegradeConfig
from softlight.data.loader import Decoded

Float = npt.NDArray[np.float32]


def blurred(image: Float, sigma_px: float) -> Float:
    """The image after a Gaussian of this width, mirrored at its edges."""
    if sigma_px <= 0:
        return image.copy()
    widths = (0, sigma_px, sigma_px)
    return np.asarray(ndimage.gaussian_filter(image, widths, mode="mirror"), np.float32)


def resampled(image: Float, shape: tuple[int, int]) -> Float:
    """The image on a grid of this height and width: bilinear, averaged over what a pixel covers."""
    tensor = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None]
    resized = F.interpolate(tensor, shape, mode="bilinear", antialias=True)
    return np.asarray(resized[0].numpy(), np.float32)


def noisy(image: Float, photons: float, rng: np.random.Generator) -> Float:
    """The image counted in photons: a step of 1 in value is so many, its darkest pixel none."""
    darkest = image.min()
    counts = rng.poisson(photons * (image - darkest).astype(np.float64))
    return np.asarray(counts / photons + darkest, np.float32)


def covered(image: Float, share: float, block_px: int, rng: np.random.Generator) -> Float:
    """The image with about this share of its square blocks replaced by the mean of its channel."""
    height, width = image.shape[1:]
    shift_y, shift_x = rng.integers(0, block_px, 2)
    rows, columns = -(-(height + shift_y) // block_px), -(-(width + shift_x) // block_px)
    blocks = rng.random((rows, columns)) < share
    hidden = blocks.repeat(block_px, 0).repeat(block_px, 1)[shift_y:, shift_x:][:height, :width]
    return np.where(hidden, image.mean(axis=(1, 2), keepdims=True), image).astype(np.float32)


def degraded(image: Float, config: DegradeConfig, rng: np.random.Generator) -> Float:
    """The image made worse by as much as chance draws within the settings, on the same grid.

    In the order of nature: optics blur, the camera has fewer pixels and counts few photons. Then
    the image is enlarged again, and parts of it are covered.
    """
    sigma = rng.uniform(0, config.blur_px)
    factor = np.exp(rng.uniform(*np.log(config.factor)))
    height, width = image.shape[1:]
    small = max(1, round(height / factor)), max(1, round(width / factor))
    worse = blurred(image, sigma)
    if small != (height, width):
        worse = resampled(worse, small)
    if config.photons[1]:
        worse = noisy(worse, float(np.exp(rng.uniform(*np.log(config.photons)))), rng)
    if small != (height, width):
        worse = resampled(worse, (height, width))
    return covered(worse, rng.uniform(0, config.covered), config.block_px, rng)


def to_restore(crop: Decoded, rng: np.random.Generator, *, config: DegradeConfig) -> Decoded:
    """The crop made worse, with what it was as the map to be learned."""
    return replace(crop, image=degraded(crop.image, config, rng), maps=crop.image)
