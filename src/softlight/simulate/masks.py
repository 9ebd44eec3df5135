"""Exact masks: which cell owns each pixel, and where in that cell the pixel lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    depth = np.zeros(shape)  # how far within its owner a pixel lies, in pixels; below 0 = inside
    index = np.zeros(shape, np.int32)
    level, forward, sideways = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for k, cell in enumerate(cells):
        radius = outline(cell, form)
        reach = int(np.ceil(radius.max() * (1 + abs(cell.bend)))) + 2
        rows = _span(cell.y + margin, reach, shape[0])
        columns = _span(cell.x + margin, reach, shape[1])
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        y = np.arange(rows.start, rows.stop)[:, None] - (cell.y + margin)
        x = np.arange(columns.start, columns.stop)[None, :] - (cell.x + margin)
        sine, cosine = np.sin(cell.angle), np.cos(cell.angle)
        u, v = x * cosine + y * sine, y * cosine - x * sine
        v = v - cell.bend * (1 - cell.roundness) * u**2 / cell.radius
        distance = np.hypot(u, v)
        edge = _at_angle(radius, np.arctan2(v, u))
        rough = form.ruffle * cell.radius * (1 - cell.roundness)
        if rough > 0:
            edge = edge + rough * _crop(ruffles, u, v, cell.texture)
        here = distance - edge - cell.roundness * cell.radius  # round cells lie on top
        inside = (distance < edge) & (here < depth[rows, columns])
        depth[rows, columns][inside] = here[inside]
        index[rows, columns][inside] = k + 1
        level[rows, columns][inside] = (distance / np.maximum(edge, 1e-6))[inside]
        forward[rows, columns][inside] = u[inside]
        sideways[rows, columns][inside] = v[inside]
    for k, cell in enumerate(cells):
        # Thin processes lie on what is still background; where they cross, the first one stays.
        at_y, at_x = process_pixels(cell, shape=shape, margin=margin)
        free = index[at_y, at_x] == 0
        index[at_y[free], at_x[free]] = k + 1
        level[at_y[free], at_x[free]] = PROCESS_LEVEL
    index = _one_piece(index)
    if form.closing > 0 and cells:
        gap = form.closing * 2 * float(np.median([cell.radius for cell in cells]))
        index, level, forward, sideways = _close(index, gap, level, forward, sideways)
    return Owners(index, level, forward, sideways)


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


def _close(index: Labels, gap: float, *planes: Floats) -> tuple[NDArray[Any], ...]:
    """Fills gaps narrower than twice `gap` with the nearest cell, as in a confluent sheet."""
    away, (rows, columns) = ndimage.distance_transform_edt(index == 0, return_indices=True)
    grown = away <= gap
    closed = ndimage.distance_transform_edt(grown) > gap
    take = closed & (index == 0)
    filled = np.where(take, index[rows, columns], index).astype(np.int32)
    moved = [np.where(take, plane[rows, columns], plane) for plane in planes]
    return (_one_piece(filled), *moved)
