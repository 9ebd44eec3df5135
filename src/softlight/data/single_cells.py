"""Whether an annotation tells one cell from the next, or only cells from background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from skimage.measure import label as number_pieces

from softlight.data.samples import Sample
from softlight.data.splits import spread

MOST_CLASSES = 3  # so many values in a label image may as well be classes
LEAST_WHOLE = 0.5  # of the labels: a cell is one piece, a class is many
LOOKED_AT = 20  # images
MASKS = "masks"  # the tag of labels that are found to tell cells from background only
_BINARY = ("STbin", MASKS)  # the first are the Challenge's, made from others without their numbers


def has_single_cells(samples: Sequence[Sample]) -> bool:
    """Whether the truth of these images tells touching cells apart, as far as can be seen.

    Masks of a Challenge folder say what they are. Otherwise one of up to `LOOKED_AT` images must
    hold more labels than `MOST_CLASSES`, of which each is about one piece: of a binary mask, or of
    one with few classes, nobody can tell which cells touch.
    """
    if any("annotation" in sample.tags and not is_binary(sample) for sample in samples):
        return True
    untold = [sample for sample in samples if "annotation" not in sample.tags]
    return any(_are_cells(sample.read().labels) for sample in spread(untold, LOOKED_AT))


def is_binary(sample: Sample) -> bool:
    """Whether it is known of the image that its labels do not tell touching cells apart."""
    return sample.tags.get("annotation") in _BINARY


def are_masks(samples: Sequence[Sample]) -> bool:
    """Whether the truth of these images is masks: no single cells, and labels in several pieces.

    Where each image holds few labels of one piece each, they may well be its only cells.
    """
    if has_single_cells(samples):
        return False
    looked_at = (sample.read().labels for sample in spread(samples, LOOKED_AT))
    return any(pieces > number for number, pieces in map(_counts, looked_at))


def _are_cells(labels: npt.NDArray[np.int32]) -> bool:
    number, pieces = _counts(labels)
    return number > MOST_CLASSES and number >= LEAST_WHOLE * pieces


def _counts(labels: npt.NDArray[np.int32]) -> tuple[int, int]:
    """(labels, connected pieces) of an image."""
    pieces = number_pieces(labels, connectivity=2)  # type: ignore[no-untyped-call]
    return int((np.unique(labels) > 0).sum()), int(pieces.max(initial=0))
