"""What every way of splitting begins and ends with: checked maps, and labels in order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]


def checked(image: NDArray[np.generic], *, name: str = "foreground") -> NDArray[np.generic]:
    """The image as an array, a plane ``(Y, X)`` of finite numbers."""
    array = np.asarray(image)
    if array.ndim != 2:
        raise ValueError(
            f"The {name} has shape {array.shape}; it must be one plane (Y, X). Give one frame "
            "and one class at a time."
        )
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise ValueError(f"The {name} holds NaN or infinity; check the network's output.")
    return array


def checked_map(
    image: NDArray[np.generic], shape: tuple[int, ...] | None = None, *, name: str
) -> NDArray[np.float32]:
    """The same as float32, and as large as the foreground."""
    array = checked(image, name=name).astype(np.float32, copy=False)
    if shape is not None and array.shape != shape:
        raise ValueError(
            f"The {name} has shape {array.shape} and the foreground {shape}; they must be the same."
        )
    return array


def renumbered(labels: Labels, *, min_area_px: int) -> Labels:
    """The labels of at least this area, numbered 1 to n by their first pixel."""
    flat = labels.ravel()
    inside = np.flatnonzero(flat)
    values = flat[inside]
    area = np.bincount(values, minlength=1)
    first = np.zeros(len(area), np.intp)
    first[values[::-1]] = inside[::-1]  # of several writes the last stays: the first pixel
    kept = np.flatnonzero((area > 0) & (area >= min_area_px))
    kept = kept[np.argsort(first[kept], kind="stable")]
    renumber = np.zeros(len(area), np.int32)
    renumber[kept] = np.arange(1, len(kept) + 1)
    return renumber[labels]
