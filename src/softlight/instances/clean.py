"""What every way of splitting begins and ends with: checked maps, and labels in order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected

Labels = NDArray[np.int32]


def checked(image: NDArray[np.generic], *, name: str = "foreground") -> NDArray[np.generic]:
    """The image as an array, a plane ``(Y, X)`` of finite numbers."""
    array = np.asarray(image)
    if array.ndim != 2:
        raise ValueError(
            f"The {name} has shape {array.shape}; it must be one plane (Y, X). Give one frame "
            "and one class at a time."
        )
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise ValueError(f"The {name} holds NaN or infinity; check the network's output.")
    return array


def checked_map(
    image: NDArray[np.generic], shape: tuple[int, ...] | None = None, *, name: str
) -> NDArray[np.float32]:
    """The same as float32, and as large as the foreground."""
    array = checked(image, name=name).astype(np.float32, copy=False)
    if shape is not None and array.shape != shape:
        raise ValueError(
            f"The {name} has shape {array.shape} and the foreground {shape}; they must be the same."
        )
    return array


def renumbered(labels: Labels, *, min_area_px: int) -> Labels:
    """The labels of at least this area, numbered 1 to n by their first pixel."""
    flat = labels.ravel()
    inside = np.flatnonzero(flat)
    values = flat[inside]
    area = np.bincount(values, minlength=1)
    first = np.zeros(len(area), np.intp)
    first[values[::-1]] = inside[::-1]  # of several writes the last stays: the first pixel
    kept = np.flatnonzero((area > 0) & (area >= min_area_px))
    kept = kept[np.argsort(first[kept], kind="stable")]
    renumber = np.zeros(len(area), np.int32)
    renumber[kept] = np.arange(1, len(kept) + 1)
    return renumber[labels]


def whole(labels: Labels, *, min_area_px: int = 0) -> Labels:
    """Labels of one connected piece each: the largest of every label; the others go elsewhere.

    A lesser piece, or one below ``min_area_px``, becomes part of the piece with which it shares
    the longest border; touching none, it is a label of its own.
    """
    pieces, count = connected(  # type: ignore[no-untyped-call]
        labels, return_num=True, connectivity=2
    )
    area = np.bincount(pieces.ravel(), minlength=count + 1)
    owner = np.zeros(count + 1, labels.dtype)
    owner[pieces.ravel()] = labels.ravel()
    order = np.lexsort((-np.arange(count + 1), area, owner))  # by label, the largest last
    largest = np.append(owner[order][1:] != owner[order][:-1], True)
    kept = np.zeros(count + 1, bool)
    kept[order[largest]] = True
    kept &= area >= min_area_px
    target = np.arange(count + 1) if kept[1:].all() else _longest_border(pieces, kept, area)
    while not np.array_equal(target[target], target):
        target = target[target]
    joined: Labels = target.astype(np.int32)[pieces]
    return joined


def touching(parts: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The flat indices of all pairs of touching pixels in two different parts, each pair once.

    Pixels touch by sides and corners; 0 is no part.
    """
    width = parts.shape[1] + 1  # of an image with an empty column at its right, where rows end
    flat = np.pad(parts, ((0, 0), (0, 1))).ravel()
    part = flat > 0
    ones, others = [], []
    for offset in (1, width, width + 1, width - 1):
        if offset >= flat.size:
            continue
        differ = flat[:-offset] != flat[offset:]
        differ &= part[:-offset]
        differ &= part[offset:]
        at = np.flatnonzero(differ)
        ones.append(at)
        others.append(at + offset)
    one, other = np.concatenate(ones), np.concatenate(others)
    return one - one // width, other - other // width


def _longest_border(
    pieces: NDArray[np.integer], kept: NDArray[np.bool_], area: NDArray[np.intp]
) -> NDArray[np.intp]:
    """For each piece that is not kept, the kept or larger one that it shares most border with."""
    one, other = (pieces.ravel()[at] for at in touching(pieces))
    start = np.concatenate([one, other]).astype(np.int64)
    end = np.concatenate([other, one])
    loose = ~kept[start]
    start, end = start[loose], end[loose]
    larger = (area[end] > area[start]) | ((area[end] == area[start]) & (end < start))
    fits = kept[end] | larger
    pairs, shared = np.unique(start[fits] * len(kept) + end[fits], return_counts=True)
    target = np.arange(len(kept))
    order = np.argsort(shared, kind="stable")  # the longest is written last and stays
    start, end = np.divmod(pairs[order], len(kept))
    target[start] = end
    return target
