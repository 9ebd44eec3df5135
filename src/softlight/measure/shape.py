"""The shape of every cell of a frame at once: moments, ellipse, perimeter, convex hull.

Definitions are scikit-image's (`skimage.measure.regionprops`), computed for all cells together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlight.measure.runs import Floats, Ints, Runs, sums


def shape_columns(runs: Runs, labels: NDArray[np.integer]) -> dict[str, Floats]:
    """Area, centroid, ellipse, perimeter and solidity of each cell, by column name."""
    area = runs.total(runs.length)
    columns = ellipse_columns(runs, area)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns["solidity"] = area / convex_area(runs)
    columns["perimeter_px"] = perimeter(runs, labels)
    return columns


def ellipse_columns(runs: Runs, area: Floats) -> dict[str, Floats]:
    """Centroid, and the ellipse with the cell's second moments."""
    starts = runs.starts()
    row0, first0 = runs.row[starts], runs.first[starts]
    y = runs.row - row0[runs.cell]  # near 0, so that squares lose no digits in large images
    low, high = runs.first - first0[runs.cell], runs.last - first0[runs.cell]
    n = runs.length
    sum_x = (low + high) * n / 2
    sum_xx = _squares(high) - _squares(low - 1)
    mean_y, mean_x = runs.total(y * n) / area, runs.total(sum_x) / area
    var_y = np.maximum(runs.total(y * y * n) / area - mean_y**2, 0)
    var_x = np.maximum(runs.total(sum_xx) / area - mean_x**2, 0)
    cov = runs.total(y * sum_x) / area - mean_x * mean_y
    middle, spread = (var_y + var_x) / 2, np.hypot((var_y - var_x) / 2, cov)
    large, small = middle + spread, np.maximum(middle - spread, 0)
    small[small < 1e-12 * np.maximum(large, 1)] = 0  # a straight line of pixels has no width
    with np.errstate(invalid="ignore", divide="ignore"):
        eccentricity = np.where(large > 0, np.sqrt(1 - small / large), 0)
    return {
        "y_px": mean_y + row0,
        "x_px": mean_x + first0,
        "area_px": area,
        "equivalent_diameter_px": np.sqrt(4 * area / np.pi),
        "axis_major_length_px": 4 * np.sqrt(large),
        "axis_minor_length_px": 4 * np.sqrt(small),
        "eccentricity": eccentricity,
        "orientation_rad": _orientation(var_y, var_x, cov),
    }


def _squares(n: Ints) -> Floats:
    """0² + 1² + … + n²; also right as a difference for negative n."""
    total: Floats = n * (n + 1.0) * (2.0 * n + 1.0) / 6.0
    return total


def _orientation(var_y: Floats, var_x: Floats, cov: Floats) -> Floats:
    """Angle between the rows' axis and the major axis, from -π/2 to π/2; nan for no direction."""
    size = 1e-12 * np.maximum(var_y + var_x, 1e-300)
    difference = np.where(np.abs(var_y - var_x) <= size, 0.0, var_y - var_x)
    product = np.where(np.abs(cov) <= size, 0.0, cov)
    angle: Floats = 0.5 * np.arctan2(2 * product, difference)
    angle[(difference == 0) & (product == 0)] = np.nan
    return angle


def perimeter(runs: Runs, labels: NDArray[np.integer]) -> Floats:
    """scikit-image's perimeter: the line through the centres of the cell's border pixels."""
    padded = np.pad(labels, 1)
    width = padded.shape[1]
    flat = padded.ravel()
    inside, edge = padded[1:-1, 1:-1], np.zeros(padded.shape, bool)
    sides = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    for other in sides:
        edge[1:-1, 1:-1] |= inside != other
    edge &= padded > 0
    border = np.flatnonzero(edge)
    value, is_border = flat[border], edge.ravel()
    code = np.ones(len(border), np.int64)
    for weight, steps in ((2, (-width, width, -1, 1)), (10, _diagonals(width))):
        for step in steps:
            code += weight * ((flat[border + step] == value) & is_border[border + step])
    cell = np.searchsorted(runs.labels, value)
    return sums(cell, _STEP_LENGTH[code], len(runs.labels))


