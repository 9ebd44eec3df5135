"""How fine the detail of an image really is: where its spectrum ends, as a share of its grid's.

An image that was enlarged, or is out of focus, holds less than its pixels promise. There are two
ways here to tell how much less, to compare them; `effective_resolution` is the one that is used.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.measure.errors import MeasureError

Floats = NDArray[np.float64]
LEAST_PX = 32  # a smaller image has no spectrum to speak of
_WINDOW_PX = 512  # the middle says as much as the whole
_BINS = 64  # of the frequencies up to the finest that the grid can show
_COARSE = 0.03  # of these; what is coarser is the lamp's
_ROUNDING = 3 / 12  # of whole numbers, 1/12 for each frequency; what is near that tells nothing
_DROP = 0.6  # decades below what coarser detail promises: the spectrum has ended
_STEEPEST = -4.0  # power of the frequency that the spectrum of a sharp image falls with
_BEYOND = 1.6  # so much finer than its coarse pixels is the end of an enlarged image's spectrum
_BEYOND_BY_PHASES = 1.45  # the same of the second way
_DETAIL_PX = 1.0  # Gaussian width of what is taken off before the second way


def effective_resolution(image: NDArray[Any]) -> float:
    """The share of its grid's resolution that an image (Y, X) uses, up to 1; nan without detail.

    1 is detail down to two pixels; 0.25 is what an image has that was enlarged four times. The
    spectrum ends where all finer detail has clearly less power than what is coarser promises by a
    power law. Noise of the pixels themselves counts as detail: it shows that the grid is the
    camera's own.
    """
    power, frequency = _power(image)
    mean = np.maximum(_radial(power, frequency) - _rounding(image), 0)
    if not mean.any():
        return math.nan
    at = (np.arange(_BINS) + 0.5) / _BINS
    use = at > _COARSE
    return min(
        1.0, _end(np.log10(at[use]), np.log10(np.maximum(mean[use], 1e-9 * mean.max()))) / _BEYOND
    )


def decorrelation_resolution(image: NDArray[Any]) -> float:
    """The same by decorrelation, after Descloux et al. 2019 (doi 10.1038/s41592-019-0515-7).

    The image is correlated with itself as it would be if every frequency counted alike, up to a
    radius that grows. The correlation is highest where detail ends. Coarse structure is taken off
    first.
    """
    power, frequency = _power(image)
    power = np.maximum(power - _rounding(image), 0)
    fine = -np.expm1(-((np.pi * _DETAIL_PX * frequency) ** 2) / 2)
    inside = (frequency > 0) & (frequency <= 1)
    order = np.argsort(frequency[inside])
    sums = np.cumsum((np.sqrt(power) * fine)[inside][order])
    if sums[-1] <= 0:
        return math.nan
    best = int(np.argmax(sums / np.sqrt(np.arange(1, len(sums) + 1))))
    end = float(frequency[inside][order][best])
    return min(1.0, end / _BEYOND_BY_PHASES) if end < 1 - 1 / _BINS else 1.0


def _power(image: NDArray[Any]) -> tuple[Floats, Floats]:
    """(power, frequency) of the middle, the half plane that holds all of its spectrum."""
    image = np.asarray(image)
    if image.ndim != 2 or min(image.shape) < LEAST_PX:
        raise MeasureError(
            f"The image has the shape {image.shape}; its resolution can be told of a plane of at "
            f"least {LEAST_PX} x {LEAST_PX} pixels."
        )
    height, width = (min(side, _WINDOW_PX) for side in image.shape)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    values = image[top : top + height, left : left + width].astype(np.float64)
    window = np.outer(np.hanning(height), np.hanning(width))
    transformed = np.fft.rfft2((values - values.mean()) * window)
    power = np.abs(transformed) ** 2 / float((window**2).sum())
    frequency = 2 * np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    return power, frequency


def _rounding(image: NDArray[Any]) -> float:
    return _ROUNDING if image.dtype.kind in "iub" else 0.0


def _radial(power: Floats, frequency: Floats) -> Floats:
    """Mean power in each bin of frequency up to 1."""
    place = np.minimum((frequency * _BINS).astype(np.intp), _BINS).ravel()
    sums = np.bincount(place, power.ravel(), _BINS + 1)[:_BINS]
    counts = np.bincount(place, minlength=_BINS + 1)[:_BINS]
    mean: Floats = sums / np.maximum(counts, 1)
    return mean


def _end(at: Floats, power: Floats) -> float:
    """The lowest frequency from which on all power is below what coarser detail promises.

    Both are decimal logarithms; the power law is that of the two thirds before each frequency.
    """
    for cut in range(4, len(at) - 1):
        before = slice(max(0, cut // 3), cut)
        slope = float(np.polyfit(at[before], power[before], 1)[0])
        slope = min(max(slope, _STEEPEST), 0.0)
        level = float((power[before] - slope * at[before]).mean())
        if (level + slope * at[cut:] - power[cut:] > _DROP).all():
            return float(10 ** at[cut])
    return _BEYOND
