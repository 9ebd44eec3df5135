"""Pixel scores against arithmetic by hand, scikit-learn and brute force."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from softlight.evaluate.pixel import ScoreError, boundary_dice, confusion, score_pixels

TRUTH = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
PREDICTED = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])  # 2 hits, 1 extra, 2 missed


def test_a_small_mask_by_hand() -> None:
    scores = score_pixels(PREDICTED, TRUTH)
    assert scores["dice"] == pytest.approx(4 / 7)
    assert scores["iou"] == pytest.approx(2 / 5)
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == pytest.approx(2 / 4)
    assert scores["pixel_accuracy"] == pytest.approx(9 / 12)
    assert scores["miou"] == pytest.approx((2 / 5 + 7 / 10) / 2)
    assert scores["mdice"] == pytest.approx((4 / 7 + 14 / 17) / 2)
    assert scores["confluence"] == pytest.approx(3 / 12)
    assert scores["confluence_true"] == pytest.approx(4 / 12)
    assert scores["confluence_error"] == pytest.approx(1 / 12)


def test_precision_and_recall_are_not_swapped() -> None:
    there, back = score_pixels(PREDICTED, TRUTH), score_pixels(TRUTH, PREDICTED)
    assert there["precision"] != there["recall"]
    assert there["precision"] == back["recall"]
    assert there["dice"] == back["dice"]


def test_scikit_learn_agrees_on_two_classes() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((31, 47)) < 0.3
    predicted = truth ^ (rng.random((31, 47)) < 0.2)
    scores = score_pixels(predicted, truth)
    t, p = truth.ravel(), predicted.ravel()
    assert scores["dice"] == pytest.approx(f1_score(t, p))
    assert scores["iou"] == pytest.approx(jaccard_score(t, p))
    assert scores["precision"] == pytest.approx(precision_score(t, p))
    assert scores["recall"] == pytest.approx(recall_score(t, p))
    assert scores["pixel_accuracy"] == pytest.approx(accuracy_score(t, p))
    assert scores["miou"] == pytest.approx(jaccard_score(t, p, average="macro"))


def test_scikit_learn_agrees_on_three_classes() -> None:
    rng = np.random.default_rng(4)
    truth = rng.choice(3, size=(29, 23), p=[0.6, 0.3, 0.1]).astype(np.uint8)
    noise = rng.choice(3, size=truth.shape)
    predicted = np.where(rng.random(truth.shape) < 0.3, noise, truth)
    scores = score_pixels(predicted, truth, classes=("background", "cytoplasm", "cell nucleus"))
    t, p = truth.ravel(), predicted.ravel()
    names = ("background", "cytoplasm", "cell_nucleus")
    found = [scores[f"iou_{name}"] for name in names]
    assert found == pytest.approx(jaccard_score(t, p, average=None))
    assert [scores[f"dice_{name}"] for name in names] == pytest.approx(f1_score(t, p, average=None))
    assert scores["miou"] == pytest.approx(np.mean(found))
    assert scores["dice"] == pytest.approx(f1_score(t > 0, p > 0))
    assert scores["pixel_accuracy"] == pytest.approx(accuracy_score(t, p))
    assert "boundary_dice_cytoplasm" in scores


def test_confusion_has_truth_in_rows() -> None:
    counts = confusion(np.array([1, 2, 2, 0]), np.array([1, 1, 2, 0]), number_of_classes=3)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]


def test_what_is_not_valid_does_not_count() -> None:
    valid = np.ones(TRUTH.shape, dtype=bool)
    valid[1, 3] = False  # the one false positive
    valid[2] = False
    scores = score_pixels(PREDICTED, TRUTH, valid=valid)
    assert scores["precision"] == 1.0
    assert scores["dice"] == pytest.approx(4 / 6)
    assert scores["confluence"] == pytest.approx(2 / 7)
    assert scores["confluence_true"] == pytest.approx(4 / 7)


def test_ignored_pixels_may_hold_any_value() -> None:
    truth = np.where(PREDICTED > 0, 255, TRUTH)
    assert score_pixels(PREDICTED, truth, valid=truth < 2)["recall"] == 0.0


def test_both_empty_is_undefined_not_zero() -> None:
    empty = np.zeros((5, 7), dtype=bool)
    scores = score_pixels(empty, empty)
    for name in ("dice", "iou", "precision", "recall", "boundary_dice"):
        assert math.isnan(scores[name]), name
    assert scores["pixel_accuracy"] == 1.0
    assert scores["confluence_error"] == 0.0
    assert scores["miou"] == 1.0  # the background alone is defined


def test_an_empty_truth_still_counts_false_positives() -> None:
    scores = score_pixels(PREDICTED, np.zeros_like(PREDICTED))
    assert scores["dice"] == 0.0
    assert scores["precision"] == 0.0
    assert math.isnan(scores["recall"])
    assert scores["boundary_dice"] == 0.0


def test_nothing_predicted_has_no_precision() -> None:
    scores = score_pixels(np.zeros_like(TRUTH), TRUTH)
    assert scores["dice"] == 0.0
    assert scores["recall"] == 0.0
    assert math.isnan(scores["precision"])


def test_nothing_valid_leaves_everything_undefined() -> None:
    scores = score_pixels(PREDICTED, TRUTH, valid=np.zeros(TRUTH.shape, dtype=bool))
    assert all(math.isnan(value) for value in scores.values())


def test_the_arrays_given_stay_as_they_were() -> None:
    predicted, truth = PREDICTED.copy(), TRUTH.copy()
    score_pixels(predicted, truth)
    assert (predicted == PREDICTED).all()
    assert (truth == TRUTH).all()


def _by_brute_force(predicted: np.ndarray, truth: np.ndarray, tolerance: float) -> float:
    def edge(mask: np.ndarray) -> list[tuple[int, int]]:
        height, width = mask.shape
        found = []
        for y, x in np.argwhere(mask):
            around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            if any(0 <= v < height and 0 <= u < width and not mask[v, u] for v, u in around):
                found.append((int(y), int(x)))
        return found

    ours, theirs = edge(predicted), edge(truth)
    near = sum(any(math.dist(p, t) <= tolerance for t in theirs) for p in ours)
    near += sum(any(math.dist(p, t) <= tolerance for p in ours) for t in theirs)
    return near / (len(ours) + len(theirs))


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 1.5, 2.0, math.sqrt(5), 3.0])
def test_boundary_dice_equals_brute_force(tolerance: float) -> None:
    rng = np.random.default_rng(9)
    truth = np.zeros((24, 33), dtype=bool)
    truth[4:17, 6:20] = True
    truth[15:24, 25:33] = True  # cut by the image's edge
    predicted = np.roll(truth, (2, -3), axis=(0, 1)) ^ (rng.random(truth.shape) < 0.02)
    expected = _by_brute_force(predicted, truth, tolerance)
    assert 0 < expected < 1
    assert boundary_dice(predicted, truth, tolerance_px=tolerance) == pytest.approx(expected)


def test_the_tolerance_itself_is_within_tolerance() -> None:
    truth = np.zeros((20, 30), dtype=bool)
    truth[:, :10] = True
    predicted = np.zeros_like(truth)
    predicted[:, :12] = True  # its only boundary lies exactly 2 px away
    assert boundary_dice(predicted, truth, tolerance_px=2.0) == 1.0
    assert boundary_dice(predicted, truth, tolerance_px=1.9) == 0.0


def test_the_edge_of_what_is_valid_is_no_boundary() -> None:
    truth = np.zeros((12, 12), dtype=bool)
    truth[3:9, 3:9] = True
    predicted = truth.copy()
    predicted[6:] = False
    whole = boundary_dice(predicted, truth, tolerance_px=0)
    top = np.zeros_like(truth)
    top[:6] = True
    assert whole < 1
    assert boundary_dice(predicted, truth, valid=top, tolerance_px=0) == 1.0


def test_shapes_that_differ_are_named() -> None:
    with pytest.raises(ScoreError, match=r"Predicted mask is \(3, 4\), truth \(4, 3\)"):
        score_pixels(PREDICTED, TRUTH.T)


def test_labels_in_place_of_classes_are_an_error() -> None:
    with pytest.raises(ScoreError, match=r"Truth holds 7; classes are 0 to 1 .*labels > 0"):
        score_pixels(PREDICTED, TRUTH * 7)
    with pytest.raises(ScoreError, match="Predicted mask holds -1"):
        score_pixels(PREDICTED - 1, TRUTH)


def test_probabilities_are_an_error() -> None:
    with pytest.raises(ScoreError, match="Predicted mask is float64; give class indices"):
        score_pixels(PREDICTED * 0.5, TRUTH)
    with pytest.raises(ScoreError, match="valid is int64; give booleans"):
        score_pixels(PREDICTED, TRUTH, valid=TRUTH)


@pytest.mark.parametrize("classes", [("cell",), ("cell", "cell")])
def test_class_names_must_be_two_and_different(classes: tuple[str, ...]) -> None:
    with pytest.raises(ScoreError, match="give two or more different names"):
        score_pixels(PREDICTED, TRUTH, classes=classes)


def test_a_negative_tolerance_is_an_error() -> None:
    with pytest.raises(ScoreError, match=r"tolerance is -1\.0 px"):
        score_pixels(PREDICTED, TRUTH, boundary_tolerance_px=-1.0)
