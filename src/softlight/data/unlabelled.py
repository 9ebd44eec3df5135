"""Regions that look like cells but are not annotated: they must not teach what background is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from softlight.data.cells import median_cell_diameter
from softlight.data.samples import Annotated, Sample
from softlight.io.grey import to_grey

LEAST_SHARE = 0.1  # of the image; less is debris and dead cells, left out by annotators on purpose
LEAST_CELLS = 4  # a region is at least so many cells large


def unlabelled_cells(
    image: npt.NDArray[Any], labels: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_] | None:
    """Where large unannotated regions have the texture of the annotated cells (Y, X); None if not.

    The local contrast inside the annotated cells and far from them is known; a pixel belongs with
    the cells where its own is above the geometric mean of the two. Only regions wider than a cell
    and larger than several are taken, and only where they make up a good part of the image, as in
    confluent fields that were annotated in part. Where cells are bright as such, as in
    fluorescence, texture would find their haze, and nothing is doubted.
    """
    diameter = median_cell_diameter(labels)
    if np.isnan(diameter):
        return None
    cells = labels > 0
    radius = max(2, round(diameter / 2))
    inside = ndimage.binary_erosion(cells, iterations=max(1, radius // 4))
    outside = ~ndimage.binary_dilation(cells, iterations=radius)
    if not inside.any() or not outside.any():
        return None
    grey = to_grey(image).astype(np.float32)
    if abs(grey[inside].mean() - grey[outside].mean()) > grey[inside].std():
        return None  # bright or dark as such
    contrast = _local_contrast(grey, sigma=max(2.0, diameter / 4))
    of_cells = float(np.median(contrast[inside]))
    of_background = float(np.percentile(contrast[outside], 20))
    if of_cells <= 2 * of_background:  # cells do not stand out by texture
        return None
    like_cells = (contrast > np.sqrt(of_cells * of_background)) & ~cells
    regions, _ = ndimage.label(ndimage.binary_opening(like_cells, iterations=radius))
    areas = np.bincount(regions.ravel())
    areas[0] = 0
    found: npt.NDArray[np.bool_] = (areas >= LEAST_CELLS * np.pi / 4 * diameter**2)[regions]
    return found if found.mean() >= LEAST_SHARE else None


def doubting(sample: Sample) -> Sample:
    """The same sample, but read with such regions marked as not annotated."""

    def read() -> Annotated:
        annotated = sample.read()
        doubtful = unlabelled_cells(annotated.image, annotated.labels)
        if doubtful is None:
            return annotated
        valid = ~doubtful if annotated.valid is None else annotated.valid & ~doubtful
        return replace(annotated, valid=valid)

    return replace(sample, reader=read)


def _local_contrast(image: npt.NDArray[np.float32], *, sigma: float) -> npt.NDArray[np.float32]:
    """Standard deviation around each pixel of what is finer than ``sigma``."""
    smooth = ndimage.gaussian_filter(image, 1.0)
    fine = smooth - ndimage.gaussian_filter(smooth, sigma)
    contrast: npt.NDArray[np.float32] = np.sqrt(ndimage.gaussian_filter(fine**2, sigma))
    return contrast
