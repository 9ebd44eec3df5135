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
        _draw_processes(cell, k + 1, index, level, margin)
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


def _draw_processes(cell: Cell, value: int, index: Labels, level: Floats, margin: int) -> None:
    """Draws thin processes over what is still background, as discs along their paths."""
    for process in cell.processes:
        reach = process.reach * (1 - cell.roundness)
        grown = round(reach * len(process.path))
        if grown < 2:
            continue
        paths = [(process.path[:grown], process.width)]
        if 0 <= process.branch_at < grown:
            shown = process.branch[: max(2, round(reach * len(process.branch)))]
            start = process.path[process.branch_at][None]
            paths.append((np.concatenate([start, shown]), process.width * 0.7))
        for path, width in paths:
            _draw_path(path, width, cell, value, index, level, margin)


def _draw_path(
    path: Floats, width: float, cell: Cell, value: int, index: Labels, level: Floats, margin: int
) -> None:
    whole = np.concatenate([np.zeros((1, 2)), path]) if not np.any(path[0] > 9e9) else path
    count = int(np.hypot(*np.diff(whole, axis=0).T).sum() * cell.radius * 1.5) + 2
    at = np.linspace(0, len(whole) - 1, count)
    v = np.interp(at, np.arange(len(whole)), whole[:, 0]) * cell.radius
    u = np.interp(at, np.arange(len(whole)), whole[:, 1]) * cell.radius
    sine, cosine = np.sin(cell.angle), np.cos(cell.angle)
    y = cell.y + margin + u * sine + v * cosine
    x = cell.x + margin + u * cosine - v * sine
    taper = np.maximum(0.75, width * (1 - 0.7 * at / max(at[-1], 1)))
    reach = int(np.ceil(width)) + 1
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    rows = np.rint(y[:, None]).astype(np.int64) + dy
    columns = np.rint(x[:, None]).astype(np.int64) + dx
    near = np.hypot(rows - y[:, None], columns - x[:, None]) <= taper[:, None]
    near &= (rows >= 0) & (rows < index.shape[0]) & (columns >= 0) & (columns < index.shape[1])
    rows, columns = rows[near], columns[near]
    free = index[rows, columns] == 0
    index[rows[free], columns[free]] = value
    level[rows[free], columns[free]] = PROCESS_LEVEL


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
