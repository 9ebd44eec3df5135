"""Cells as COCO writes them, polygons and run lengths, drawn as label images and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from softlight.io.errors import ImageError
from softlight.io.planes import check_claim

BYTES_PER_PIXEL = 16  # what drawing takes at most
_MAX_POINTS = 1_000_000


@dataclass(frozen=True)
class CocoAnnotation:
    """One cell: its outline as polygons or run lengths, not yet drawn."""

    id: int
    image_id: int
    category_id: int
    segmentation: Any  # list of polygons, or a dict with size and counts
    iscrowd: bool = False


def _bad(number: int, why: str) -> ImageError:
    return ImageError(f"Annotation {number} {why}; correct or remove it.")


def _polygons(polygons: Sequence[Any], number: int) -> list[list[float]]:
    """Polygons of at least three finite points; the drawer below trusts what it gets."""
    checked: list[list[float]] = []
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise _bad(number, "has a polygon that is not at least three x, y pairs")
        if len(polygon) > _MAX_POINTS:
            raise _bad(number, f"has a polygon of {len(polygon):,} numbers")
        if any(isinstance(at, bool) or not isinstance(at, int | float) for at in polygon):
            raise _bad(number, "has a polygon with something that is not a number")
        if not all(math.isfinite(at) and abs(at) < 1e6 for at in polygon):
            raise _bad(number, "has a polygon point that lies nowhere near an image")
        checked.append([float(at) for at in polygon])
    if not checked:
        raise _bad(number, "has an empty segmentation")
    return checked


def decode_counts(text: bytes, *, number: int, total: int) -> list[int]:
    """The run lengths in a compressed COCO string, each checked before use.

    Every run is a signed number in groups of five bits, least first, with a sixth bit that says
    that more follows; from the third run on it is the difference to the run two before.
    """
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            if at >= len(text) or shift > 40:
                raise _bad(number, "has compressed run lengths that break off")
            byte = text[at] - 48
            if not 0 <= byte < 64:
                raise _bad(number, "has compressed run lengths with a character outside the code")
            value |= (byte & 0x1F) << shift
            more = bool(byte & 0x20)
            shift += 5
            at += 1
            if not more and byte & 0x10:
                value |= -1 << shift
        if len(counts) > 2:
            value += counts[-2]
        if not 0 <= value <= total:
            raise _bad(number, f"has a run of {value} in an image of {total} pixels")
        counts.append(value)
    return counts


def _counts(runs: Mapping[str, Any], number: int, height: int, width: int) -> list[int]:
    """The run lengths of an annotation, background first, checked to fill the image exactly."""
    size, counts = runs.get("size"), runs.get("counts")
    if size != [height, width]:
        raise _bad(number, f"is for an image of {size!r:.40}, but its image is [{height}, {width}]")
    total = height * width
    if isinstance(counts, str):
        if not counts.isascii():
            raise _bad(number, "has compressed run lengths with a character outside the code")
        counts = decode_counts(counts.encode(), number=number, total=total)
    if not isinstance(counts, list) or not all(
        isinstance(run, int) and not isinstance(run, bool) and 0 <= run <= total for run in counts
    ):
        raise _bad(number, "has run lengths that are not whole numbers within the image")
    if sum(counts) != total:
        raise _bad(number, f"has run lengths of {sum(counts)} pixels in an image of {total}")
    return counts


def _pixels(annotation: CocoAnnotation, height: int, width: int) -> NDArray[np.int64]:
    """The pixels of one annotation, numbered down the columns as COCO does."""
    runs = annotation_runs(annotation, height, width)
    total = height * width
    counts = decode_counts(runs["counts"].encode(), number=annotation.id, total=total)
    ends = np.cumsum(counts)
    starts, ends = ends[0:-1:2], ends[1::2]
    lengths = ends - starts
    first_of_run = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.asarray(first_of_run + np.arange(len(first_of_run)), np.int64)


def annotation_runs(annotation: CocoAnnotation, height: int, width: int) -> dict[str, Any]:
    """The compressed run lengths of one annotation, polygons drawn as pycocotools draws them."""
    shape = annotation.segmentation
    if isinstance(shape, list):
        drawn = coco_mask.merge(
            coco_mask.frPyObjects(_polygons(shape, annotation.id), height, width)
        )
    elif isinstance(shape, dict):
        counts = _counts(shape, annotation.id, height, width)
        size = [height, width]
        drawn = coco_mask.frPyObjects({"size": size, "counts": counts}, height, width)
    else:
        raise _bad(annotation.id, "has a segmentation that is neither polygons nor run lengths")
    return {"size": [height, width], "counts": drawn["counts"].decode("ascii")}


def annotation_mask(annotation: CocoAnnotation, height: int, width: int) -> NDArray[np.bool_]:
    """The (Y, X) mask of one annotation, polygons drawn as pycocotools draws them."""
    mask = np.zeros(height * width, np.bool_)
    mask[_pixels(annotation, height, width)] = True
    return mask.reshape(width, height).T


def rasterize(
    annotations: Iterable[CocoAnnotation], height: int, width: int
) -> tuple[NDArray[np.int32], int]:
    """The (Y, X) labels of these cells and how many pixels more than one cell claims.

    Cells are numbered 1, 2, … in the order given. Where cells overlap the smaller one is on top;
    of equal ones the later. Crowd regions are left out: they are not single cells.
    """
    check_claim("The annotation", height, width, samples=1, item_bytes=BYTES_PER_PIXEL)
    cells = [item for item in annotations if not item.iscrowd]
    labels = np.zeros(height * width, np.int32)
    shared = np.zeros(height * width, np.bool_)
    areas = np.zeros(len(cells) + 1, np.int64)
    for number, cell in enumerate(cells, start=1):
        pixels = _pixels(cell, height, width)
        areas[number] = len(pixels)
        below = labels[pixels]
        shared[pixels[below > 0]] = True
        labels[pixels[(below == 0) | (len(pixels) <= areas[below])]] = number
    return np.ascontiguousarray(labels.reshape(width, height).T), int(shared.sum())


def encode_runs(
    inside: NDArray[np.bool_], top: int, left: int, shape: tuple[int, ...]
) -> dict[str, Any]:
    """The compressed run lengths of a mask that lies at (top, left) in an image."""
    height, width = int(shape[0]), int(shape[1])
    columns, rows = np.nonzero(inside.T)
    pixels = (columns + left) * height + rows + top
    breaks = np.flatnonzero(np.diff(pixels) > 1)
    starts = pixels[np.concatenate([[0], breaks + 1])]
    ends = pixels[np.concatenate([breaks, [len(pixels) - 1]])] + 1
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(np.concatenate([[0], edges, [height * width]])).tolist()
    size = [height, width]
    runs = coco_mask.frPyObjects({"size": size, "counts": counts}, height, width)
    return {"size": size, "counts": runs["counts"].decode("ascii")}
