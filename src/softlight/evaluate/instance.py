"""How well predicted cells agree with the true ones, cell by cell, in one image.

Cells are matched one to one, so a cell cut in two halves is found at most once. A measure that has
no answer is nan, never a quiet 0 or 1: all of them but the counts where neither image holds a cell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from softlight.evaluate.matching import Labels, Overlap, match, overlap_of
from softlight.evaluate.mistakes import fates_of
from softlight.evaluate.pixel import Mask

IOUS = tuple(step / 20 for step in range(10, 20))  # 0.5, 0.55, … 0.95, each the nearest float
MEASURES = (  # what `score_instances` says, in this order
    *("ap", *(f"ap{round(100 * iou)}" for iou in IOUS)),
    *("f1", "cell_precision", "cell_recall", "matched_iou", "pq", "sq", "rq", "aji", "seg"),
    *("missed_share", "merged_share", "split_share", "false_share"),
    *("cells", "cells_true", "count_error", "count_error_abs"),
)


def score_instances(
    truth: Labels,
    predicted: Labels,
    *,
    valid: Mask | None = None,
) -> dict[str, float]:
    """The agreement of two ``(Y, X)`` label images, by flat names.

    With TP the pairs matched one to one at an IoU, FP the other predicted and FN the other true
    cells:

    - ``ap50`` … ``ap95`` = TP / (TP + FP + FN) at IoU 0.5, 0.55 … 0.95; ``ap`` their mean
    - ``f1`` = 2 TP / (2 TP + FP + FN), ``cell_precision`` = TP / (TP + FP), ``cell_recall`` =
      TP / (TP + FN), ``matched_iou`` = mean IoU over TP, all at IoU 0.5
    - ``pq`` = ``sq`` x ``rq``, panoptic quality: the same F1 and mean IoU at an IoU above 0.5
    - ``aji``: see `aggregated_jaccard`
    - ``seg``: see `challenge_seg`
    - ``missed_share``, ``merged_share``, ``split_share`` of the true cells and ``false_share`` of
      the predicted ones: see `softlight.evaluate.mistakes.fates_of`
    - ``cells``, ``cells_true``: how many there are; ``count_error`` = cells / cells_true - 1,
      ``count_error_abs`` its absolute value

    Args:
        truth: Whole numbers, 0 is background.
        predicted: The same.
        valid: False where the truth says nothing: see `softlight.evaluate.matching.overlap_of`.
    """
    overlap = overlap_of(truth, predicted, valid=valid)
    return (
        _average_precisions(overlap)
        | _found(overlap)
        | _panoptic(overlap)
        | {"aji": aggregated_jaccard(overlap), "seg": challenge_seg(overlap)}
        | _fates(overlap)
        | _counts(overlap)
    )


def aggregated_jaccard(overlap: Overlap) -> float:
    """The aggregated Jaccard index of Kumar et al. (2017, doi 10.1109/TMI.2017.2677499).

    Each true cell takes the predicted one with the largest IoU, if any overlaps. AJI is the sum of
    what these pairs share, by the sum of what they hold together plus the pixels of every
    predicted cell that no true one took, and of every true one that took none.
    """
    whole = int(overlap.truth_area.sum() + overlap.predicted_area.sum())
    if whole == 0:
        return float("nan")
    # By true cell, then by IoU; the last of each true cell is its best, of equal ones the first.
    order = np.lexsort((-overlap.predicted_index, overlap.iou, overlap.truth_index))
    last = np.append(np.diff(overlap.truth_index[order]) > 0, True)[: len(order)]
    best = order[last]
    shared = int(overlap.shared[best].sum())
    taken = overlap.predicted_index[best]
    areas = overlap.predicted_area
    again = int(areas[taken].sum() - areas[np.unique(taken)].sum())
    return shared / (whole + again - shared)  # a cell taken twice counts twice in the union


def challenge_seg(overlap: Overlap) -> float:
    """SEG of the Cell Tracking Challenge: how well each true cell is covered, on average.

    A true cell has the IoU of the predicted one that covers more than half of it, and 0 if none
    does. nan without a true cell.
    """
    if len(overlap.truth) == 0:
        return float("nan")
    mostly = 2 * overlap.shared > overlap.truth_area[overlap.truth_index]
    return float(overlap.iou[mostly].sum() / len(overlap.truth))


def _average_precisions(overlap: Overlap) -> dict[str, float]:
    cells = len(overlap.truth) + len(overlap.predicted)
    found = {}
    for iou in IOUS:
        matched = len(match(overlap, iou))
        found[f"ap{round(100 * iou)}"] = _ratio(matched, cells - matched)
    return {"ap": float(np.mean(list(found.values()))), **found}


def _found(overlap: Overlap) -> dict[str, float]:
    pairs = match(overlap, 0.5)
    return {
        "f1": _ratio(2 * len(pairs), len(overlap.truth) + len(overlap.predicted)),
        "cell_precision": _ratio(len(pairs), len(overlap.predicted)),
        "cell_recall": _ratio(len(pairs), len(overlap.truth)),
        "matched_iou": _mean(overlap.iou[pairs]),
    }


def _panoptic(overlap: Overlap) -> dict[str, float]:
    """PQ of Kirillov et al. (2019): its pairs are those above an IoU of 0.5, which are unique."""
    iou = overlap.iou
    matched = iou[iou > 0.5]
    cells = len(overlap.truth) + len(overlap.predicted)
    return {
        "pq": _ratio(2 * float(matched.sum()), cells),
        "sq": _mean(matched),
        "rq": _ratio(2 * len(matched), cells),
    }


def _fates(overlap: Overlap) -> dict[str, float]:
    number = fates_of(overlap).count()
    true, found = len(overlap.truth), len(overlap.predicted)
    return {
        "missed_share": _ratio(number["missed"], true),
        "merged_share": _ratio(number["merged"], true),
        "split_share": _ratio(number["split"], true),
        "false_share": _ratio(number["false"], found),
    }


def _counts(overlap: Overlap) -> dict[str, float]:
    cells, true = len(overlap.predicted), len(overlap.truth)
    error = _ratio(cells - true, true)
    return {
        "cells": float(cells),
        "cells_true": float(true),
        "count_error": error,
        "count_error_abs": abs(error),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
