"""How sharp and how bright a frame is, and where a movie's numbers jump."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

_FINE, _COARSE = (1.0, 2.0), (4.0, 8.0)  # Gaussian widths in pixels of two bands of detail
_BLURRED = 0.5  # of the sharpness of the frames around it
_AROUND = 3  # frames on either side
_JUMP, _CHANCE = 0.35, 4.0  # a count jumps by a third, and by four standard deviations


def frame_quality(image: NDArray[Any]) -> dict[str, float]:
    """``mean_grey``, ``sd_grey`` and ``sharpness`` of a raw (Y, X) frame.

    Sharpness is the contrast of fine detail over that of coarse detail: it falls when focus is
    lost, and stays when the light changes. A frame of one value has none (nan).
    """
    values = np.asarray(image, np.float64)
    fine, coarse = (_band(values, *band) for band in (_FINE, _COARSE))
    return {
        "mean_grey": float(values.mean()),
        "sd_grey": float(values.std()),
        "sharpness": fine / coarse if coarse > 0 else math.nan,
    }


def _band(values: NDArray[np.float64], narrow: float, wide: float) -> float:
    return float((gaussian_filter(values, narrow) - gaussian_filter(values, wide)).std())


def blurred_frames(sharpness: Sequence[float]) -> list[int]:
    """The frames that are far less sharp than those around them."""
    values = np.asarray(sharpness, float)
    found = []
    for t, value in enumerate(values):
        around = np.delete(values, t)[max(0, t - _AROUND) : t + _AROUND]
        around = around[np.isfinite(around)]
        if len(around) >= 2 and value < _BLURRED * float(np.median(around)):
            found.append(t)
    return found


def count_jumps(counts: Sequence[float]) -> list[int]:
    """The frames at which the number of cells leaps beyond what growth and chance explain.

    The leap is from the last frame that was counted; nan is a frame that was not.
    """
    found: list[int] = []
    before = math.nan
    for t, count in enumerate(counts):
        if not math.isfinite(count):
            continue
        larger = max(before, count) if math.isfinite(before) else math.nan
        if abs(count - before) > max(_JUMP * larger, _CHANCE * math.sqrt(larger)):
            found.append(t)
        before = count
    return found
