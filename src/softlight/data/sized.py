"""Images brought to one size of cells, so that a network need not learn every size by itself."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from softlight.data.cells import median_cell_diameter
from softlight.data.normalize import nearest, resized
from softlight.data.samples import Annotated, Sample

MOST = 8.0  # times that an image is enlarged, or made smaller
SAME = 1.1  # nearer sizes are left alone


def at_cell_diameter(sample: Sample, diameter_px: float) -> Sample:
    """The same sample, but read at the size at which its median cell is so many pixels wide.

    An image without cells, or whose mask does not tell cells apart, stays as it is. Of one that was
    resized the size of a pixel is no longer said: models of such images go by the cells.
    """

    def read() -> Annotated:
        annotated = sample.read()
        if len(np.unique(annotated.labels)) <= 2:
            return annotated
        zoom = diameter_px / median_cell_diameter(annotated.labels)
        if not math.isfinite(zoom) or 1 / SAME < zoom < SAME:
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


def _enlarged(image: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """An image (Y, X[, C]) at another size."""
    channels = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    at_size = resized(channels.astype(np.float32), shape)
    return at_size[0] if image.ndim == 2 else np.moveaxis(at_size, 0, -1)
