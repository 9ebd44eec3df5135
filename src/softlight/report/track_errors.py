"""A picture of what is wrong with tracks in one frame: rings on cells, lines for links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from softlight.data.samples import counted
from softlight.report.blocks import Layer, Panel, Picture
from softlight.report.colours import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    TRUTH,
    VERMILION,
    YELLOW,
    Colour,
    Labels,
)
from softlight.report.figures import to_jpeg, to_png
from softlight.report.layers import AnyLabels, outline_layer
from softlight.report.view import AnyImage, PictureError, Pixels, View

# As in other pictures of errors: blue is missing, orange too much.
KIND_COLOURS: Mapping[str, Colour] = {
    "missed": BLUE,
    "added": ORANGE,
    "merged": PURPLE,
    "split": YELLOW,
    "edge missing": SKY_BLUE,
    "edge added": VERMILION,
    "edge of wrong kind": GREEN,
}
_OF_TRUTH = ("missed", "merged")
_OUTLINE: Colour = (150, 150, 150)
_PAGE_PX = 1408
_SHARP_FROM = 3
_SEEN_FROM = 70  # a ring's radius is this part of the longer side: seen in a small panel too
_FILL = 120  # of 255
_TINT = 40  # of 255
_FOUND, _TRUE, _ERRORS = "Tracks found", "True tracks", "Errors"


def picture_of_track_errors(
    title: str,
    image: AnyImage,
    labels: AnyLabels,
    *,
    truth: AnyLabels,
    errors: pd.DataFrame,
    caption: str = "",
) -> Picture:
    """One frame with what was found, what is true, and a mark on each error.

    Args:
        title: The frame's name.
        image: ``(Y, X)``, or ``(Y, X, 3)`` in colour.
        labels: What was found, the values being tracks.
        truth: What is right, the same; markers will do.
        errors: The rows of this frame as from `evaluate.tracking_errors.list_errors`.
        caption: Under the picture.
    """
    if labels.shape != image.shape[:2] or truth.shape != labels.shape:
        raise PictureError(
            f"{title}: image is {image.shape[:2]}, labels {labels.shape}, truth {truth.shape}; "
            "they must be of one size."
        )
    view = View.fit(image.shape, largest_px=_PAGE_PX)
    small = view.small(image)
    line_px = view.line_px + 1
    layers = (
        Layer(_FOUND, to_png(outline_layer(labels, view, line_px=line_px, tint=_TINT))),
        Layer(_TRUE, to_png(outline_layer(truth, view, line_px=line_px, tint=_TINT))),
        Layer(_ERRORS, to_png(track_error_layer(labels, truth, errors, view))),
    )
    return Picture(
        title=title,
        alt=f"{title}, {counted(len(errors), 'error')}",
        image=to_jpeg(small),
        size=(small.shape[0], small.shape[1]),
        layers=layers,
        panels=(
            Panel(_FOUND, (_FOUND,)),
            Panel(_TRUE, (_TRUE,)),
            Panel(_ERRORS, (_ERRORS,), error_legend(errors)),
        ),
        caption=caption,
        sharp=view.enlarge >= _SHARP_FROM,
    )


def error_legend(errors: pd.DataFrame) -> tuple[tuple[Colour, str], ...]:
    """The colour of each kind that is there, with its number."""
    number = errors["kind"].value_counts()
    return tuple(
        (colour, f"{kind}: {number[kind]}")
        for kind, colour in KIND_COLOURS.items()
        if kind in number
    )


def track_error_layer(
    labels: AnyLabels, truth: AnyLabels, errors: pd.DataFrame, view: View
) -> Pixels:
    """A transparent RGBA picture at the size of the view.

    Thin lines are the outlines: solid what was found, dotted white what is true. Cells that are
    wrong are filled and have a ring; thick lines lead from where a cell was before to where a link
    is missing, added or of the wrong kind, and end in a dot.
    """
    layer = outline_layer(labels, view, single=_OUTLINE, line_px=view.line_px)
    true = outline_layer(truth, view, single=TRUTH, dotted=True, line_px=view.line_px)
    layer[true[..., 3] > 0] = true[true[..., 3] > 0]
    links = errors["from_frame"].notna()
    for of_truth, shown in ((True, view.labels(truth)), (False, view.labels(labels))):
        _fill(layer, shown, errors[~links], of_truth=of_truth)
    canvas = Image.fromarray(layer)
    draw = ImageDraw.Draw(canvas)
    scale = view.enlarge / view.shrink
    ring = max(canvas.size) / _SEEN_FROM
    width = round(max(2, ring / 5))
    for colour, *ends in _rows(errors[links], "from_x_px", "from_y_px", "x_px", "y_px"):
        at = [(end + 0.5) * scale for end in ends]
        draw.line(at, fill=colour, width=width)
        _dot(draw, at[2], at[3], 1.5 * width, colour)
    for colour, *place in _rows(errors[~links], "x_px", "y_px"):
        x, y = ((value + 0.5) * scale for value in place)
        box = (x - ring, y - ring, x + ring, y + ring)
        draw.ellipse(box, outline=colour, width=width)
    return np.asarray(canvas)


def _fill(layer: Pixels, shown: Labels, errors: pd.DataFrame, *, of_truth: bool) -> None:
    """Colour inside the cells that are wrong: true ones missed or merged, else found ones."""
    name = "truth_label" if of_truth else "predicted_label"
    for kind, colour in KIND_COLOURS.items():
        if (kind in _OF_TRUTH) != of_truth:
            continue
        wrong = errors.loc[errors["kind"] == kind, name].astype(np.int64)
        inside = np.isin(shown, wrong.to_numpy()) & (shown > 0) & (layer[..., 3] == 0)
        layer[inside] = (*colour, _FILL)


def _rows(errors: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """(the colour of the kind, the values of the columns) of each row."""
    colours = [(*KIND_COLOURS[kind], 255) for kind in errors["kind"]]
    values = errors[list(columns)].to_numpy(dtype=np.float64).tolist()
    return [(colour, *row) for colour, row in zip(colours, values, strict=True)]


def _dot(
    draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, ...]
) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
