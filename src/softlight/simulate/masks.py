"""Exact masks: which cell owns each pixel, and where in that cell the pixel lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from softlight.simulate.cells import Cell, Floats, Form
from softlight.simulate.outline import ANGLES, outline
from softlight.simulate.processes import process_pixels

Labels = NDArray[np.int32]
ATLAS_PX = 256  # side of the periodic textures
PROCESS_LEVEL = 0.93  # the level that marks pixels of thin processes


@dataclass(frozen=True, slots=True)
class Owners:
    """The pixels of one frame with its margin; index k of `cells` owns pixels of value k + 1."""

    index: Labels  # (Y, X), 0 = background
    level: Floats  # (Y, X) distance from the centre over the radius in that direction
    forward: Floats  # (Y, X) pixel offset along the owner's axis
    sideways: Floats  # (Y, X) pixel offset across it


def own_pixels(
    cells: Sequence[Cell], form: Form, *, shape: tuple[int, int], margin: int, ruffles: Floats
) -> Owners:
    """Gives every pixel to at most one cell; each cell is one connected piece."""
    index = np.zeros(shape, np.int32)
    planes = np.zeros((4, *shape))  # depth below the edge (negative), level, forward, sideways
    for k, cell in enumerate(cells):
        _draw_body(cell, form, k + 1, index=index, planes=planes, margin=margin, ruffles=ruffles)
    for k, cell in enumerate(cells):
        # Thin processes lie on what is still background; where they cross, the first one stays.
        rows, columns = process_pixels(cell, shape=shape, margin=margin)
        free = index[rows, columns] == 0
        index[rows[free], columns[free]] = k + 1
        planes[1, rows[free], columns[free]] = PROCESS_LEVEL
    index = _one_piece(index)
    if form.closing > 0 and cells:
        gap = form.closing * 2 * float(np.median([cell.radius for cell in cells]))
        index, planes = _close(index, planes, gap)
    return Owners(index, planes[1], planes[2], planes[3])


def _draw_body(
    cell: Cell,
    form: Form,
    value: int,
    *,
    index: Labels,
    planes: Floats,
    margin: int,
    ruffles: Floats,
) -> None:
    """Gives the cell those pixels within its outline that lie deeper in it than in any before."""
    radius = outline(cell, form)
    reach = int(np.ceil(radius.max() * (1 + abs(cell.bend)))) + 2
    box = (
        _span(cell.y + margin, reach, index.shape[0]),
        _span(cell.x + margin, reach, index.shape[1]),
    )
    if any(side.start >= side.stop for side in box):
        return
    y = np.arange(box[0].start, box[0].stop)[:, None] - (cell.y + margin)
    x = np.arange(box[1].start, box[1].stop)[None, :] - (cell.x + margin)
    sine, cosine = np.sin(cell.angle), np.cos(cell.angle)
    spread = 1 - cell.roundness
    u, v = x * cosine + y * sine, y * cosine - x * sine
    v = v - cell.bend * spread * u**2 / cell.radius
    distance = np.hypot(u, v)
    edge = _at_angle(radius, np.arctan2(v, u))
    edge = edge + form.ruffle * spread * cell.radius * _crop(ruffles, u, v, cell.texture)
    depth = distance - edge - 3 * cell.roundness * cell.radius  # round cells lie on top
    inside = (distance < edge) & (depth < planes[(0, *box)])
    index[box][inside] = value
    level = distance / np.maximum(edge, 1e-6)
    for plane, values in zip(planes, (depth, level, u, v), strict=True):
        plane[box][inside] = values[inside]


def _span(centre: float, reach: int, size: int) -> slice:
    middle = int(np.floor(centre))
    return slice(max(0, middle - reach), max(0, min(size, middle + reach + 1)))


def _at_angle(table: Floats, angle: Floats) -> Floats:
    """The table's value at each angle, between entries by a straight line."""
    place = (angle % (2 * np.pi)) * (ANGLES.size / (2 * np.pi))
    left = place.astype(np.int64)
    share = place - left
    values: Floats = (
        table[left % ANGLES.size] * (1 - share) + table[(left + 1) % ANGLES.size] * share
    )
    return values


def _crop(atlas: Floats, u: Floats, v: Floats, offset: Floats) -> Floats:
    """The periodic texture at these places, nearest pixel."""
    rows = (v + offset[0]).astype(np.int64) % ATLAS_PX
    columns = (u + offset[1]).astype(np.int64) % ATLAS_PX
    values: Floats = atlas[rows, columns]
    return values


def _one_piece(index: Labels) -> Labels:
    """Keeps the largest connected piece of each value."""
    pieces, count = measure.label(index, connectivity=1, return_num=True)  # type: ignore[no-untyped-call]
    if count == 0:
        return index
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    first = np.zeros(count + 1, np.int64)
    first[pieces.ravel()] = index.ravel()
    order = np.lexsort((-sizes[1:], first[1:])) + 1
    best = order[np.unique(first[order], return_index=True)[1]]
    keep = np.zeros(count + 1, bool)
    keep[best] = True
    keep[0] = False
    kept: Labels = np.where(keep[pieces], index, 0).astype(np.int32)
    return kept


def _close(index: Labels, planes: Floats, gap: float) -> tuple[Labels, Floats]:
    """Fills gaps narrower than twice `gap` with the nearest cell, as in a confluent sheet."""
    away, (rows, columns) = ndimage.distance_transform_edt(index == 0, return_indices=True)
    grown = away <= gap
    closed = ndimage.distance_transform_edt(grown) > gap
    take = closed & (index == 0)
    filled = np.where(take, index[rows, columns], index).astype(np.int32)
    return _one_piece(filled), np.where(take, planes[:, rows, columns], planes)
