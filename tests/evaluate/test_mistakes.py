"""What became of each cell, on cells drawn for it."""

import numpy as np
import numpy.typing as npt
import pytest

from softlight.evaluate.instance import score_instances
from softlight.evaluate.matching import overlap_of
from softlight.evaluate.mistakes import Fates, fates_of


def scene() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(truth, predicted) with each kind of mistake once."""
    truth = np.zeros((20, 40), np.int32)
    found = truth.copy()
    truth[1:5, 1:5], found[1:5, 1:5] = 1, 10  # right
    truth[1:5, 10:15], truth[1:5, 15:20], found[1:5, 10:20] = 2, 3, 20  # merged, evenly
    truth[10:14, 1:9], found[10:14, 1:5], found[10:14, 5:9] = 4, 30, 31  # split, evenly
    truth[10:14, 20:24] = 5  # missed
    found[10:14, 30:34] = 40  # not there
    truth[16:19, 1:19], truth[16:19, 19:21], found[16:19, 1:21] = 6, 7, 50  # a small one swallowed
    truth[16:19, 24:34], found[16:19, 24:32], found[16:19, 32:34] = 8, 60, 61  # a piece cut off
    return truth, found


def test_each_cell_has_its_fate() -> None:
    assert fates_of(overlap_of(*scene())) == Fates(
        truth={
            1: "correct",
            2: "merged",
            3: "merged",
            4: "split",
            5: "missed",
            6: "correct",
            7: "merged",
            8: "correct",
        },
        predicted={
            10: "correct",
            20: "merged",
            30: "split",
            31: "split",
            40: "false",
            50: "correct",
            60: "correct",
            61: "split",
        },
    )


def test_shares_are_of_the_true_cells_and_of_the_predicted_ones() -> None:
    scores = score_instances(*scene())
    assert scores["missed_share"] == 1 / 8
    assert scores["merged_share"] == 3 / 8
    assert scores["split_share"] == 1 / 8
    assert scores["false_share"] == 1 / 8
    right = fates_of(overlap_of(*scene())).count()["correct"]
    assert scores["rq"] == pytest.approx(2 * right / 16)


def test_a_bad_outline_is_missed_and_not_there() -> None:
    truth = np.zeros((9, 9), int)
    found = truth.copy()
    truth[:6, :6], found[4:, 4:] = 1, 1
    fates = fates_of(overlap_of(truth, found))
    assert fates == Fates({1: "missed"}, {1: "false"})


def test_cells_where_nothing_is_known_have_no_fate() -> None:
    truth, found = scene()
    valid = np.ones(truth.shape, bool)
    valid[:, 29:35] = False
    fates = fates_of(overlap_of(truth, found, valid=valid))
    assert 40 not in fates.predicted
    assert fates.count()["false"] == 0
