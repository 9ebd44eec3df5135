"""Grey values of every cell of a frame at once, on the raw pixels that were given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.measure.errors import MeasureError
from softlight.measure.runs import Floats, Ints, Runs, sums

MEASURES = (
    "mean_intensity",
    "sd_intensity",
    "min_intensity",
    "max_intensity",
    "median_intensity",
    "sum_intensity",
)
PLACES = ("weighted_y_px", "weighted_x_px", "bright_y_px", "bright_x_px")
BRIGHT_SHARE = 0.1  # of a cell's pixels


def channel_suffixes(
    image: NDArray[Any], shape: tuple[int, int], channels: tuple[str, ...] | None
) -> tuple[str, ...]:
    """What is appended to the columns of each channel: nothing where there is but one."""
    if image.ndim not in (2, 3) or image.shape[:2] != shape:
        raise MeasureError(
            f"The image has shape {image.shape} but the labels {shape}; give the image that the "
            "labels were made from, as (Y, X) or (Y, X, C)."
        )
    if not (image.dtype == bool or np.issubdtype(image.dtype, np.number)) or np.iscomplexobj(image):
        raise MeasureError(f"The image holds {image.dtype}; its pixels must be real numbers.")
    count = 1 if image.ndim == 2 else image.shape[2]
    if channels is None:
        return ("",) if count == 1 else tuple(f"_c{number}" for number in range(count))
    if len(channels) != count or len(set(channels)) != count:
        raise MeasureError(
            f"{len(set(channels))} channel names were given ({', '.join(channels)}) for an image "
            f"with {count}; name each channel once."
        )
    return tuple(f"_{name}" for name in channels)


def intensity_columns(runs: Runs, plane: NDArray[Any]) -> dict[str, Floats]:
    """Grey values of one (Y, X) channel, and where in the cell its light is, by column name.

    The weighted place is the centroid with grey values as weights; the bright place is the
    centroid of the brightest tenth of the pixels, with all that are equal to the dimmest of them.
    A cell with a pixel that is not finite is nan throughout.
    """
    cell, flat = runs.pixels()
    value = plane.ravel()[flat]
    count = np.bincount(cell, minlength=len(runs.labels)).astype(np.float64)
    ordered = _ordered(cell, value)
    value = value.astype(np.float64)
    begin = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)[: len(count)]
    size = count.astype(np.int64)
    y, x = np.divmod(flat, runs.shape[1])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        total = sums(cell, value, len(count))
        mean = total / count
        sd = np.sqrt(sums(cell, (value - mean[cell]) ** 2, len(count)) / count)
        middle = (ordered[begin + (size - 1) // 2] + ordered[begin + size // 2]) / 2
        weighted = [sums(cell, value * axis, len(count)) / total for axis in (y, x)]
        dimmest = ordered[begin + size - np.ceil(BRIGHT_SHARE * size).astype(np.int64)]
        bright = value >= dimmest[cell]
        places = [sums(cell[bright], axis[bright], len(count)) for axis in (y, x)]
        places = [place / sums(cell[bright], None, len(count)) for place in places]
    low, high = ordered[begin], ordered[begin + size - 1]
    found = dict(zip(MEASURES, (mean, sd, low, high, middle, total), strict=True))
    found |= dict(zip(PLACES, (*weighted, *places), strict=True))
    undefined = ~np.isfinite(total)
    for numbers in found.values():
        numbers[undefined] = np.nan
    for place in weighted:
        place[~(total > 0)] = np.nan
    return found


def _ordered(cell: Ints, value: NDArray[Any]) -> Floats:
    """The values with those of each cell in ascending order, cell after cell."""
    if value.dtype.kind in "bu" and value.dtype.itemsize <= 2:
        # One number that holds both sorts several times faster than two keys.
        together = (cell << 16) | value.astype(np.int64)
        together.sort()
        return (together & 0xFFFF).astype(np.float64)
    return value[np.lexsort((value, cell))].astype(np.float64)
