"""What cells hold: the area of each class in them, and objects such as nuclei within cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from softlight.measure.errors import MeasureError
from softlight.measure.morphology import checked_scale
from softlight.measure.runs import checked_labels

SPECK_PX = 9  # smaller pieces have an area, but are not counted as pieces


class Nested(NamedTuple):
    """Cells with what lies in them, and what lies in them with its cell.

    Attributes:
        cells: one row a cell: ``label``, ``<name>_count``, ``<name>_area_px`` of the part within
            the cell, ``<name>_share`` of the cell's area; µm² where the pixel size is known.
        inner: one row an inner object: ``label``, ``cell`` in which most of it lies (0 = none),
            ``area_px``, ``inside`` = the share of it that lies in that cell.
    """

    cells: pd.DataFrame
    inner: pd.DataFrame


def nested_objects(
    cells: NDArray[np.integer],
    inner: NDArray[np.integer],
    *,
    name: str = "nucleus",
    pixel_size_um: float | None = None,
) -> Nested:
    """Which inner object lies in which cell, and how much of the cell it fills.

    An inner object belongs to the cell in which more than half of it lies; of one that lies in
    none so, ``cell`` is 0, and no cell counts it.

    Args:
        cells: (Y, X) labels, 0 = background.
        inner: (Y, X) labels of what may lie in them, such as nuclei.
        name: what it is called in the columns.
        pixel_size_um: side of a pixel, if it is known.
    """
    outer, held = checked_labels(cells), checked_labels(inner)
    _check_same_size(outer, held, what="inner objects")
    scale = checked_scale(pixel_size_um)
    labels, areas = _areas(outer)
    inner_labels, inner_areas = _areas(held)
    pairs, overlap = np.unique(
        np.stack([held[held > 0], outer[held > 0]]), axis=1, return_counts=True
    )
    owner = np.zeros(len(inner_labels), np.int64)
    inside = np.zeros(len(inner_labels))
    index = np.searchsorted(inner_labels, pairs[0])
    most = (2 * overlap > inner_areas[index]) & (pairs[1] > 0)
    owner[index[most]] = pairs[1][most]
    inside[index[most]] = overlap[most] / inner_areas[index[most]]
    position = np.searchsorted(labels, owner[owner > 0])
    within = np.zeros(len(labels), np.int64)
    np.add.at(within, position, np.rint(inside * inner_areas)[owner > 0].astype(np.int64))
    of_cells: dict[str, Any] = {
        "label": labels,
        f"{name}_count": np.bincount(position, minlength=len(labels)),
        **_area_columns(name, within, areas, scale),
    }
    of_inner: dict[str, Any] = {"label": inner_labels, "cell": owner, "area_px": inner_areas}
    if scale is not None:
        of_inner["area_um2"] = inner_areas * scale**2
    of_inner["inside"] = np.where(owner > 0, inside, np.nan)
    return Nested(pd.DataFrame(of_cells), pd.DataFrame(of_inner))


def classes_within(
    cells: NDArray[np.integer],
    classes: NDArray[np.integer],
    names: Mapping[int, str],
    *,
    pixel_size_um: float | None = None,
) -> pd.DataFrame:
    """The area of each class in each cell, and in how many pieces it lies there.

    One row a cell: ``label`` and of each class ``<name>_area_px``, ``<name>_share`` of the cell's
    area, ``<name>_count`` of its pieces of at least 9 pixels; µm² where the pixel size is known. A
    piece that reaches over two cells is one in each.

    Args:
        cells: (Y, X) labels, 0 = background.
        classes: (Y, X) class of each pixel.
        names: of the classes that are measured, by value.
        pixel_size_um: side of a pixel, if it is known.
    """
    outer, values = checked_labels(cells), np.asarray(classes)
    _check_same_size(outer, values, what="classes")
    scale = checked_scale(pixel_size_um)
    labels, areas = _areas(outer)
    columns: dict[str, Any] = {"label": labels}
    for value, name in names.items():
        here = (values == value) & (outer > 0)
        column = name.strip().replace(" ", "_")
        found = np.searchsorted(labels, outer[here])
        within = np.bincount(found, minlength=len(labels))
        columns |= _area_columns(column, within, areas, scale)
        columns[f"{column}_count"] = _pieces(outer, here, labels)
    return pd.DataFrame(columns)


def _areas(labels: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the labels, ascending; the pixels of each)."""
    found, counts = np.unique(labels[labels > 0], return_counts=True)
    return found.astype(np.int64), counts.astype(np.int64)


def _area_columns(
    name: str, within: NDArray[np.int64], areas: NDArray[np.int64], scale: float | None
) -> dict[str, Any]:
    columns: dict[str, Any] = {f"{name}_area_px": within}
    if scale is not None:
        columns[f"{name}_area_um2"] = within * scale**2
    columns[f"{name}_share"] = within / areas
    return columns


def _pieces(
    cells: NDArray[np.integer], here: NDArray[np.bool_], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many connected pieces, specks left out, each cell holds."""
    pieces, _ = ndimage.label(here, structure=np.ones((3, 3)))
    pairs, sizes = np.unique(
        np.stack([cells[here].astype(np.int64), pieces[here]]), axis=1, return_counts=True
    )
    of_size = pairs[0][sizes >= SPECK_PX]
    return np.bincount(np.searchsorted(labels, of_size), minlength=len(labels))


def _check_same_size(cells: NDArray[np.integer], others: NDArray[np.integer], *, what: str) -> None:
    if cells.shape != others.shape:
        raise MeasureError(
            f"The cells are {cells.shape} and the {what} {others.shape}; they must be of one size."
        )
