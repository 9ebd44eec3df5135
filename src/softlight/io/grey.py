"""Colour to grey, by one stated rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def to_grey(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """One (Y, X) plane in the dtype that came in.

    Grey stays as it is. Red, green and blue become ``0.299 R + 0.587 G + 0.114 B`` (ITU-R BT.601),
    rounded for whole numbers; equal channels give exactly that channel. Alpha is dropped.
    The rule is for colours: of fluorescence channels choose one when opening (``channel=``).
    """
    if array.ndim == 2:
        return array
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4):
        raise ImageError(
            f"An array of shape {array.shape} has no grey; give (Y, X), (Y, X, 3) or (Y, X, 4), "
            "or choose one channel with channel=."
        )
    if array.shape[-1] == 1:
        return array[..., 0]
    red, green, blue = (array[..., at].astype(np.float64) for at in range(3))
    # Around green, so that equal channels stay exact in floating point too.
    luma = green + LUMA[0] * (red - green) + LUMA[2] * (blue - green)
    if array.dtype == np.bool_:
        return np.asarray(luma >= 0.5)
    if np.issubdtype(array.dtype, np.integer):
        luma = np.rint(luma)
    return luma.astype(array.dtype)
