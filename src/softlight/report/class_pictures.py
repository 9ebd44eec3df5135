"""Pictures of classes: each in a colour of its own, with a legend, and where they are wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from softlight.report.blocks import Layer, Panel, Picture
from softlight.report.colours import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILION,
    YELLOW,
    Colour,
    Labels,
)
from softlight.report.figures import UNKNOWN_LEGEND, side_by_side, to_jpeg, to_png, with_legend
from softlight.report.layers import UNKNOWN, diagonal, outlines
from softlight.report.view import AnyImage, Mask, PictureError, Pixels, View, paint

# Of the classes 1 and on; class 0 is not painted. They come again where there are more.
CLASS_COLOURS: tuple[Colour, ...] = (VERMILION, GREEN, SKY_BLUE, YELLOW, PURPLE, ORANGE, BLUE)
CLASS_ZERO: Colour = (160, 160, 160)  # where wrong pixels are painted as what they truly are
_PAGE_PX = 1408
_SHARP_FROM = 3
_TINT = 105  # of 255: the image still shows through
_WRONG = 225
_FOUND, _TRUE, _ERRORS = "Classes found", "Annotation", "Wrong pixels"


def class_colour(value: int) -> Colour:
    """The colour of a class by its value."""
    return CLASS_ZERO if value == 0 else CLASS_COLOURS[(value - 1) % len(CLASS_COLOURS)]


def class_legend(names: Sequence[str], *, zero: bool = False) -> tuple[tuple[Colour, str], ...]:
    """Colour and name of each class but the first, with ``zero`` of the first too."""
    first = 0 if zero else 1
    return tuple((class_colour(value), names[value]) for value in range(first, len(names)))


def class_layer(classes: npt.NDArray[np.integer], view: View) -> Pixels:
    """The classes but the first as a transparent RGBA picture: tinted, with firm outlines."""
    shown = view.labels(classes)
    layer = _painted(shown, _TINT, zero=False)
    layer[outlines(shown, line_px=view.line_px), 3] = 255
    return layer


def wrong_layer(
    found: npt.NDArray[np.integer],
    truth: npt.NDArray[np.integer],
    view: View,
    *,
    valid: Mask | None = None,
) -> Pixels:
    """Only the wrong pixels, in the colour of what they truly are; grey stripes: nobody knows."""
    shown, right = view.labels(truth), view.labels(found != truth)
    layer = _painted(shown, _WRONG, zero=True)
    layer[right == 0, 3] = 0
    if valid is not None:
        unknown = view.labels(~valid) > 0
        layer[unknown, 3] = 0
        layer[unknown & (diagonal(shown) % 16 < 6)] = (*UNKNOWN, 170)
    return layer


def picture_of_classes(
    title: str,
    image: AnyImage,
    found: npt.NDArray[np.integer],
    names: Sequence[str],
    *,
    truth: npt.NDArray[np.integer] | None = None,
    valid: Mask | None = None,
    caption: str = "",
) -> Picture:
    """The image beside its classes and, with a truth, the annotation and the wrong pixels.

    Args:
        title: The image's name.
        image: ``(Y, X)``, or ``(Y, X, 3)`` in colour.
        found: The class of each pixel, ``(Y, X)``.
        names: Of the classes, by value.
        truth: What is right, ``(Y, X)``.
        valid: False where the truth says nothing.
        caption: Under the picture.
    """
    _check(title, image, names, [found, *([] if truth is None else [truth])])
    view = View.fit(image.shape, largest_px=_PAGE_PX)
    small = view.small(image)
    layers = [Layer(_FOUND, to_png(class_layer(found, view)))]
    panels = [Panel(_FOUND, (_FOUND,), class_legend(names))]
    if truth is None:
        panels.insert(0, Panel("Image"))
    else:
        layers.append(Layer(_TRUE, to_png(class_layer(truth, view))))
        layers.append(Layer(_ERRORS, to_png(wrong_layer(found, truth, view, valid=valid))))
        partial = valid is not None and not valid.all()
        legend = tuple((c, f"truly {name}") for c, name in class_legend(names, zero=True))
        panels.append(Panel(_TRUE, (_TRUE,), class_legend(names)))
        panels.append(Panel(_ERRORS, (_ERRORS,), (*legend, *([UNKNOWN_LEGEND] * partial))))
    shares = [f"{names[v]} {np.mean(found == v):.0%}" for v in range(len(names))]
    return Picture(
        title=title,
        alt=f"{title}: {', '.join(shares)} of the image",
        image=to_jpeg(small),
        size=(small.shape[0], small.shape[1]),
        layers=tuple(layers),
        panels=tuple(panels),
        caption=caption,
        sharp=view.enlarge >= _SHARP_FROM,
    )


def preview_of_classes(
    images: Sequence[AnyImage],
    found: Sequence[npt.NDArray[np.integer]],
    names: Sequence[str],
    *,
    truth: Sequence[npt.NDArray[np.integer]],
    titles: Sequence[str],
    panel_px: int = 720,
) -> Pixels:
    """Image, classes found, annotation and wrong pixels, one row an image, with a legend: RGB."""
    rows = []
    for image, predicted, right, title in zip(images, found, truth, titles, strict=True):
        _check(title, image, names, [predicted, right])
        view = View.fit(image.shape, largest_px=panel_px)
        plain = view.picture(image)
        layers = {
            "found": class_layer(predicted, view),
            "annotated": class_layer(right, view),
            "wrong, as it truly is": wrong_layer(predicted, right, view),
        }
        painted = [(name, paint(plain, layer)) for name, layer in layers.items()]
        rows.append(side_by_side([(title, plain), *painted]))
    widest = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return with_legend(np.concatenate(padded), class_legend(names, zero=True))


def _painted(classes: Labels, alpha: int, *, zero: bool) -> Pixels:
    colours = [(*class_colour(value), alpha) for value in range(int(classes.max(initial=0)) + 1)]
    if not zero:
        colours[0] = (0, 0, 0, 0)
    painted: Pixels = np.array(colours, np.uint8)[classes]
    return painted


def _check(
    title: str,
    image: AnyImage,
    names: Sequence[str],
    maps: Sequence[npt.NDArray[np.integer]],
) -> None:
    for each in maps:
        if each.shape != image.shape[:2] or each.dtype.kind not in "iu":
            raise PictureError(
                f"{title}: image is {image.shape[:2]}, its classes {each.shape} of {each.dtype}; "
                "give whole numbers of the image's size."
            )
        if each.size and not 0 <= int(each.min()) <= int(each.max()) < len(names):
            raise PictureError(
                f"{title}: classes go from {each.min()} to {each.max()}, but there are the names "
                f"of {len(names)}: {', '.join(names)}."
            )
