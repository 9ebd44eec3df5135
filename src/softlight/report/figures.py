"""Pictures of what was found: outlines on the image, where it is wrong, how training went."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from softlight.io.files import replacing
from softlight.report.colours import TRUTH
from softlight.report.view import (
    LARGEST_PX,
    AnyImage,
    PictureError,
    Pixels,
    View,
    outline_layer,
    paint,
)

AnyLabels = npt.NDArray[np.integer | np.bool_]


def overlay(
    image: AnyImage,
    labels: AnyLabels,
    *,
    truth: AnyLabels | None = None,
    largest_px: int = LARGEST_PX,
) -> Pixels:
    """The contrast-stretched image with outlines, RGB; neighbouring cells differ in colour.

    The truth, where given, is drawn on top as a dotted white line. Small images are enlarged by
    nearest neighbour so that the outlines are legible, large ones shrunk to ``largest_px``.
    """
    _same_shape(image, labels, truth)
    view = View.fit(image.shape, largest_px=largest_px)
    picture = paint(view.picture(image), outline_layer(labels, view))
    if truth is not None:
        picture = paint(picture, outline_layer(truth, view, single=TRUTH, dotted=True))
    return picture


def _same_shape(image: AnyImage, *others: AnyLabels | None) -> None:
    for other in others:
        if other is not None and other.shape != image.shape[:2]:
            raise PictureError(
                f"Image is {image.shape[:2]}, its labels {other.shape}; they must be of one size."
            )


def to_png(picture: Pixels) -> bytes:
    """The picture as a lossless PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def to_jpeg(picture: Pixels, *, quality: int = 85) -> bytes:
    """The picture as a JPEG file with full colour resolution, so that thin lines stay sharp."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def write_picture(path: Path | str, picture: Pixels | bytes) -> None:
    """A PNG file at the path, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(picture if isinstance(picture, bytes) else to_png(picture))
