import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from tests.cases import square_cells

from softlight.evaluate.calibration import (
    Beta,
    Judged,
    by_the_others,
    calibration_error,
    fit_beta,
    judge_cells,
    reliability,
    together,
)
from softlight.evaluate.pixel import ScoreError


def drawn(number: int, *, seed: int = 0, a: float = 2.0, b: float = 0.5, c: float = -0.3) -> Judged:
    """Cells whose chance to be right is a beta curve of their score."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.05, 0.95, number)
    chance = expit(a * np.log(scores) - b * np.log(1 - scores) + c)
    return Judged(scores, rng.random(number) < chance)


def test_a_known_curve_is_found() -> None:
    curve = fit_beta(*drawn(40_000))
    assert curve == pytest.approx((2.0, 0.5, -0.3), abs=0.12)
    assert (
        calibration_error(
            curve.probability(drawn(20_000, seed=1).scores), drawn(20_000, seed=1).right
        )
        < 0.01
    )


def test_it_is_a_logistic_regression_on_the_logarithms() -> None:
    cells = drawn(3000)
    features = np.stack([np.log(cells.scores), -np.log(1 - cells.scores)], axis=1)
    theirs = LogisticRegression(C=1e6, max_iter=1000).fit(features, cells.right)
    ours = fit_beta(*cells)
    assert (ours.a, ours.b) == pytest.approx(theirs.coef_[0], abs=0.02)
    assert ours.c == pytest.approx(theirs.intercept_[0], abs=0.02)


def test_a_straight_line_is_a_curve_too() -> None:
    scores = np.array([0.1, 0.5, 0.9])
    assert Beta(1, 1, 0).probability(scores) == pytest.approx(scores)
    assert logit(Beta(2, 0, 1).probability([0.5])) == pytest.approx(2 * np.log(0.5) + 1)


def test_a_higher_score_is_never_less_likely_right() -> None:
    cells = drawn(500, a=-2, b=-2, c=0)  # the surer, the more often wrong
    curve = fit_beta(*cells)
    assert curve.a == curve.b == 0
    assert curve.probability([0.1, 0.9]) == pytest.approx([cells.right.mean()] * 2, abs=0.02)


@pytest.mark.parametrize("right", [True, False])
def test_ten_cells_of_one_kind_prove_little(right: bool) -> None:
    curve = fit_beta(np.linspace(0.6, 0.9, 10), np.full(10, right))
    said = curve.probability([0.75])[0]
    assert 0.75 < said < 0.99 if right else 0.01 < said < 0.25
    assert np.isfinite(curve.probability([0.0, 1.0])).all()


def test_the_error_by_hand() -> None:
    said = np.repeat([0.2, 0.8], 10)
    right = np.concatenate([np.arange(10) < 5, np.arange(10) < 8])  # half, and four fifths
    groups = reliability(said, right)
    assert groups["cells"].tolist() == [2] * 10
    assert groups["said"].tolist() == pytest.approx([0.2] * 5 + [0.8] * 5)
    by_hand = np.abs(groups["said"] - groups["right"]).mean()
    assert calibration_error(said, right) == pytest.approx(by_hand)
    assert np.isnan(calibration_error([], []))


def test_each_image_is_judged_by_the_others() -> None:
    good = Judged(np.full(50, 0.5), np.ones(50, bool))
    bad = Judged(np.full(50, 0.5), np.zeros(50, bool))
    said, right = by_the_others([good, bad])
    assert said[:50].max() < 0.1  # by the bad one
    assert said[50:].min() > 0.9
    assert right.tolist() == [True] * 50 + [False] * 50
    alone = by_the_others([drawn(100)])
    assert len(alone.scores) == 100
    assert len(by_the_others([]).scores) == 0


def test_cells_are_judged_at_half_overlap() -> None:
    truth, predicted = square_cells()["shifted"]  # 12 of 20 px shared
    assert judge_cells(truth, predicted // predicted.max(), [0.7]) == (
        pytest.approx([0.7]),
        [True],
    )
    truth, halves = square_cells()["halves"]
    right = judge_cells(truth, halves, [0.6, 0.4]).right
    assert right.sum() <= 1
    valid = np.zeros(truth.shape, bool)
    assert len(judge_cells(truth, halves, [0.6, 0.4], valid=valid).scores) == 0
    with pytest.raises(ScoreError, match=r"1 scores but a label 2; give one for each"):
        judge_cells(truth, halves, [0.6])


def test_nothing_to_learn_from() -> None:
    assert len(together([]).scores) == 0
    with pytest.raises(ScoreError, match=r"at least one cell"):
        fit_beta([], [])
    with pytest.raises(ScoreError, match=r"2 scores and 1 truths"):
        fit_beta([0.1, 0.2], [True])
