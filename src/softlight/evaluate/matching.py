"""Which predicted cell is which true cell: shared pixels counted once, pairs matched one to one.

Nothing here grows with the number of cells times the number of cells: only pairs that share a
pixel are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from softlight.evaluate.pixel import Mask, ScoreError

Labels = npt.NDArray[np.integer]
Indices = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Overlap:
    """The cells of two label images and the pixels that they share.

    Attributes:
        truth: The true labels that count, ascending.
        predicted: The predicted labels that count, ascending.
        truth_area: Pixels of each true cell, where the annotation says something.
        predicted_area: Pixels of each predicted cell, the same.
        truth_index: For each pair that shares a pixel, the true cell as an index into `truth`.
        predicted_index: For each pair, the predicted cell as an index into `predicted`.
        shared: For each pair, the pixels that both hold.
    """

    truth: Counts
    predicted: Counts
    truth_area: Counts
    predicted_area: Counts
    truth_index: Indices
    predicted_index: Indices
    shared: Counts

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """For each pair: shared pixels by the pixels that either holds."""
        either = self.truth_area[self.truth_index] + self.predicted_area[self.predicted_index]
        ratio: npt.NDArray[np.float64] = self.shared / (either - self.shared)
        return ratio


def overlap_of(truth: Labels, predicted: Labels, *, valid: Mask | None = None) -> Overlap:
    """The cells of two ``(Y, X)`` label images with the pixels that each pair shares.

    Args:
        truth: Whole numbers, 0 is background.
        predicted: The same.
        valid: False where the truth says nothing. A cell with more than half of its pixels there
            is ignored, whichever image it is in; of the others only the valid pixels count.
    """
    truth, predicted, valid = _comparable(truth, predicted, valid)
    if valid is not None:
        truth, predicted = known_cells(truth, valid), known_cells(predicted, valid)
    either = (truth > 0) | (predicted > 0)
    base = int(predicted.max(initial=0)) + 1  # labels fit 31 bits, so a pair of them fits 62
    pairs, counts = np.unique(truth[either] * base + predicted[either], return_counts=True)
    of_truth, of_predicted = np.divmod(pairs, base)
    truth_labels, truth_area = _areas(of_truth, counts)
    predicted_labels, predicted_area = _areas(of_predicted, counts)
    both = (of_truth > 0) & (of_predicted > 0)
    return Overlap(
        truth_labels,
        predicted_labels,
        truth_area,
        predicted_area,
        np.searchsorted(truth_labels, of_truth[both]),
        np.searchsorted(predicted_labels, of_predicted[both]),
        counts[both].astype(np.int64),
    )


def known_cells(labels: Labels, valid: Mask) -> Counts:
    """The labels on valid pixels, less those with more than half of their pixels elsewhere."""
    values, place = np.unique(np.asarray(labels, np.int64), return_inverse=True)
    total = np.bincount(place.ravel(), minlength=len(values))
    inside = np.bincount(place.ravel(), weights=valid.ravel(), minlength=len(values))
    kept = np.where(2 * inside >= total, values, 0)
    found: Counts = np.where(valid, kept[place.reshape(labels.shape)], 0)
    return found


def match(overlap: Overlap, iou: float = 0.5) -> Indices:
    """The pairs of the overlap, by their index, that match one to one at this IoU or more.

    No two of them share a cell. There are as many as there can be, and of all such choices the one
    with the largest sum of IoU.
    """
    if not 0 < iou <= 1:
        raise ScoreError(f"IoU to match at is {iou:g}; it must be above 0 and at most 1.")
    of_pair = overlap.iou
    candidates = np.flatnonzero(of_pair >= iou)
    rows, columns = overlap.truth_index[candidates], overlap.predicted_index[candidates]
    contested = (np.bincount(rows, minlength=1)[rows] > 1) | (
        np.bincount(columns, minlength=1)[columns] > 1
    )
    chosen = [candidates[~contested]]
    if contested.any():  # never above an IoU of 0.5: two cells cannot both hold most of a third
        chosen += _assign(overlap, candidates[contested], of_pair)
    return np.sort(np.concatenate(chosen))


def _assign(overlap: Overlap, candidates: Indices, iou: npt.NDArray[np.float64]) -> list[Indices]:
    """The best one-to-one choice among pairs that compete, one group of competitors at a time."""
    truths = len(overlap.truth)
    rows, columns = overlap.truth_index[candidates], overlap.predicted_index[candidates]
    size = truths + len(overlap.predicted)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, truths + columns)), shape=(size, size))
    _, group_of_cell = connected_components(graph, directed=False)
    group = group_of_cell[rows]
    order = np.argsort(group, kind="stable")
    chosen = []
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        own_rows, row = np.unique(rows[members], return_inverse=True)
        own_columns, column = np.unique(columns[members], return_inverse=True)
        gain = np.zeros((len(own_rows), len(own_columns)))
        pair = np.full(gain.shape, -1, dtype=np.intp)
        # One more pair is worth more than any improvement of the others.
        gain[row, column] = 1 + iou[candidates[members]] / (1 + len(members))
        pair[row, column] = candidates[members]
        found = pair[linear_sum_assignment(gain, maximize=True)]
        chosen.append(found[found >= 0])
    return chosen


def _areas(labels: Counts, counts: npt.NDArray[np.intp]) -> tuple[Counts, Counts]:
    """(the labels above 0, the pixels of each) of labels that come with counts, repeatedly."""
    values, place = np.unique(labels, return_inverse=True)
    area = np.bincount(place, weights=counts, minlength=len(values)).astype(np.int64)
    return values[values > 0], area[values > 0]


def _comparable(
    truth: Labels, predicted: Labels, valid: Mask | None
) -> tuple[Counts, Counts, Mask | None]:
    """Both label images as int64, or a ScoreError."""
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    valid = None if valid is None else np.asarray(valid)
    if (
        truth.ndim != 2
        or predicted.shape != truth.shape
        or (valid is not None and valid.shape != truth.shape)
    ):
        of_valid = "" if valid is None else f", valid {valid.shape}"
        raise ScoreError(
            f"Predicted labels are {predicted.shape}, truth {truth.shape}{of_valid}; give (Y, X) "
            "arrays of one shape."
        )
    if valid is not None and valid.dtype != np.bool_:
        raise ScoreError(f"valid is {valid.dtype}; give booleans, False where truth is unknown.")
    for what, labels in (("Predicted labels", predicted), ("Truth", truth)):
        if labels.dtype == np.bool_:
            raise ScoreError(f"{what} is a mask of booleans, not labels; number its cells first.")
        if labels.dtype.kind not in "iu":
            raise ScoreError(f"{what} is {labels.dtype}; labels are whole numbers.")
        if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < 2**31:
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise ScoreError(f"{what} holds {wrong}; labels are from 0 to {2**31 - 1}.")
    return truth.astype(np.int64), predicted.astype(np.int64), valid
