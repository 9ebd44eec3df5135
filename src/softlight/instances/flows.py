"""Single cells from a foreground and the field of ``data.targets.flow_targets``.

Each pixel is carried along the field to where it leads; pixels that end together are a part of a
cell. Where the field is doubtful a cell comes in several parts. So the field is also taken for the
slope of a landscape, with a hill for each cell: at a border where two cells touch it points away to
both sides, so there is a valley, and parts that no valley divides are joined. The landscape whose
slope is nearest to the field everywhere is the answer of one Poisson equation; errors that
contradict each other cancel in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from softlight.data.targets import flow_targets
from softlight.instances.basins import basins, join_shallow, largest, passes
from softlight.instances.clean import Labels, checked_map, renumbered, whole

Map = NDArray[np.floating]
Field = NDArray[np.float32]
Indices = NDArray[np.intp]

_STEPS = 3  # taken with full precision; they are then repeated by doubling, pixel by pixel
_DOUBLINGS = 7
_BLOCK = 65_536  # pixels carried together: what is computed of so many stays in the caches
_SURE = 0.3  # to carry pixels, a vector shorter than this is not made one of length 1
_CROWD_PX = 1.0  # sigma by which the places where pixels end are spread
_THINNER = 0.5  # crowds are two if the way between is thinner by this share than the smaller one


def split_by_flow(
    foreground_probability: Map,
    flow: Map,
    *,
    foreground_threshold: float = 0.5,
    dip: float = 1.25,
    smoothing_px: float = 0.0,
    min_area_px: int = 0,
) -> Labels:
    """One label for each cell: the pixels that the field carries to the same hill.

    A piece of foreground is at least one cell, whatever the field in it.

    Args:
        foreground_probability: (Y, X), 0 to 1.
        flow: (2, Y, X), the way (y, x) to the centre of its cell from each pixel; the shorter a
            vector, the less sure, and the less it counts.
        foreground_threshold: foreground is where the probability is at least this.
        dip: two hills are two cells if the pass between them is this much below the lower one, in
            pixels: so far the field must lead up from it.
        smoothing_px: sigma of the Gaussian that the landscape is smoothed by.
        min_area_px: a smaller part belongs to the cell that it touches; touching none, it is
            dropped.
    """
    probability = checked_map(foreground_probability, name="foreground")
    foreground = probability >= foreground_threshold
    field = _checked_field(flow, foreground.shape)
    if not foreground.any():
        return np.zeros(foreground.shape, np.int32)
    height = landscape(np.where(foreground, field, 0))
    if smoothing_px > 0:
        height = ndimage.gaussian_filter(height, smoothing_px)

    def joins(peak: Any, way: Any) -> Any:
        return peak - way < dip

    parts = _parts(field, foreground)
    joined = join_shallow(parts, height, joins, min_area_px=min_area_px)
    return renumbered(joined, min_area_px=min_area_px)


def landscape(field: Field) -> Field:
    """The height (Y, X) whose slope is nearest to the field (2, Y, X) by least squares; mean 0.

    The slope between two pixels is the mean of theirs. The normal equations are a Poisson equation
    without flow through the edges of the image, which a cosine transform solves.
    """
    height, width = field.shape[1:]
    sources = np.zeros((height, width), np.float32)  # more slope leads out of a pixel than into it
    down = (field[0, 1:] + field[0, :-1]) / 2
    right = (field[1, :, 1:] + field[1, :, :-1]) / 2
    sources[:-1] += down
    sources[1:] -= down
    sources[:, :-1] += right
    sources[:, 1:] -= right
    waves = fft.dctn(sources, norm="ortho")
    curvature = np.add.outer(_curvatures(height), _curvatures(width))
    curvature[0, 0] = 1
    waves /= curvature
    waves[0, 0] = 0
    found: Field = fft.idctn(waves, norm="ortho")
    return found


def valley_depths(labels: Labels, flow: Map) -> NDArray[np.float64]:
    """How far below its peak each label 1 to n is divided from others, in pixels, in their order.

    That is the height of its peak in the landscape of the field above the highest pass to another
    label; of one that touches none, above the mean of its own edge; nan where there is no such
    label.
    """
    field = _checked_field(flow, labels.shape)
    height = landscape(np.where(labels > 0, field, 0))
    peak = largest(height, labels).astype(np.float64)
    low = _mean_at_edges(height, labels)
    found = passes(labels, height)
    touches = np.zeros(len(peak), bool)
    for side in (found.first, found.second):
        low[side[~touches[side]]] = -np.inf
        touches[side] = True
    for side in (found.first, found.second):
        np.maximum.at(low, side, found.height)
    with np.errstate(invalid="ignore"):
        depth: NDArray[np.float64] = (peak - low)[1:]
    depth[~np.isfinite(depth)] = np.nan
    return depth


def _mean_at_edges(values: Field, labels: Labels) -> NDArray[np.float64]:
    """The mean of the values over those pixels of each label 0 to n that others lie beside."""
    edge = np.zeros(labels.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = labels[one] != labels[other]
        edge[one] |= differ
        edge[other] |= differ
    whole_frame = labels.all() and not edge.any()
    at = np.flatnonzero(edge | whole_frame)
    size = int(labels.max(initial=0)) + 1
    total = np.bincount(labels.ravel()[at], values.ravel()[at], size)
    number = np.bincount(labels.ravel()[at], minlength=size)
    means: NDArray[np.float64] = np.divide(
        total, number, out=np.full(size, np.nan), where=number > 0
    )
    return means


def _curvatures(size: int) -> Field:
    """What the second difference multiplies each cosine wave of this many pixels by."""
    return (2 * np.cos(np.pi * np.arange(size) / size) - 2).astype(np.float32)


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
    """The field as float32; vectors longer than 1 are made as long as that."""
    if np.ndim(flow) != 3 or len(flow) != 2:
        raise ValueError(
            f"The flow has shape {np.shape(flow)}; it must be (2, Y, X): along y and x."
        )
    parts = [checked_map(part, shape, name="flow") for part in flow]
    field = np.stack(parts)
    field /= np.maximum(_lengths(field), 1)
    return field


def _lengths(field: Field) -> Field:
    """The length of each vector; quicker than a hypotenuse that guards against overflow."""
    length: Field = np.sqrt(field[0] * field[0] + field[1] * field[1])
    return length


def _parts(field: Field, foreground: NDArray[np.bool_]) -> Labels:
    """A connected part for each place where many pixels of the foreground end together."""
    ends = _carried(field, foreground)
    crowd = np.bincount(ends, minlength=foreground.size).reshape(foreground.shape)
    height = ndimage.gaussian_filter(crowd.astype(np.float32), _CROWD_PX, truncate=3)

    def joins(peak: Any, way: Any) -> Any:
        return way > (1 - _THINNER) * peak

    crowds = join_shallow(basins(height, height > 0), height, joins)
    found = np.zeros(foreground.shape, np.int32)
    found[foreground] = crowds.ravel()[ends]
    return whole(found)


def _carried(field: Field, foreground: NDArray[np.bool_]) -> Indices:
    """The flat index of the pixel where each foreground pixel ends, in raster order."""
    ways = [part.ravel() for part in field / np.maximum(_lengths(field), _SURE)]
    free = foreground.ravel()
    inside = np.flatnonzero(free)
    rank = np.empty(free.size, np.intp)
    rank[inside] = np.arange(inside.size)
    ends = np.empty_like(inside)
    for start in range(0, inside.size, _BLOCK):
        at = inside[start : start + _BLOCK]
        places = [part.astype(np.float32) for part in np.divmod(at, foreground.shape[1])]
        for _ in range(_STEPS):
            at = _step([way.take(at) for way in ways], free, places, at, foreground.shape)
        ends[start : start + _BLOCK] = at
    pointer = rank.take(ends)
    for _ in range(_DOUBLINGS):
        pointer = pointer.take(pointer)
    reached: Indices = inside.take(pointer)
    return reached


def _step(
    ways: list[Field],
    free: NDArray[np.bool_],
    places: list[Field],
    at: Indices,
    shape: tuple[int, ...],
) -> Indices:
    """The pixels after one step; the exact places (y, x) are moved along.

    A step that would leave the foreground slides along its edge.
    """
    height, width = shape
    new = (places[0] + ways[0]).clip(0, height - 1), (places[1] + ways[1]).clip(0, width - 1)
    row, column = (np.rint(place).astype(np.intp) for place in new)
    to: Indices = row * width + column
    edge = np.flatnonzero(~free.take(to))
    old_row, old_column = np.divmod(at[edge], width)
    down, across = row[edge] * width + old_column, old_row * width + column[edge]
    may_down, may_across = free[down], free[across]
    steeper = np.abs(ways[0][edge]) >= np.abs(ways[1][edge])
    moves_down = may_down & (steeper | ~may_across)
    moves_across = may_across & ~moves_down
    to[edge] = np.where(moves_down, down, np.where(moves_across, across, at[edge]))
    for place, moved, moves in zip(places, new, (moves_down, moves_across), strict=True):
        moved[edge] = np.where(moves, moved[edge], place[edge])
        place[:] = moved
    return to
