"""Crops that are made worse while a network trains, as chance draws it within the settings.

Every function takes an image (C, Y, X), already normalised, and leaves it as it is; what is random
comes from the generator that is passed in, so that the same state gives the same result.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from softlight.config import DegradeConfig, PreprocessConfig
from softlight.data.degradation import Degradation, degrade
from softlight.data.loader import Decoded
from softlight.data.normalize import stretched_anew

Float = npt.NDArray[np.float32]
_ENOUGH_PX = 100_000  # pixels of an image that tell how it is stretched


def drawn(config: DegradeConfig, rng: np.random.Generator) -> Degradation:
    """One degradation within the settings: factor and photons even in their logarithms."""
    factor = _between(config.factor, rng) if _happens(config, rng) else 1.0
    blur = rng.uniform(0, config.blur_px) if _happens(config, rng) else 0.0
    noisy = config.photons[1] > 0 and _happens(config, rng)
    return Degradation(
        factor=min(factor, 1.0),
        down=config.down,
        up=config.up,
        blur_px=blur,
        photons=_between(config.photons, rng) if noisy else None,
        read_noise=config.read_noise if noisy else 0.0,
        bits=config.bits,
    )


def worsened(
    crop: Decoded,
    rng: np.random.Generator,
    *,
    config: DegradeConfig,
    preprocess: PreprocessConfig | None = None,
) -> Decoded:
    """The crop made worse by as much as chance draws, with what it was as its clean image.

    Args:
        crop: as the network would see it.
        rng: the only source of chance.
        config: how much worse.
        preprocess: how images become what the network sees, if the crop is to be stretched anew as
            the whole image would be, were it as bad.
    """
    how, seed = drawn(config, rng), int(rng.integers(2**31))
    levels = crop.levels if config.light == "image" else None
    image = _with_levels(crop.image, how, levels, seed=seed)
    image = covered(image, rng.uniform(0, config.covered), config.block_px, rng)
    if preprocess is not None and config.light == "image" and not how.changes_nothing:
        without_noise = replace(how, photons=None, read_noise=0.0, bits=None)
        still = _with_levels(crop.image, without_noise, levels, seed=seed)
        whole = crop.image if crop.whole is None else crop.whole
        step = 1 + math.isqrt(whole[0].size // _ENOUGH_PX)
        whole = _with_levels(whole, without_noise, levels, seed=seed)[:, ::step, ::step]
        image = stretched_anew(image, still, whole, preprocess)
    return replace(crop, image=image, clean=crop.image)


def covered(image: Float, share: float, block_px: int, rng: np.random.Generator) -> Float:
    """The image with about this share of its square blocks replaced by the mean of its channel."""
    if not share:
        return image
    height, width = image.shape[1:]
    shift_y, shift_x = rng.integers(0, block_px, 2)
    rows, columns = -(-(height + shift_y) // block_px), -(-(width + shift_x) // block_px)
    blocks = rng.random((rows, columns)) < share
    hidden = blocks.repeat(block_px, 0).repeat(block_px, 1)[shift_y:, shift_x:][:height, :width]
    return np.where(hidden, image.mean(axis=(1, 2), keepdims=True), image).astype(np.float32)


def _with_levels(
    image: Float, how: Degradation, levels: npt.NDArray[np.float64] | None, *, seed: int
) -> Float:
    """The image made worse, where a channel's values of no light and of the brightest are these.

    Without them the darkest pixel is no light, and a value 1 above it the brightest.
    """
    if levels is None:
        darkest = float(image.min())
        return degrade(image, replace(how, offset=darkest, brightest=darkest + 1), seed=seed)
    channels = []
    for number, (channel, (black, brightest)) in enumerate(zip(image, levels, strict=True)):
        of_channel = how
        if black < brightest:
            of_channel = replace(how, offset=float(black), brightest=float(brightest))
        channels.append(degrade(channel, of_channel, seed=seed + number))
    return np.stack(channels)


def _happens(config: DegradeConfig, rng: np.random.Generator) -> bool:
    return bool(rng.random() < config.probability)


def _between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))
