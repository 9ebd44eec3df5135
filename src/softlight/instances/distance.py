"""Single cells from a foreground and the maps of ``data.targets.distance_targets``.

Each peak of the maps begins a part, and two parts are one cell again unless a deep enough dip lies
between their peaks. So it does not matter how high a peak is as such, as it would for a threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softlight.instances.basins import basins, join_shallow, largest
from softlight.instances.clean import Labels, checked_map, renumbered

Map = NDArray[np.floating]


def split_by_distance(
    foreground_probability: Map,
    boundary_distance: Map,
    center: Map | None = None,
    *,
    foreground_threshold: float = 0.5,
    seed_threshold: float = 0.3,
    dip: float = 0.15,
    smoothing_px: float = 1.0,
    min_area_px: int = 0,
) -> Labels:
    """One label for each cell: a watershed of the maps in the foreground, shallow dips filled.

    The height is the geometric mean of the two maps: above 0 only inside, one peak for each cell.
    A piece of foreground is at least one cell, however low its peak.

    Args:
        foreground_probability: (Y, X), 0 to 1.
        boundary_distance: (Y, X), how deep in its cell a pixel is, 1 at the deepest.
        center: (Y, X), how near to the centre of its cell, 1 at it.
        foreground_threshold: foreground is where the probability is at least this.
        seed_threshold: a part whose peak is below it belongs to the cell that it touches.
        dip: two parts are two cells if the pass between them is this much below the lower peak.
        smoothing_px: sigma of the Gaussian that the height is smoothed by.
        min_area_px: a smaller part belongs to the cell that it touches; touching none, it is
            dropped.
    """
    probability = checked_map(foreground_probability, name="foreground")
    foreground = probability >= foreground_threshold
    if not foreground.any():
        return np.zeros(foreground.shape, np.int32)
    height = checked_map(boundary_distance, foreground.shape, name="map of boundary distances")
    if center is not None:
        nearness = checked_map(center, foreground.shape, name="map of centres")
        height = np.sqrt(np.maximum(height * nearness, 0))
    if smoothing_px > 0:
        height = ndimage.gaussian_filter(height, smoothing_px)

    def joins(peak: Any, way: Any) -> Any:
        return (peak - way < dip) | (peak < seed_threshold)

    parts = join_shallow(basins(height, foreground), height, joins, min_area_px=min_area_px)
    return renumbered(parts, min_area_px=min_area_px)


def cell_scores(
    labels: Labels, foreground_probability: Map, boundary_distance: Map
) -> NDArray[np.float64]:
    """How surely each label 1 to n is a cell, 0 to 1, in their order: raw, not a probability yet.

    The mean probability of its foreground, times the greatest distance that was seen in it: 1
    where the network was sure of the cell and of its middle.
    """
    count = int(labels.max(initial=0))
    probability = checked_map(foreground_probability, labels.shape, name="foreground")
    distance = checked_map(boundary_distance, labels.shape, name="map of boundary distances")
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    total = np.bincount(labels.ravel(), probability.ravel(), count + 1)[1:]
    deepest = largest(distance, labels)[1:].astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(area > 0, np.clip(total / area, 0, 1) * np.clip(deepest, 0, 1), np.nan)
