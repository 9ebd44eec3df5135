"""Pictures of what was found: outlines on the image, where it is wrong, how training went.

Pictures are RGB arrays (`to_png`, `to_jpeg`, `write_picture` make files of them); charts are PNG
files as bytes, and live in `softlight.report.charts`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from softlight.io.files import replacing
from softlight.report.charts import confluence_figure, curves_figure
from softlight.report.colours import FALSE_NEGATIVE, FALSE_POSITIVE, TRUTH, Colour
from softlight.report.layers import UNKNOWN, AnyLabels, error_layer, outline_layer
from softlight.report.view import LARGEST_PX, AnyImage, Mask, PictureError, Pixels, View, paint

__all__ = [
    "confluence_figure",
    "curves_figure",
    "error_map",
    "overlay",
    "preview",
    "side_by_side",
    "to_jpeg",
    "to_png",
    "with_legend",
    "write_picture",
]

ERROR_LEGEND: tuple[tuple[Colour, str], ...] = (
    (FALSE_POSITIVE, "predicted, not there"),
    (FALSE_NEGATIVE, "there, not predicted"),
)
UNKNOWN_LEGEND: tuple[Colour, str] = (UNKNOWN, "not annotated")

_INK: Colour = (38, 43, 48)
_GAP_PX = 12


def overlay(
    image: AnyImage,
    labels: AnyLabels,
    *,
    truth: AnyLabels | None = None,
    colours: Mapping[int, int] | None = None,
    largest_px: int = LARGEST_PX,
) -> Pixels:
    """The contrast-stretched image with outlines, RGB; neighbouring cells differ in colour.

    The truth, where given, is drawn on top as a dotted white line. Small images are enlarged by
    nearest neighbour so that the outlines are legible, large ones shrunk to ``largest_px``.

    Args:
        image: ``(Y, X)``, or ``(Y, X, 3)`` in colour, of any numbers; not finite is black.
        labels: ``(Y, X)``, 0 is background; a mask is one cell.
        truth: ``(Y, X)`` as ``labels``.
        colours: Colour by label, as from `softlight.report.colours.colour_movie`.
        largest_px: The longer side of the picture is at most this.
    """
    _same_size(image, labels, truth)
    view = View.fit(image.shape, largest_px=largest_px)
    picture = paint(view.picture(image), outline_layer(labels, view, colours=colours))
    if truth is not None:
        picture = paint(picture, outline_layer(truth, view, single=TRUTH, dotted=True))
    return picture


def error_map(
    image: AnyImage,
    predicted_fg: Mask,
    truth_fg: Mask,
    valid: Mask | None = None,
    *,
    legend: bool = True,
    largest_px: int = LARGEST_PX,
) -> Pixels:
    """The dimmed image with false positives in orange and false negatives in blue, RGB.

    Grey stripes cover what ``valid`` says is not annotated. The legend is a strip below.
    """
    _same_size(image, predicted_fg, truth_fg, valid)
    view = View.fit(image.shape, largest_px=largest_px)
    errors = error_layer(predicted_fg, truth_fg, view, valid=valid)
    picture = paint(view.picture(image), errors)
    if not legend:
        return picture
    unknown = [UNKNOWN_LEGEND] if valid is not None and not valid.all() else []
    return with_legend(picture, [*ERROR_LEGEND, *unknown])


def side_by_side(pictures: Sequence[tuple[str, Pixels]]) -> Pixels:
    """One RGB picture of several with their titles, left to right, on white."""
    if not pictures:
        raise PictureError("There is no picture to show; give at least one.")
    tallest = max(picture.shape[0] for _, picture in pictures)
    text_px = _text_px(tallest)
    parts: list[Pixels] = []
    for title, picture in pictures:
        height, width = picture.shape[:2]
        part = _blank(tallest + 2 * text_px, width)
        part[2 * text_px : 2 * text_px + height] = picture
        parts += [_blank(len(part), _GAP_PX), _write(part, title, (0, text_px // 3), text_px)]
    return np.concatenate(parts[1:], axis=1)


def preview(
    images: Sequence[AnyImage],
    predicted: Sequence[AnyLabels],
    *,
    truth: Sequence[AnyLabels] | None = None,
    titles: Sequence[str] = (),
    most: int = 3,
    panel_px: int = 720,
) -> Pixels:
    """Image, prediction and errors of the first few images, one row each: RGB, for progress.

    Args:
        images: ``(Y, X)`` each, as the network saw them or raw.
        predicted: Class indices, labels or masks.
        truth: The same for what is right; without it there are two columns.
        titles: A name or score for each row.
        most: At most so many rows.
        panel_px: About the longer side of one panel.
    """
    rows = []
    for index, (image, found) in enumerate(zip(images[:most], predicted[:most], strict=True)):
        title = titles[index] if index < len(titles) else f"image {index + 1}"
        view = View.fit(image.shape, largest_px=panel_px)
        row = [(title, view.picture(image))]
        right = None if truth is None else truth[index]
        row.append(("predicted", overlay(image, found, largest_px=panel_px)))
        if right is not None:
            errors = error_map(image, found > 0, right > 0, legend=False, largest_px=panel_px)
            row.append(("orange: too much, blue: missed", errors))
        rows.append(side_by_side(row))
    if not rows:
        raise PictureError("There is no image to preview; give at least one.")
    widest = max(row.shape[1] for row in rows)
    return np.concatenate([_padded(row, width=widest) for row in rows])


def to_png(picture: Pixels) -> bytes:
    """The picture as a lossless PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def to_jpeg(picture: Pixels, *, quality: int = 85) -> bytes:
    """The picture as a JPEG file with full colour resolution, so that thin lines stay sharp."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def write_picture(path: Path | str, picture: Pixels | bytes) -> None:
    """A PNG file at the path, whole or not at all; bytes are written as they are."""
    with replacing(path) as temporary:
        temporary.write_bytes(picture if isinstance(picture, bytes) else to_png(picture))


def _same_size(image: AnyImage, *others: AnyLabels | None) -> None:
    for other in others:
        if other is not None and other.shape != image.shape[:2]:
            raise PictureError(
                f"Image is {image.shape[:2]}, its labels {other.shape}; they must be of one size."
            )


def _blank(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), 255, dtype=np.uint8)


def _padded(picture: Pixels, *, width: int) -> Pixels:
    return np.concatenate([picture, _blank(len(picture), width - picture.shape[1])], axis=1)


def _text_px(size: int) -> int:
    return int(np.clip(size // 32, 12, 28))


def _write(picture: Pixels, text: str, at: tuple[int, int], text_px: int) -> Pixels:
    """The picture with dark text at (x, y)."""
    canvas = Image.fromarray(picture)
    font = ImageFont.load_default(size=text_px)
    ImageDraw.Draw(canvas).text(at, text, fill=_INK, font=font)
    return np.asarray(canvas)


def with_legend(picture: Pixels, entries: Sequence[tuple[Colour, str]]) -> Pixels:
    """The picture on a white strip with a coloured square before each text."""
    text_px = _text_px(picture.shape[1])
    font = ImageFont.load_default(size=text_px)
    lines: list[list[tuple[int, Colour, str]]] = [[]]
    x = 0
    for colour, text in entries:
        width = int(font.getlength(text)) + 3 * text_px
        if lines[-1] and x + width > picture.shape[1]:
            lines.append([])
            x = 0
        lines[-1].append((x, colour, text))
        x += width
    strip = Image.fromarray(_blank(2 * text_px * len(lines), picture.shape[1]))
    draw = ImageDraw.Draw(strip)
    for row, line in enumerate(lines):
        top = 2 * text_px * row + text_px // 2
        for left, colour, text in line:
            draw.rectangle((left, top, left + text_px, top + text_px), fill=colour)
            draw.text((left + 3 * text_px // 2, top), text, fill=_INK, font=font)
    return np.concatenate([picture, np.asarray(strip)])
