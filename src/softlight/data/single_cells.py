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
_BINARY = "STbin"  # the Challenge's masks that were made from others without their numbers


def has_single_cells(samples: Sequence[Sample]) -> bool:
    """Whether the truth of these images tells touching cells apart, as far as can be seen.

    Masks of a Challenge folder say what they are. Otherwise one of up to `LOOKED_AT` images must
    hold more labels than `MOST_CLASSES`, of which each is about one piece: of a binary mask, or of
    one with few classes, nobody can tell which cells touch.
    """
    told = {sample.tags["annotation"] for sample in samples if "annotation" in sample.tags}
    if told:
        return any(kind != _BINARY for kind in told)
    return any(_are_cells(sample.read().labels) for sample in spread(samples, LOOKED_AT))


def is_binary(sample: Sample) -> bool:
    """Whether the image is one of a Challenge folder whose cells lost their numbers."""
    return sample.tags.get("annotation") == _BINARY


def _are_cells(labels: npt.NDArray[np.int32]) -> bool:
    values = np.unique(labels)
    number = int((values > 0).sum())
    if number <= MOST_CLASSES:
        return False
    pieces = number_pieces(labels, connectivity=2)  # type: ignore[no-untyped-call]
    return bool(number >= LEAST_WHOLE * pieces.max())
