"""From a foreground to single cells: connected pieces, and touching cells cut at their necks.

Labels are int32, 0 is background, numbered 1 to n in the order in which their first pixel comes,
row by row. Pixels that touch by a side or a corner are connected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from softlight.instances.basins import join_shallow
from softlight.instances.clean import Labels, checked, renumbered

_CONNECTED = np.ones((3, 3), bool)


def split_components(foreground: NDArray[np.bool_], *, min_area_px: int = 0) -> Labels:
    """One label for each connected piece of at least ``min_area_px`` pixels."""
    foreground = checked(foreground) != 0
    labels = np.empty(foreground.shape, np.int32)
    ndimage.label(foreground, structure=_CONNECTED, output=labels)
    return renumbered(labels, min_area_px=min_area_px)


def split_touching(
    foreground_probability: NDArray[np.floating],
    *,
    threshold: float = 0.5,
    min_area_px: int = 0,
    min_distance_px: float = 5.0,
    neck: float = 0.85,
) -> Labels:
    """One label for each cell of the foreground, cut where it is narrow between two thick parts.

    A watershed of the distance to the background, times the probability, from its peaks. Two
    neighbours are one cell again where the pass between them is at least ``neck`` times as high as
    the lower of their peaks, so that an evenly thick spindle stays whole; so is a part smaller
    than ``min_area_px`` and whatever it touches.

    Args:
        foreground_probability: (Y, X), or a bool mask.
        threshold: foreground is where the probability is at least this.
        min_area_px: smaller cells are dropped.
        min_distance_px: centres of two cells are at least this far apart; about a quarter of the
            cell diameter is a good choice.
        neck: 0 never cuts, 1 cuts at the slightest waist.
    """
    probability = checked(foreground_probability).astype(np.float32)
    foreground = probability >= threshold
    if not foreground.any():
        return np.zeros(foreground.shape, np.int32)
    if foreground.all():  # no background to measure a distance to
        return renumbered(foreground.astype(np.int32), min_area_px=min_area_px)
    distance = ndimage.distance_transform_edt(foreground).astype(np.float32)
    height = ndimage.gaussian_filter(distance * probability, min_distance_px / 4)
    parts = _watershed(height, foreground, min_distance_px=min_distance_px)

    def joins(peak: Any, way: Any) -> Any:
        return way >= neck * peak

    merged = join_shallow(parts, height, joins, min_area_px=min_area_px)
    return renumbered(merged, min_area_px=min_area_px)


def _watershed(
    height: NDArray[np.float32], foreground: NDArray[np.bool_], *, min_distance_px: float
) -> Labels:
    """A part for each peak of the height; connected pieces without a peak are one part each."""
    pieces = np.empty(foreground.shape, np.int32)
    ndimage.label(foreground, structure=_CONNECTED, output=pieces)
    peaks = peak_local_max(  # type: ignore[no-untyped-call]
        height,
        min_distance=max(1, round(min_distance_px)),
        labels=pieces,
        exclude_border=False,
    )
    seeds = np.zeros(foreground.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts = watershed(  # type: ignore[no-untyped-call]
        -height, seeds, mask=foreground, connectivity=2
    )
    return np.where(foreground & (parts == 0), pieces + len(peaks), parts).astype(np.int32)
