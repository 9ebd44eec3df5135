"""Single cells from a foreground and the maps of ``data.targets.distance_targets``.

Each cell grows from where its middle is seen, downhill, until it meets another or the background.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from softlight.instances.clean import Labels, checked, checked_map, renumbered

Map = NDArray[np.floating]
_CONNECTED = np.ones((3, 3), bool)


def split_by_distance(
    foreground_probability: Map,
    boundary_distance: Map,
    center: Map | None = None,
    *,
    foreground_threshold: float = 0.5,
    seed_threshold: float = 0.5,
    smoothing_px: float = 1.0,
    min_area_px: int = 0,
) -> Labels:
    """One label for each cell: a watershed of the maps in the foreground, from their high places.

    A piece of foreground without any seed is one cell.

    Args:
        foreground_probability: (Y, X), 0 to 1.
        boundary_distance: (Y, X), how deep in its cell a pixel is, 1 at the deepest.
        center: (Y, X), how near to the centre of its cell, 1 at it.
        foreground_threshold: foreground is where the probability is at least this.
        seed_threshold: connected places above it are the seeds of one cell each.
        smoothing_px: sigma of the Gaussian that the maps are smoothed by.
        min_area_px: smaller cells are dropped.
    """
    probability = checked(foreground_probability)
    foreground = probability >= foreground_threshold
    height = checked_map(boundary_distance, foreground.shape, name="boundary distance")
    if center is not None:
        height = (height + checked_map(center, foreground.shape, name="map of centres")) / 2
    if not foreground.any():
        return np.zeros(foreground.shape, np.int32)
    if smoothing_px > 0:
        height = ndimage.gaussian_filter(height, smoothing_px)
    seeds = np.empty(foreground.shape, np.int32)
    number = ndimage.label(foreground & (height > seed_threshold), _CONNECTED, output=seeds)
    cells = watershed(  # type: ignore[no-untyped-call]
        -height, seeds, mask=foreground, connectivity=2
    )
    lone = foreground & (cells == 0)
    if lone.any():
        pieces = np.empty(foreground.shape, np.int32)
        ndimage.label(lone, _CONNECTED, output=pieces)
        cells = np.where(lone, pieces + number, cells)
    return renumbered(cells.astype(np.int32, copy=False), min_area_px=min_area_px)
