"""How many photons an image was made of, from how its noise grows with its brightness."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softlight.measure.errors import MeasureError

Floats = NDArray[np.float64]
_SIDE = 8  # pixels of a block; 16 pieces of noise in each
_LEVELS = 8  # of brightness
_FLAT = 0.25  # share of the blocks of a level that show the least structure
_LEAST_BLOCKS = 8  # of which noise is told
_ROUNDING = 1 / 12  # variance of a whole number
_BRIGHTEST = 99.95  # percentile of means of four pixels: neither noise nor a hot pixel


class Light(NamedTuple):
    """What an image tells of the light that it was taken with.

    Attributes:
        photons: for each pixel where the image is brightest, that would be as noisy; infinite
            where the noise is below that of rounding, nan where nothing can be told.
        noise: standard deviation of a pixel of middle brightness, in grey values.
        brightest: the grey value that is worth so many photons, above that of no light.
    """

    photons: float
    noise: float
    brightest: float


def light_of(image: NDArray[Any], *, no_light: float = 0.0) -> Light:
    """The photon budget of an image (Y, X) whose pixels are the camera's own.

    Photons come by chance: their variance is their number. So the brightness over the variance is
    the photons that a grey value is worth. The variance is that of the finest diagonal detail, in
    which slopes cancel, within blocks that are flat one step coarser; it is compared with the
    brightness of the same blocks. Noise of other kinds, and texture, count as few photons.

    Args:
        image: raw.
        no_light: the grey value of a pixel that no light fell on.
    """
    image = np.asarray(image)
    if image.ndim != 2 or min(image.shape) < _SIDE:
        raise MeasureError(
            f"The image has the shape {image.shape}; its noise can be told of a plane of at least "
            f"{_SIDE} x {_SIDE} pixels."
        )
    values = image.astype(np.float64) - no_light
    coarse, detail = _parted(values)
    brightest = float(np.percentile(coarse, _BRIGHTEST))
    level, variance, rough = _blocks(coarse, detail)
    per_level = [
        flat[np.argsort(rough[flat], kind="stable")[: max(1, round(_FLAT * len(flat)))]]
        for flat in np.array_split(np.argsort(level, kind="stable"), _LEVELS)
        if len(flat)
    ]
    if sum(map(len, per_level)) < _LEAST_BLOCKS or brightest <= 0:
        return Light(math.nan, math.nan, brightest)
    rounding = _ROUNDING if image.dtype.kind in "iu" else 0.0
    levels = np.array([level[flat].mean() for flat in per_level])
    variances = np.array([variance[flat].mean() for flat in per_level]) - rounding
    noise = math.sqrt(max(0.0, float(np.median(variances))))
    lit = levels > 0
    per_photon = float(np.median(variances[lit] / levels[lit])) if lit.any() else math.nan
    if per_photon * brightest <= rounding:
        return Light(math.nan if math.isnan(per_photon) else math.inf, noise, brightest)
    return Light(brightest / per_photon, noise, brightest)


def _parted(values: Floats) -> tuple[Floats, Floats]:
    """(mean, noise) of each square of four pixels; the noise is as large as that of one pixel."""
    rows, columns = (side // _SIDE * _SIDE // 2 for side in values.shape)
    quads = values[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2)
    detail = (quads[:, 0, :, 0] - quads[:, 0, :, 1] - quads[:, 1, :, 0] + quads[:, 1, :, 1]) / 2
    return quads.mean(axis=(1, 3)), detail


def _blocks(coarse: Floats, detail: Floats) -> tuple[Floats, Floats, Floats]:
    """(mean, variance of the noise, roughness) of each block."""
    half = _SIDE // 2
    rows, columns = (side // half for side in coarse.shape)

    def blocked(plane: Floats) -> Floats:
        return plane.reshape(rows, half, columns, half).swapaxes(1, 2).reshape(-1, half**2)

    parts = blocked(coarse)
    return parts.mean(axis=1), (blocked(detail) ** 2).mean(axis=1), parts.var(axis=1)
