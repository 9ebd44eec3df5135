"""Images brought to one size of cells, so that a network need not learn every size by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from softlight.data.cells import median_cell_diameter
from softlight.data.normalize import nearest, resized
from softlight.data.samples import Annotated, Sample

MOST = 8.0  # times that an image is enlarged, or made smaller
SAME = 1.1  # nearer sizes are left alone


def sized_by_set(
    samples: Sequence[Sample], diameter_px: float, *, like: Sequence[Sample]
) -> list[Sample]:
    """Each sample at the size at which the median image of its data set has cells so wide.

    Within a set images keep the sizes that they have to each other.

    Args:
        samples: what is brought to size.
        diameter_px: of the median cell.
        like: the samples of each set that say how wide its cells are.
    """
    widths: dict[str, list[float]] = {}
    for sample in like:
        width = _width(sample.read())
        if math.isfinite(width):
            widths.setdefault(sample.tags.get("set", ""), []).append(width)
    medians = {name: float(np.median(known)) for name, known in widths.items()}
    return [
        at_cell_diameter(sample, diameter_px, width_px=medians.get(sample.tags.get("set", "")))
        for sample in samples
    ]


def at_cell_diameter(
    sample: Sample, diameter_px: float, *, width_px: float | None = None
) -> Sample:
    """The same sample, but read at the size at which its median cell is so many pixels wide.

    An image without cells, or whose mask does not tell cells apart, stays as it is. Of one that was
    resized the size of a pixel is no longer said: models of such images go by the cells.

    Args:
        sample: the image and its labels.
        diameter_px: how wide its median cell shall be.
        width_px: how wide it is taken to be; None: as its own labels say.
    """

    def read() -> Annotated:
        annotated = sample.read()
        width = _width(annotated)
        if not math.isfinite(width):
            return annotated
        zoom = diameter_px / (width_px or width)
        if 1 / SAME < zoom < SAME:
            return replace(annotated, pixel_size_um=None)
        zoom = min(max(zoom, 1 / MOST), MOST)
        height, width = (max(1, round(side * zoom)) for side in annotated.labels.shape)
        shape = (height, width)
        valid = annotated.valid
        return Annotated(
            image=_enlarged(annotated.image, shape),
            labels=nearest(annotated.labels, shape),
            valid=None if valid is None else nearest(valid, shape),
        )

    return replace(sample, reader=read)


def _width(annotated: Annotated) -> float:
    """Of the median cell; nan without cells, or where they are not told apart."""
    few = len(np.unique(annotated.labels)) <= 2
    return math.nan if few else median_cell_diameter(annotated.labels)


def _enlarged(image: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """An image (Y, X[, C]) at another size."""
    channels = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    at_size = resized(channels.astype(np.float32), shape)
    return at_size[0] if image.ndim == 2 else np.moveaxis(at_size, 0, -1)