def _diagonals(width: int) -> tuple[int, int, int, int]:
    return (-width - 1, -width + 1, width - 1, width + 1)


_STEP_LENGTH = np.zeros(50)
_STEP_LENGTH[[5, 7, 15, 17, 25, 27]] = 1
_STEP_LENGTH[[21, 33]] = np.sqrt(2)
_STEP_LENGTH[[13, 23]] = (1 + np.sqrt(2)) / 2


def convex_area(runs: Runs) -> Floats:
    """Pixels whose centre lies in the convex hull of the cell's pixel edges.

    All in whole numbers of half pixels. A hull of so many cells at once: from the leftmost points
    of all rows, points on or behind the line between their two neighbours are dropped until none
    is left to drop; no corner of the hull can ever be dropped.
    """
    if not len(runs.labels):
        return np.zeros(0)
    cell, row, left, right = _row_ends(runs)
    top = row[np.searchsorted(cell, np.arange(len(runs.labels)))]
    bottom = row[np.searchsorted(cell, np.arange(len(runs.labels)), side="right") - 1]
    rows = bottom - top + 1
    begins = np.concatenate([[0], np.cumsum(rows)[:-1]])
    of = np.repeat(np.arange(len(rows)), rows)
    y = np.arange(int(rows.sum())) - np.repeat(begins - top, rows)
    low = _hull_at(*_left_chain(cell, row, left), of, y)
    high = -_hull_at(*_left_chain(cell, row, -right), of, y)
    return sums(of, high - low + 1, len(rows))


def _row_ends(runs: Runs) -> tuple[Ints, Ints, Ints, Ints]:
    """(cell, row, leftmost column, rightmost column) of every row of every cell."""
    new = np.ones(len(runs.cell), bool)
    new[1:] = (np.diff(runs.cell) != 0) | (np.diff(runs.row) != 0)
    begin = np.flatnonzero(new)
    end = np.append(begin[1:], len(new)) - 1
    return runs.cell[begin], runs.row[begin], runs.first[begin], runs.last[end]


def _left_chain(cell: Ints, row: Ints, left: Ints) -> tuple[Ints, Ints, Ints]:
    """(cell, y, x) of the left corners of each hull, in half pixels, downward."""
    points_cell = np.repeat(cell, 3)
    y = (2 * row[:, None] + np.array([-1, 0, 1])).ravel()
    x = (2 * left[:, None] + np.array([0, -1, 0])).ravel()
    new = np.ones(len(y), bool)
    new[1:] = (np.diff(points_cell) != 0) | (np.diff(y) != 0)
    begin = np.flatnonzero(new)
    points_cell, y, x = points_cell[begin], y[begin], np.minimum.reduceat(x, begin)
    while True:
        same = points_cell[2:] == points_cell[:-2]
        down, whole = y[1:-1] - y[:-2], y[2:] - y[:-2]
        behind = (x[1:-1] - x[:-2]) * whole >= (x[2:] - x[:-2]) * down
        drop = np.flatnonzero(same & behind) + 1
        if not len(drop):
            return points_cell, y, x
        keep = np.ones(len(y), bool)
        keep[drop] = False
        points_cell, y, x = points_cell[keep], y[keep], x[keep]


def _hull_at(cell: Ints, y: Ints, x: Ints, of: Ints, row: Ints) -> Ints:
    """The first whole column inside the hull's left side, in each row of each cell."""
    reach = int(y.max()) - int(y.min()) + 2
    at = np.searchsorted(cell * reach + y, of * reach + 2 * row, side="right") - 1
    run, rise = y[at + 1] - y[at], x[at + 1] - x[at]
    # x[at] + rise * (2 row - y[at]) / run, halved and rounded up, in whole numbers
    above = x[at] * run + rise * (2 * row - y[at])
    column: Ints = -((-above) // (2 * run))
    return column
