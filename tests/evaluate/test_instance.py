"""Scores of single cells against arithmetic by hand, plain loops and another library."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from ctc_metrics.metrics import seg
from ctc_metrics.scripts.evaluate import match_computed_to_reference_masks
from tests.cases import random_cells, square_cells

from softlight.evaluate.instance import MEASURES, score_instances

CASES = square_cells()
nan = float("nan")


def test_the_names_are_those_that_are_told() -> None:
    assert tuple(score_instances(*CASES["same"])) == MEASURES


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("same", {"ap": 1, "ap95": 1, "f1": 1, "pq": 1, "aji": 1, "seg": 1, "count_error": 0}),
        # Each half has IoU 8/16 with the whole: one of them is it, the other is too many.
        ("halves", {"ap50": 1 / 2, "ap55": 0, "ap": 1 / 20, "f1": 2 / 3, "matched_iou": 1 / 2}),
        ("halves", {"cell_precision": 1 / 2, "cell_recall": 1, "count_error": 1}),
        ("halves", {"pq": 0, "rq": 0, "sq": nan, "aji": 8 / (16 + 8), "seg": 0}),
        ("halves", {"split_share": 1, "missed_share": 0, "false_share": 0}),
        ("merged", {"ap50": 1 / 2, "cell_precision": 1, "cell_recall": 1 / 2}),
        ("merged", {"seg": 1 / 2, "aji": (16 + 16) / (32 + 32), "merged_share": 1}),
        ("merged", {"count_error": -1 / 2, "count_error_abs": 1 / 2}),
        # 12 of 20 pixels: found up to IoU 0.6, exactly
        ("shifted", {"ap50": 1, "ap60": 1, "ap65": 0, "ap": 3 / 10, "seg": 12 / 20}),
        ("shifted", {"pq": 12 / 20, "sq": 12 / 20, "rq": 1, "aji": 12 / 20}),
        ("missed", {"ap": 1 / 2, "f1": 2 / 3, "pq": 2 / 3, "aji": 1 / 2, "seg": 1 / 2}),
        ("missed", {"missed_share": 1 / 2, "false_share": 0, "cells": 1, "cells_true": 2}),
        ("false", {"ap": 1 / 2, "f1": 2 / 3, "pq": 2 / 3, "aji": 1 / 2, "seg": 1}),
        ("false", {"missed_share": 0, "false_share": 1 / 2, "count_error": 1}),
        ("nothing found", {"ap": 0, "f1": 0, "pq": 0, "aji": 0, "seg": 0, "count_error": -1}),
        ("nothing found", {"cell_precision": nan, "cell_recall": 0, "matched_iou": nan}),
        ("nothing there", {"ap": 0, "f1": 0, "pq": 0, "aji": 0, "seg": nan, "count_error": nan}),
        ("nothing there", {"cell_precision": 0, "cell_recall": nan, "false_share": 1}),
    ],
)
def test_scores_by_hand(case: str, expected: dict[str, float]) -> None:
    scores = score_instances(*CASES[case])
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, nan_ok=True), name


def test_without_any_cell_only_the_counts_are_defined() -> None:
    scores = score_instances(*CASES["nothing"])
    assert {name for name, value in scores.items() if not math.isnan(value)} == {
        "cells",
        "cells_true",
    }


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("swapped", [False, True])
def test_exact_halves_are_at_most_one_true_positive(axis: int, swapped: bool) -> None:
    truth = np.zeros((40, 40), int)
    halves = truth.copy()
    for number, (top, left) in enumerate([(2, 2), (2, 22), (22, 2), (22, 22)]):
        truth[top : top + 10, left : left + 10] = number + 1
        halves[top : top + 10, left : left + 10] = 2 * number + 1
        late = np.arange(10) >= 5
        halves[top : top + 10, left : left + 10] += late[:, None] if axis == 0 else late
    scores = score_instances(halves, truth) if swapped else score_instances(truth, halves)
    assert scores["ap50"] == 4 / 8  # 4 true positives, 4 cells too many or too few
    assert scores["f1"] == 8 / 12


def by_loops(truth: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32]) -> dict[str, float]:
    """The scores from their definitions, each pair of masks compared."""
    ts = [truth == label for label in np.unique(truth[truth > 0])]
    ps = [predicted == label for label in np.unique(predicted[predicted > 0])]
    iou = np.array([[(t & p).sum() / (t | p).sum() for p in ps] for t in ts])
    iou = iou.reshape(len(ts), len(ps))
    scores = {}
    for percent in (50, 60, 75, 95):
        # From IoU 0.5 on only halves compete, so that the first free one is as good as any.
        free, hits = set(range(len(ps))), 0
        for row in iou:
            good = [p for p in sorted(free) if row[p] >= percent / 100]
            if good:
                hits += 1
                free.discard(good[0])
        scores[f"ap{percent}"] = hits / (len(ts) + len(ps) - hits)
    above = iou[iou > 0.5]
    scores["pq"] = above.sum() / (len(above) + (len(ts) + len(ps) - 2 * len(above)) / 2)
    inter = union = 0
    used = set()
    for t, row in zip(ts, iou, strict=True):
        if row.size and row.max() > 0:
            best = int(row.argmax())
            used.add(best)
            inter += (t & ps[best]).sum()
            union += (t | ps[best]).sum()
        else:
            union += t.sum()
    scores["aji"] = inter / (union + sum(p.sum() for i, p in enumerate(ps) if i not in used))
    covered = [[(t & p).sum() > t.sum() / 2 for p in ps] for t in ts]
    scores["seg"] = sum(iou[np.array(covered).reshape(iou.shape)]) / len(ts) if ts else nan
    return scores


@pytest.mark.parametrize("seed", range(40))
def test_scores_equal_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = random_cells(rng)
    predicted = np.roll(truth, 1, axis=0) if seed % 2 else random_cells(rng)
    predicted[rng.random(truth.shape) < 0.05] = 7
    scores = score_instances(truth, predicted)
    for name, value in by_loops(truth, predicted).items():
        assert scores[name] == pytest.approx(value, nan_ok=True), name


@pytest.mark.parametrize("seed", [1, 3, 6])
def test_seg_equals_that_of_another_library(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    truth = random_cells(rng, side=40)
    predicted = np.roll(truth, 1, axis=1)
    predicted[20:] = np.where(predicted[20:] > 0, 9, 0)
    # Of fewer bits than needed for both labels added up, that library overflows.
    tifffile.imwrite(tmp_path / "t.tif", truth.astype(np.int32))
    tifffile.imwrite(tmp_path / "p.tif", predicted.astype(np.int32))
    found = match_computed_to_reference_masks(
        [str(tmp_path / "t.tif")], [str(tmp_path / "p.tif")], threads=1
    )
    expected = seg(found["labels_ref"], found["ious"])
    assert 0 < expected < 1
    assert score_instances(truth, predicted)["seg"] == pytest.approx(expected)


def test_labels_above_16_bits_score_the_same() -> None:
    rng = np.random.default_rng(2)
    truth = random_cells(rng, side=30)
    predicted = np.roll(truth, 1, axis=0)
    large = np.where(predicted > 0, predicted + 70_000, 0)
    assert score_instances(truth, large) == score_instances(truth, predicted)


def test_the_order_of_labels_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    truth = random_cells(rng, side=30)
    predicted = np.roll(truth, 1, axis=1)
    other = rng.permutation(201)
    other = np.concatenate([[0], other[other > 0]])
    first, again = score_instances(truth, predicted), score_instances(other[truth], predicted)
    assert again == pytest.approx(first)


def test_what_is_not_annotated_counts_neither_way() -> None:
    truth, found = CASES["false"]  # the second cell found lies where nothing was annotated
    valid = np.ones(truth.shape, bool)
    valid[4:] = False
    scores = score_instances(truth, found, valid=valid)
    assert scores["ap"] == 1
    assert scores["cells"] == 1
    partly = valid.copy()
    partly[4:6] = True  # half of it is known: it counts
    assert score_instances(truth, found, valid=partly)["ap"] == 1 / 2
    nowhere = np.zeros(truth.shape, bool)
    assert math.isnan(score_instances(truth, found, valid=nowhere)["ap"])
