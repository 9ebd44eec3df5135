"""Transparent layers over an image: the outlines of cells, and where a mask is wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from softlight.report.colours import (
    CELL_COLOURS,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    Colour,
    Labels,
    colour_cells,
)
from softlight.report.view import Mask, PictureError, Pixels, View, as_labels

AnyLabels = npt.NDArray[np.integer | np.bool_]
_ERROR_ALPHA = 215  # of 255: the image still shows through
UNKNOWN: Colour = (215, 215, 215)  # stripes over what is not annotated


def outlines(labels: Labels, *, line_px: int = 1) -> Mask:
    """Where a label differs from its neighbour, drawn inside the labels."""
    # Only pixels inside the image are compared: a cell cut by its edge has no outline there.
    edge = np.zeros(labels.shape, dtype=bool)
    for distance in range(1, line_px + 1):
        for axis, size in enumerate(labels.shape):
            if distance >= size:
                continue
            ahead = np.take(labels, range(distance, size), axis=axis)
            behind = np.take(labels, range(size - distance), axis=axis)
            differ = ahead != behind
            along = np.moveaxis(edge, axis, 0)  # a view: writing to it writes to edge
            along[: size - distance] |= np.moveaxis(differ, axis, 0)
            along[distance:] |= np.moveaxis(differ, axis, 0)
    line: Mask = edge & (labels != 0)
    return line


def outline_layer(
    labels: AnyLabels,
    view: View,
    *,
    colours: Mapping[int, int] | None = None,
    single: Colour | None = None,
    dotted: bool = False,
    line_px: int | None = None,
    tint: int = 0,
) -> Pixels:
    """The outlines as a transparent RGBA picture at the size of the view.

    Args:
        labels: ``(Y, X)``, 0 is background.
        view: The size to draw at.
        colours: Index into `CELL_COLOURS` by label; by default neighbours get different ones.
        single: One colour for all outlines instead.
        dotted: Whether to break the line, to tell it from another one in the same picture.
        line_px: The thickness of the line; by default that of the view.
        tint: How much of the colour lies over the inside of the cells, of 255.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "biu":
        raise PictureError(
            f"Labels are {labels.shape} of {labels.dtype}; give a (Y, X) array of whole numbers."
        )
    shown = view.labels(labels)
    line = outlines(shown, line_px=line_px or view.line_px)
    if dotted:
        line &= diagonal(shown) % (4 * view.line_px) < 2 * view.line_px
    layer = np.zeros((*shown.shape, 4), dtype=np.uint8)
    painted = shown != 0 if tint else line
    if single is not None:
        layer[painted, :3] = single
    else:
        if colours is None:
            colours = colour_cells(shown if view.shrink > 1 else as_labels(labels))
        here = shown[painted]
        known, places = np.unique(here, return_inverse=True)
        palette = np.array([CELL_COLOURS[colours.get(int(label), 0)] for label in known])
        layer[painted, :3] = palette.reshape(-1, 3)[places]
    layer[painted, 3] = tint
    layer[line, 3] = 255
    return layer


def error_layer(predicted: Mask, truth: Mask, view: View, *, valid: Mask | None = None) -> Pixels:
    """A transparent RGBA picture of the errors, at the size of the view.

    Orange is predicted and not there (false positive), blue is there and not predicted (false
    negative), grey stripes are where the truth says nothing.
    """
    known = np.ones(truth.shape, dtype=bool) if valid is None else valid
    shown = view.labels(
        (predicted & ~truth & known) + 2 * (truth & ~predicted & known) + 3 * ~known
    )
    layer = np.zeros((*shown.shape, 4), dtype=np.uint8)
    layer[shown == 1] = (*FALSE_POSITIVE, _ERROR_ALPHA)
    layer[shown == 2] = (*FALSE_NEGATIVE, _ERROR_ALPHA)
    stripes = diagonal(shown) % 16 < 6
    layer[(shown == 3) & stripes] = (*UNKNOWN, 170)
    return layer


def diagonal(pixels: Labels) -> npt.NDArray[np.intp]:
    """The number of the rising diagonal that each pixel lies on."""
    rows, columns = pixels.shape
    diagonal: npt.NDArray[np.intp] = np.arange(rows)[:, None] + np.arange(columns)
    return diagonal
