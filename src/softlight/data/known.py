"""How far the annotation of an image can be believed, pixel by pixel.

Many public movies are annotated in part: some cells of a frame have masks, the others look like
background. Track markers, one small blob in every cell, say where the others are. The Challenge
also leaves out cells that lie wholly in a margin along the edges of the image.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[np.int32]

# Farthest pixel of a cell from its marker, in median cell diameters: at most 1.53 in 551 masks of
# nuclei and of spread, branched cells (GOWT1, U373). Used where a movie cannot be measured itself.
DEFAULT_REACH = 1.6
REACH_MARGIN = 1.25  # times the farthest that was measured
ENOUGH_CELLS = 10  # to measure the reach in the movie itself
RING = 0.1  # of a diameter: background this near to a mask was looked at by who drew the mask


def unlabelled_markers(labels: Labels, markers: Labels) -> npt.NDArray[np.int64]:
    """The ids of the markers of which less than half lies on labelled pixels."""
    area = np.bincount(markers.ravel())
    covered = np.bincount(markers.ravel(), weights=(labels > 0).ravel(), minlength=len(area))
    ids = np.flatnonzero(area)
    return ids[(ids > 0) & (2 * covered[ids] < area[ids])]


def median_diameter_px(labels: Labels) -> float:
    """The median diameter of circles with the areas of the labels; nan without any."""
    area = np.bincount(labels.ravel())[1:]
    area = area[area > 0]
    return float(2 * np.sqrt(np.median(area) / np.pi)) if area.size else float("nan")


def measured_reaches_px(labels: Labels, markers: Labels) -> list[float]:
    """For each labelled cell with a marker, how far its farthest pixel is from the marker.

    Only markers that lie mostly in the cell count: a sliver of a neighbour's tells nothing.
    """
    area = np.bincount(markers.ravel())
    reaches = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        cell = labels[box] == label
        inside = markers[box][cell]
        inside = inside[inside > 0]
        if inside.size == 0:
            continue
        overlap = np.bincount(inside)
        number = int(overlap.argmax())
        if 2 * overlap[number] < area[number]:
            continue
        marker = markers[box] == number
        reaches.append(float(ndimage.distance_transform_edt(~marker)[cell].max()))
    return reaches


def reach_px(reaches: Iterable[float], diameters: Iterable[float]) -> float:
    """How far from its marker an unlabelled cell of this movie may extend."""
    found = list(reaches)
    if len(found) >= ENOUGH_CELLS:
        return REACH_MARGIN * max(found) + 1
    known = [diameter for diameter in diameters if not np.isnan(diameter)]
    return DEFAULT_REACH * float(np.median(known)) if known else float("inf")


def known_pixels(
    labels: Labels, markers: Labels | None, *, reach: float, margin_px: int = 0
) -> npt.NDArray[np.bool_] | None:
    """True where the annotation can be believed; None where it can be everywhere.

    With markers, unknown is all within ``reach`` of a marker without a mask. Without markers
    (None), known are only the labelled cells and a thin ring around them. Unlabelled pixels within
    ``margin_px`` of the edges are unknown. Labelled pixels are always known.
    """
    if markers is None:
        width = max(2.0, RING * median_diameter_px(labels)) if labels.any() else 0.0
        known = _within(labels > 0, width)
    else:
        missing = np.isin(markers, unlabelled_markers(labels, markers))
        known = ~_within(missing, reach) & (markers == 0)  # a marker lies in a cell, masked or not
    return with_margin(labels, known, margin_px=margin_px)


def with_margin(
    labels: Labels, known: npt.NDArray[np.bool_] | None, *, margin_px: int
) -> npt.NDArray[np.bool_] | None:
    """The known pixels less the unlabelled ones along the edges; None where all are known."""
    known = np.ones(labels.shape, bool) if known is None else known.copy()
    if margin_px:
        inner = np.zeros(labels.shape, bool)
        inner[margin_px:-margin_px, margin_px:-margin_px] = True
        known &= inner
    known |= labels > 0
    return None if known.all() else known


def _within(mask: npt.NDArray[np.bool_], distance: float) -> npt.NDArray[np.bool_]:
    """True on the mask and up to the distance from it."""
    if not mask.any():
        return np.zeros(mask.shape, bool)
    near: npt.NDArray[np.bool_] = ndimage.distance_transform_edt(~mask) <= distance
    return near
