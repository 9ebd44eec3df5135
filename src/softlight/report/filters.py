"""Pictures of filters that a network makes for an image, and of the images that they translate."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from softlight.report.blocks import Picture
from softlight.report.figures import side_by_side, to_jpeg
from softlight.report.view import AnyImage, Pixels, View

_PANEL_PX = 320
Maps = NDArray[np.floating]


def picture_of_filters(
    title: str, image: AnyImage, filters: Maps, translated: Maps, *, names: Sequence[str]
) -> Picture:
    """The image, above each other every filter and the image that it makes.

    Args:
        title: the image's name.
        image: (Y, X[, 3]), as the network takes it.
        filters: (M, Y, X); yellow is the highest value of each, dark blue the lowest.
        translated: (M, Y, X[, 3]), each stretched by itself.
        names: of the M filters.
    """
    drawn = filters_and_images(image, filters, translated, names=names)
    ranges = [
        f"{name} {one.min():.2f} to {one.max():.2f}"
        for name, one in zip(names, filters, strict=True)
    ]
    return Picture(
        title=title,
        alt=f"{title}: filters of {', '.join(names)}, and the images that they make",
        image=to_jpeg(drawn),
        size=(drawn.shape[0], drawn.shape[1]),
        caption=f"Values of the filters, dark blue to yellow: {', '.join(ranges)}.",
    )


def filters_and_images(
    image: AnyImage, filters: Maps, translated: Maps, *, names: Sequence[str]
) -> Pixels:
    """The same as one RGB array."""
    view = View.fit(image.shape, largest_px=_PANEL_PX)
    above = [
        (f"filter: {name}", _heat(one, view)) for name, one in zip(names, filters, strict=True)
    ]
    below = [
        (f"translated: {name}", view.picture(one))
        for name, one in zip(names, translated, strict=True)
    ]
    shown = view.picture(image)
    rows = [[("image", shown), *above], [("", np.full_like(shown, 255)), *below]]
    return np.concatenate([side_by_side(row) for row in rows])


def _heat(values: Maps, view: View) -> Pixels:
    """Dark blue at the lowest value, yellow at the highest; RGB at the size of the view."""
    low, high = float(values.min()), float(values.max())
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    grey = np.round(255 * share).astype(np.uint8)
    places = view.labels(grey.astype(np.int32))
    table = (mpl.colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    coloured: Pixels = table[places]
    return coloured
