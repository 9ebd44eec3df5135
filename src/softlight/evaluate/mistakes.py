"""What became of each cell: found, missed, merged with a neighbour, split, or made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from softlight.evaluate.matching import Counts, Overlap
from softlight.evaluate.pixel import Mask

Fate = Literal["correct", "missed", "false", "merged", "split"]


@dataclass(frozen=True)
class Fates:
    """What became of each cell that counts, by its label.

    Attributes:
        truth: ``correct``, ``merged``, ``split`` or ``missed`` for each true cell.
        predicted: ``correct``, ``merged``, ``split`` or ``false`` for each predicted cell.
    """

    truth: Mapping[int, Fate]
    predicted: Mapping[int, Fate]

    def count(self) -> dict[Fate, int]:
        """True cells by what became of them, and of the predicted ones those that are false."""
        of_truth, of_predicted = Counter(self.truth.values()), Counter(self.predicted.values())
        return {
            "correct": of_truth["correct"],
            "missed": of_truth["missed"],
            "merged": of_truth["merged"],
            "split": of_truth["split"],
            "false": of_predicted["false"],
        }


def fates_of(overlap: Overlap) -> Fates:
    """What became of each cell of `softlight.evaluate.matching.overlap_of` two label images.

    - *correct*: matched at an IoU above 0.5
    - *merged*: else, a predicted cell that holds most of two true cells or more; and a true cell
      most of which lies in a predicted one that holds most of another, too
    - *split*: else, a true cell that holds most of two predicted ones or more; and a predicted cell
      most of which lies in a true one that holds most of another, too
    - *missed*: the other true cells; *false*: the other predicted ones

    Most is more than half of the pixels.
    """
    pairs = overlap.iou > 0.5  # of exact halves none is right: they are merged or split
    in_predicted, with_others = _mostly_inside(
        overlap.shared, overlap.truth_area, overlap.truth_index, overlap.predicted_index
    )
    in_truth, among_others = _mostly_inside(
        overlap.shared, overlap.predicted_area, overlap.predicted_index, overlap.truth_index
    )
    return Fates(
        truth=_named(
            overlap.truth,
            correct=overlap.truth_index[pairs],
            merged=overlap.truth_index[in_predicted][with_others],
            split=overlap.truth_index[in_truth][among_others],
            other="missed",
        ),
        predicted=_named(
            overlap.predicted,
            correct=overlap.predicted_index[pairs],
            merged=overlap.predicted_index[in_predicted][with_others],
            split=overlap.predicted_index[in_truth][among_others],
            other="false",
        ),
    )


def _mostly_inside(
    shared: Counts, area: Counts, inner: npt.NDArray[np.intp], outer: npt.NDArray[np.intp]
) -> tuple[Mask, Mask]:
    """(pairs of which the outer cell holds most of the inner one, those of them with company)."""
    inside: Mask = 2 * shared > area[inner]
    number = np.bincount(outer[inside], minlength=1)
    company: Mask = number[outer[inside]] > 1
    return inside, company


def _named(
    labels: Counts,
    *,
    correct: npt.NDArray[np.intp],
    merged: npt.NDArray[np.intp],
    split: npt.NDArray[np.intp],
    other: Fate,
) -> dict[int, Fate]:
    """The fate of each label; what comes first in the arguments is said."""
    names = np.full(len(labels), other, dtype=object)
    names[split] = "split"
    names[merged] = "merged"
    names[correct] = "correct"
    return {int(label): cast("Fate", name) for label, name in zip(labels, names, strict=True)}
