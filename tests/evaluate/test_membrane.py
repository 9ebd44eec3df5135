import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from skimage.metrics import adapted_rand_error

from softlight.evaluate.membrane import MEASURES, between, membrane_scores, true_cells
from softlight.evaluate.pixel import ScoreError

Mask = npt.NDArray[np.bool_]


def lines(*columns: int, side: int = 9) -> Mask:
    membrane = np.zeros((side, side), bool)
    membrane[:, list(columns)] = True
    return membrane


def by_pairs(truth: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32]) -> dict[str, float]:
    """The definitions, pair by pair and pixel by pixel."""
    known = [(t, p) for t, p in zip(truth.ravel(), predicted.ravel(), strict=True) if t]
    together = in_truth = in_predicted = 0
    for (t, p), (u, q) in itertools.combinations(known, 2):
        together += t == u and p == q
        in_truth += t == u
        in_predicted += p == q
    n = len(known)

    def entropy(keys: list[object]) -> float:
        return -sum(keys.count(k) / n * math.log2(keys.count(k) / n) for k in set(keys))

    both = entropy(list(known))
    split = both - entropy([t for t, _ in known])
    merge = both - entropy([p for _, p in known])
    return {
        "rand_error": 1 - 2 * together / (in_truth + in_predicted),
        "rand_precision": together / in_predicted,
        "rand_recall": together / in_truth,
        "voi": split + merge,
        "voi_split": split,
        "voi_merge": merge,
    }


def test_the_same_membrane_is_right_however_wide() -> None:
    for predicted in (lines(4), lines(3, 4, 5), lines(4, 5)):
        scores = membrane_scores(predicted, lines(4))
        # Of the wide ones, each half of the width goes to its side; the true line is not scored.
        assert scores["rand_error"] == pytest.approx(0)
        assert scores["voi"] == pytest.approx(0)


def test_a_gap_merges_and_an_extra_line_splits() -> None:
    gap = lines(4)
    gap[0, 4] = False
    merged = membrane_scores(gap, lines(4))
    # 36 + 36 pixels in one: pairs in one cell in both are 2 * 36 * 35 / 2, in one are 72 * 71 / 2.
    assert merged["rand_precision"] == pytest.approx(36 * 35 / (36 * 71))
    assert merged["rand_recall"] == 1
    assert merged["voi_merge"] == pytest.approx(1)  # bit: which of two equal cells it is
    assert merged["voi_split"] == 0
    split = membrane_scores(lines(2, 4), lines(4))
    assert split["rand_precision"] == 1
    assert split["rand_recall"] < 1
    assert split["voi_split"] > split["voi_merge"] == 0


@pytest.mark.parametrize("seed", range(6))
def test_random_membranes_against_the_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.random((2, 8, 9)) < 0.45
    expected = by_pairs(true_cells(truth), between(predicted))
    found = membrane_scores(predicted, truth)
    assert tuple(found) == MEASURES
    assert found == pytest.approx(expected, abs=1e-12)
    library = adapted_rand_error(true_cells(truth), between(predicted))  # type: ignore[no-untyped-call]
    assert found["rand_error"] == pytest.approx(library[0])
    both = (found["rand_precision"], found["rand_recall"])
    assert sorted(both) == pytest.approx(sorted(map(float, library[1:])))


def test_cells_that_touch_by_corners_are_parted() -> None:
    diagonal = np.eye(6, dtype=bool)
    assert len(np.unique(between(diagonal))) == 2
    assert (between(diagonal) > 0).all()
    assert (true_cells(diagonal) > 0).sum() == 30


def test_each_pixel_of_a_membrane_goes_to_the_nearest_cell() -> None:
    membrane = np.random.default_rng(3).random((12, 12)) < 0.6
    thin = between(membrane)
    pieces = ndimage.label(~membrane)[0]
    places = np.argwhere(~membrane)
    for row, column in np.argwhere(membrane):
        away = ((places - (row, column)) ** 2).sum(axis=1)
        nearest = {int(pieces[tuple(p)]) for p in places[away == away.min()]}
        assert int(thin[row, column]) in nearest


def test_unknown_pixels_do_not_count() -> None:
    gap = lines(4)
    gap[0, 4] = False
    left = np.zeros((9, 9), bool)
    left[:, :5] = True
    assert membrane_scores(gap, lines(4), valid=left)["rand_error"] == 0
    nothing = membrane_scores(gap, lines(4), valid=np.zeros((9, 9), bool))
    assert all(math.isnan(value) for value in nothing.values())


def test_the_best_threshold_is_found() -> None:
    probability = np.where(lines(4), 0.45, 0.05)
    probability[0, 4] = 0.25
    scores = membrane_scores(probability >= 0.5, lines(4), probability=probability)
    assert scores["rand_error"] > 0.2  # nothing is membrane
    assert scores["rand_error_best"] == 0  # from 0.1 or 0.2 on
    whole = membrane_scores(np.ones((9, 9), bool), np.ones((9, 9), bool), probability=probability)
    assert math.isnan(whole["rand_error_best"])


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ScoreError, match=r"membranes are \(8, 8\) and \(9, 9\); give"):
        membrane_scores(lines(4, side=8), lines(4))
    with pytest.raises(ScoreError, match="booleans, True on membrane"):
        membrane_scores(lines(4).astype(int), lines(4))  # type: ignore[arg-type]
