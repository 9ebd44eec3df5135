"""What an image is like, in a few numbers: to tell when it is unlike those a model was trained on.

Each trait has a direction that means something to whoever took the image; none depends on the
camera's gain, nor on how large the image is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softlight.config import FingerprintConfig, Quantiles
from softlight.measure.quality import frame_quality

Traits = dict[str, float]
_NOISE_OF_MEDIAN = 0.6745  # of a Gaussian: median of absolute values by its standard deviation
_WINDOW_PX = 512  # of the spectrum
_LOOKED_AT_PX = 1024  # the middle of larger frames says as much
_CELL_PX = 4  # detail finer than this is not a cell
_BAND = (1 / 32, 1 / 5)  # cycles per pixel: finer is the camera's, coarser the lamp's

# How far beyond the training images is far: a factor for those measured in ratios, else added.
RATIOS = {"contrast": 2.5, "signal_to_noise": 2.5, "sharpness": 1.6, "cell_diameter_px": 1.6}
DIFFERENCES = {"skewness": 0.7, "middle": 0.2, "slope": 1.0}
_NEAR = 1.5  # a negative that is not inverted itself is so near to the training images
_FAR_NEARER = 1.5  # so much nearer than the image
ONE_SIDED = {"signal_to_noise"}  # more of it than in training does no harm


class Odd(NamedTuple):
    """A trait of an image that none of the training images was near."""

    trait: str
    value: float
    lowest: float  # of the training images
    highest: float
    distance: float  # beyond 1 is far; above 0 is too high, below 0 too low


def image_traits(raw: NDArray[Any], prepared: NDArray[Any] | None = None) -> Traits:
    """The traits of a grey frame (Y, X); those that it has not, as one of one value, are nan.

    - ``contrast``: brightest less darkest percent, relative to the median
    - ``signal_to_noise``: contrast of what is as large as cells, by the noise of a pixel
    - ``skewness``: of the intensities: above 0 where a few are very bright
    - ``middle``: where the median lies between the darkest (0) and the brightest (1) percent
    - ``sharpness``: contrast of fine by that of coarse detail, see ``measure.quality``
    - ``slope``: how fast the spectrum falls, as a power of the frequency

    Args:
        raw: as the microscope gave it.
        prepared: the same at the size that the network sees, for the last two.
    """
    values = _middle(raw)
    low, middle, high = (float(v) for v in np.percentile(values, (1, 50, 99)))
    sized = values if prepared is None else _middle(prepared)
    deviation = float(values.std())
    skewness = math.nan
    if deviation > 0:
        inside = np.clip(values, low, high)  # a hot pixel is not the image
        spread = float(inside.std())
        if spread > 0:
            skewness = float(((inside - inside.mean()) ** 3).mean()) / spread**3
    return {
        "contrast": _ratio(high - low, abs(middle)),
        "signal_to_noise": _ratio(_cell_contrast(values), pixel_noise(values)),
        "skewness": skewness,
        "middle": _ratio(middle - low, high - low),
        "sharpness": frame_quality(sized)["sharpness"],
        "slope": spectrum_slope(sized),
    }


def pixel_noise(image: NDArray[Any]) -> float:
    """Standard deviation of the noise of a pixel, from 2x2 blocks in which slopes cancel."""
    values = np.asarray(image, np.float64)
    if min(values.shape) < 2:
        return 0.0
    even = values[: values.shape[0] // 2 * 2, : values.shape[1] // 2 * 2]
    detail = (even[::2, ::2] - even[::2, 1::2] - even[1::2, ::2] + even[1::2, 1::2]) / 2
    return float(np.median(np.abs(detail))) / _NOISE_OF_MEDIAN


def spectrum_slope(image: NDArray[Any]) -> float:
    """The power of the frequency that the spectrum falls with, about -2 to -4; nan without any."""
    height, width = (min(side, _WINDOW_PX) for side in image.shape)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    values = np.asarray(image[top : top + height, left : left + width], np.float64)
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.rfft2((values - values.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    edges = np.geomspace(*_BAND, 9)
    place = np.digitize(frequency.ravel(), edges)
    sums = np.bincount(place, power.ravel(), 10)[1:9]
    number = np.bincount(place, minlength=10)[1:9]
    known = (number > 0) & (sums > 0)
    if known.sum() < 3:
        return math.nan
    middles = np.sqrt(edges[1:] * edges[:-1])
    slope, _ = np.polyfit(np.log(middles[known]), np.log(sums[known] / number[known]), 1)
    return float(slope)


def fingerprint_of(images: Sequence[Mapping[str, float]]) -> FingerprintConfig | None:
    """Lowest, median and highest of each trait over the images; None where there is nothing."""
    names = dict.fromkeys(name for traits in images for name in traits)
    found: dict[str, Quantiles] = {}
    for name in names:
        values = np.array([traits.get(name, math.nan) for traits in images], np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            low, middle, high = (round(float(v), 4) for v in np.quantile(values, (0, 0.5, 1)))
            found[name] = (low, middle, high)
    return FingerprintConfig(images=len(images), traits=found) if found else None


def odd_traits(traits: Mapping[str, float], fingerprint: FingerprintConfig) -> list[Odd]:
    """The traits that lie far beyond those of the training images, the farthest first.

    The fewer the training images, the less they show of what is usual, and the farther is far.
    """
    found = []
    allowed = 1 + 1 / fingerprint.images
    for name, value in traits.items():
        if name not in fingerprint.traits or not math.isfinite(value):
            continue
        low, _, high = fingerprint.traits[name]
        if name in RATIOS:
            if min(value, low) <= 0:
                continue
            unit, at = math.log(RATIOS[name]), math.log(value)
            distance = max(math.log(low) - at, at - math.log(high)) / unit
        elif name in DIFFERENCES:
            distance = max(low - value, value - high) / DIFFERENCES[name]
        else:
            continue
        sign = 1 if value > high else -1
        if distance > allowed and not (sign > 0 and name in ONE_SIDED):
            found.append(Odd(name, value, low, high, sign * distance / allowed))
    return sorted(found, key=lambda odd: -abs(odd.distance))


def seems_inverted(traits: Mapping[str, float], fingerprint: FingerprintConfig) -> bool:
    """Whether the negative of an image with these traits would be far more like the training.

    In a negative the intensities are skewed the other way, and the median lies as far from the
    brightest as it did from the darkest.
    """
    negative = {
        "skewness": -traits.get("skewness", math.nan),
        "middle": 1 - traits.get("middle", math.nan),
    }

    def off(values: Mapping[str, float]) -> float:
        return sum(
            abs(values[name] - fingerprint.traits[name][1]) / DIFFERENCES[name] for name in negative
        )

    known = all(name in traits and name in fingerprint.traits for name in negative)
    return known and off(negative) < _NEAR and off(traits) - off(negative) > _FAR_NEARER


def _cell_contrast(values: NDArray[np.float64]) -> float:
    height, width = (max(1, side // _CELL_PX) for side in values.shape)
    rows, columns = min(_CELL_PX, values.shape[0]), min(_CELL_PX, values.shape[1])
    blocks = values[: height * rows, : width * columns].reshape(height, rows, width, columns)
    coarse = blocks.mean(axis=(1, 3))
    return float((coarse - ndimage.gaussian_filter(coarse, 4.0)).std())


def _middle(image: NDArray[Any]) -> NDArray[np.float64]:
    cut = [
        slice((side - min(side, _LOOKED_AT_PX)) // 2, (side + min(side, _LOOKED_AT_PX)) // 2)
        for side in image.shape
    ]
    return np.asarray(image[tuple(cut)], np.float64)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
