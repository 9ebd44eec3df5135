"""Single cells from a foreground and the field of ``data.targets.flow_targets``.

Each pixel is carried along the field to where it leads; pixels that end together are one cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softlight.data.targets import flow_targets
from softlight.instances.basins import basins, join_shallow
from softlight.instances.clean import Labels, checked_map, renumbered, whole

Map = NDArray[np.floating]
Field = NDArray[np.float32]
Indices = NDArray[np.int32]

_STEPS = 5  # taken with full precision; they are then repeated by doubling, pixel by pixel
_DOUBLINGS = 6
_SURE = 0.3  # a vector shorter than this is not made one of length 1


def split_by_flow(
    foreground_probability: Map,
    flow: Map,
    *,
    foreground_threshold: float = 0.5,
    dip: float = 0.9,
    smoothing_px: float = 1.5,
    min_area_px: int = 0,
    max_error: float | None = None,
) -> Labels:
    """One label for each cell: the foreground pixels that the field carries to the same place.

    Args:
        foreground_probability: (Y, X), 0 to 1.
        flow: (2, Y, X), the way (y, x) to the centre of its cell from each pixel. Its length does
            not count.
        foreground_threshold: foreground is where the probability is at least this.
        dip: two crowds of carried pixels are two cells if between them the crowd is thinner than
            the smaller one by this share.
        smoothing_px: sigma of the Gaussian that the places where pixels end are spread by.
        min_area_px: smaller cells are dropped.
        max_error: drop cells whose pixels point elsewhere than to their common end: the greatest
            mean of 1 - cosine of the angle between; None keeps all.
    """
    probability = checked_map(foreground_probability, name="foreground")
    foreground = probability >= foreground_threshold
    field = _checked_field(flow, foreground.shape)
    if not foreground.any():
        return np.zeros(foreground.shape, np.int32)
    ends = _carried(field, foreground)
    crowds = _crowds(ends, foreground.shape, dip=dip, smoothing_px=smoothing_px)
    found = np.zeros(foreground.shape, np.int32)
    found[foreground] = crowds.ravel()[ends]
    cells = renumbered(whole(found, min_area_px=min_area_px), min_area_px=min_area_px)
    if max_error is None:
        return cells
    bad = np.flatnonzero(flow_errors(cells, field) > max_error) + 1
    return renumbered(np.where(np.isin(cells, bad), 0, cells), min_area_px=min_area_px)


def flow_errors(labels: Labels, flow: Map) -> NDArray[np.float64]:
    """How far the field is from that of these cells, for each label 1 to n in their order.

    The mean of 1 - cosine of the angle between the two: 0 where they agree, 1 for a random field.
    """
    field = _checked_field(flow, labels.shape)
    apart = 1 - (flow_targets(labels) * field).sum(axis=0)
    area = np.bincount(labels.ravel())
    total = np.bincount(labels.ravel(), apart.ravel())
    errors = np.full(len(area), np.nan)
    np.divide(total, area, out=errors, where=area > 0)
    return errors[1:]


def _checked_field(flow: Map, shape: tuple[int, ...]) -> Field:
    """The field as unit vectors; where it hardly points anywhere, shorter ones."""
    if np.ndim(flow) != 3 or len(flow) != 2:
        raise ValueError(
            f"The flow has shape {np.shape(flow)}; it must be (2, Y, X): along y and x."
        )
    parts = [checked_map(part, shape, name="flow") for part in flow]
    length = np.maximum(np.hypot(*parts), _SURE)
    return np.stack([part / length for part in parts])


def _carried(field: Field, foreground: NDArray[np.bool_]) -> Indices:
    """The flat index of the pixel where each foreground pixel ends, in raster order."""
    inside = np.flatnonzero(foreground).astype(np.int32)
    rank = np.zeros(foreground.size, np.int32)
    rank[inside] = np.arange(inside.size, dtype=np.int32)
    row, column = (part.astype(np.float32) for part in np.divmod(inside, foreground.shape[1]))
    at = inside
    for _ in range(_STEPS):
        row, column, at = _step(field, foreground, row, column, at)
    pointer = rank[at]
    for _ in range(_DOUBLINGS):
        pointer = pointer[pointer]
    return inside[pointer]


def _step(
    field: Field, foreground: NDArray[np.bool_], row: Field, column: Field, at: Indices
) -> tuple[Field, Field, Indices]:
    """One step along the field; one that would leave the foreground slides along its edge."""
    height, width = foreground.shape
    down, right = field[0].ravel()[at], field[1].ravel()[at]
    new_row, new_column = (row + down).clip(0, height - 1), (column + right).clip(0, width - 1)
    old_y, old_x = np.divmod(at, np.int32(width))
    new_y, new_x = np.rint(new_row).astype(np.int32), np.rint(new_column).astype(np.int32)
    free = foreground.ravel()
    both = free[new_y * width + new_x]
    only_down = ~both & free[new_y * width + old_x]
    only_right = ~both & free[old_y * width + new_x]
    steeper = np.abs(down) >= np.abs(right)
    moves_row = both | (only_down & (steeper | ~only_right))
    moves_column = both | (only_right & ~moves_row)
    row, column = np.where(moves_row, new_row, row), np.where(moves_column, new_column, column)
    at = np.where(moves_row, new_y, old_y) * np.int32(width) + np.where(moves_column, new_x, old_x)
    return row, column, at


def _crowds(ends: Indices, shape: tuple[int, ...], *, dip: float, smoothing_px: float) -> Labels:
    """A number for each place where many pixels end together, with its surroundings."""
    crowd = np.bincount(ends, minlength=shape[0] * shape[1]).reshape(shape)
    height = ndimage.gaussian_filter(crowd.astype(np.float32), smoothing_px, truncate=3)

    def joins(peak: Any, way: Any) -> Any:
        return way > (1 - dip) * peak

    return join_shallow(basins(height, height > 0), height, joins)
