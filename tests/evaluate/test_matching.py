"""Which cells share pixels and which match, against plain loops."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from tests.cases import random_cells

from softlight.evaluate.matching import Overlap, known_cells, match, overlap_of
from softlight.evaluate.pixel import ScoreError


def by_loops(
    truth: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32]
) -> dict[tuple[int, int], tuple[int, float]]:
    found = {}
    for t in np.unique(truth[truth > 0]).tolist():
        for p in np.unique(predicted[predicted > 0]).tolist():
            both = int(((truth == t) & (predicted == p)).sum())
            if both:
                found[t, p] = both, both / int(((truth == t) | (predicted == p)).sum())
    return found


def pairs_of(overlap: Overlap) -> list[tuple[int, int]]:
    truth = overlap.truth[overlap.truth_index].tolist()
    return list(zip(truth, overlap.predicted[overlap.predicted_index].tolist(), strict=True))


@pytest.mark.parametrize("seed", range(25))
def test_shared_pixels_and_iou_equal_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = random_cells(rng), random_cells(rng)
    overlap = overlap_of(truth, predicted)
    expected = by_loops(truth, predicted)
    pairs = pairs_of(overlap)
    assert len(pairs) == len(set(pairs))
    found = zip(overlap.shared.tolist(), overlap.iou.tolist(), strict=True)
    assert dict(zip(pairs, found, strict=True)) == expected
    assert overlap.truth_area.tolist() == [int((truth == t).sum()) for t in overlap.truth]
    assert set(overlap.predicted.tolist()) == set(predicted[predicted > 0].tolist())


def best_choice(iou: dict[tuple[int, int], float], least: float) -> tuple[int, float]:
    """(most pairs, largest sum) of all one-to-one choices, every one of them tried."""
    candidates = [pair for pair, value in iou.items() if value >= least]
    best = (0, 0.0)
    for number in range(1, len(candidates) + 1):
        for chosen in itertools.combinations(candidates, number):
            if all(len({pair[side] for pair in chosen}) == number for side in (0, 1)):
                best = max(best, (number, sum(iou[pair] for pair in chosen)))
    return best


@pytest.mark.parametrize("least", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(15))
def test_matching_is_the_best_one_to_one_choice(seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = random_cells(rng), random_cells(rng)
    iou = {pair: value for pair, (_, value) in by_loops(truth, predicted).items()}
    overlap = overlap_of(truth, predicted)
    chosen = match(overlap, least)
    assert len(set(overlap.truth_index[chosen].tolist())) == len(chosen)
    assert len(set(overlap.predicted_index[chosen].tolist())) == len(chosen)
    number, total = best_choice(iou, least)
    assert len(chosen) == number
    assert overlap.iou[chosen].sum() == pytest.approx(total)


def test_more_pairs_go_before_better_ones() -> None:
    truth = np.array([[1, 1, 1, 1, 2, 0, 0, 0]])
    predicted = np.array([[3, 4, 4, 4, 4, 0, 0, 0]])
    overlap = overlap_of(truth, predicted)
    # 1 and 4 share 3 of 5 pixels, but then 2 and 3, which share none, are left.
    chosen = match(overlap, 0.2)
    assert sorted(np.array(pairs_of(overlap))[chosen].tolist()) == [[1, 3], [2, 4]]


def test_labels_may_be_as_large_as_they_are() -> None:
    small = np.array([[0, 1, 1], [2, 2, 0]])
    large = np.where(small > 0, 2**31 - 3 + small, 0).astype(np.uint32)
    overlap = overlap_of(large, np.where(small > 0, 65_535 + small, 0))
    assert overlap.truth.tolist() == [2**31 - 2, 2**31 - 1]
    assert overlap.predicted.tolist() == [65_536, 65_537]
    assert overlap.iou.tolist() == [1, 1]


def test_a_frame_of_many_cells_takes_no_quadratic_memory() -> None:
    labels = np.arange(1, 300 * 300 + 1).reshape(300, 300)
    overlap = overlap_of(labels, labels[::-1])  # 90,000 cells; all pairs would be 8 billion
    assert len(overlap.shared) == 90_000
    assert len(match(overlap, 0.5)) == 90_000


def test_cells_mostly_where_nothing_is_known_are_ignored() -> None:
    valid = np.ones((4, 6), bool)
    valid[:, 3:] = False
    labels = np.zeros((4, 6), int)
    labels[0, 1:5] = 1  # half of it is known: stays, with that half
    labels[1, 2:5] = 2  # most of it is not
    labels[2, 0:2] = 3
    assert known_cells(labels, valid).tolist() == [
        [0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [3, 3, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    overlap = overlap_of(np.zeros_like(labels), labels, valid=valid)
    assert overlap.predicted.tolist() == [1, 3]
    assert overlap.predicted_area.tolist() == [2, 2]


def test_nothing_in_nothing_out() -> None:
    overlap = overlap_of(np.zeros((3, 4), np.uint8), np.zeros((3, 4), np.uint8))
    assert overlap.truth.size == overlap.predicted.size == overlap.shared.size == 0
    assert match(overlap, 0.5).size == 0


def test_what_was_given_stays_as_it_was() -> None:
    truth, predicted = np.array([[1, 0, 2]]), np.array([[3, 3, 0]])
    valid = np.array([[True, False, True]])
    overlap_of(truth, predicted, valid=valid)
    assert truth.tolist() == [[1, 0, 2]]
    assert predicted.tolist() == [[3, 3, 0]]


LABELS = np.array([[0, 1], [2, 2]])


def test_what_cannot_be_compared_is_told() -> None:
    with pytest.raises(ScoreError, match=r"Predicted labels are \(2, 1\), truth \(2, 2\); give"):
        overlap_of(LABELS, LABELS[:, :1])
    with pytest.raises(ScoreError, match=r"valid \(1, 2\); give \(Y, X\) arrays of one shape"):
        overlap_of(LABELS, LABELS, valid=np.ones((1, 2), bool))
    with pytest.raises(ScoreError, match="valid is int64; give booleans"):
        overlap_of(LABELS, LABELS, valid=LABELS)
    with pytest.raises(ScoreError, match="Truth is a mask of booleans, not labels; number"):
        overlap_of(LABELS > 0, LABELS)
    with pytest.raises(ScoreError, match="Predicted labels is float64; labels are whole numbers"):
        overlap_of(LABELS, LABELS * 1.0)
    with pytest.raises(ScoreError, match="Truth holds -2; labels are from 0 to 2147483647"):
        overlap_of(-LABELS, LABELS)
    with pytest.raises(ScoreError, match="Predicted labels holds 2147483648"):
        overlap_of(LABELS, LABELS.astype(np.uint64) * 2**30)


@pytest.mark.parametrize("iou", [0, 1.1, float("nan")])
def test_an_iou_that_cannot_be_is_told(iou: float) -> None:
    with pytest.raises(ScoreError, match="it must be above 0 and at most 1"):
        match(overlap_of(LABELS, LABELS), iou)
