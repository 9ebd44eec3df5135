import itertools
import math

import numpy as np
import pytest
from scipy import stats

from softlight.evaluate.paired import hedges_g, paired_test
from softlight.evaluate.pixel import ScoreError


def test_few_pairs_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, sd 1, so t = 2 / (1 / sqrt 3) with 2 degrees of freedom.
    found = paired_test([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert (found.method, found.n) == ("t", 3)
    assert "of 3 pairs ranks can hardly tell" in found.why
    assert found.difference == pytest.approx(2)
    assert found.high - 2 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    t = 2 * math.sqrt(3)
    assert found.p == pytest.approx(1 - t / math.sqrt(t * t + 2))  # the form for 2 degrees
    assert found.effect_size == pytest.approx(2 * (1 - 3 / 7))
    assert found.p == pytest.approx(stats.ttest_rel([2, 4, 6], [1, 2, 3]).pvalue)


def test_ranks_against_all_signs() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.3, 1, 12), rng.normal(0, 1, 12)
    found = paired_test(a, b)
    assert (found.method, found.n) == ("wilcoxon", 12)
    d = a - b
    ranks = stats.rankdata(np.abs(d))
    seen = min(ranks[d > 0].sum(), ranks[d < 0].sum())
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in _signs(12)]
    assert found.p == pytest.approx(2 * np.mean(np.array(sums) <= seen))
    walsh = [(x + y) / 2 for x, y in itertools.combinations_with_replacement(d, 2)]
    assert found.difference == pytest.approx(np.median(walsh))
    # The interval holds just those shifts that the test itself would not refuse at 5 %.
    for shift, refused in [
        (found.low - 1e-6, True),
        (found.low + 1e-6, False),
        (found.high - 1e-6, False),
        (found.high + 1e-6, True),
    ]:
        assert (stats.wilcoxon(d - shift).pvalue <= 0.05) == refused


def _signs(n: int) -> list[tuple[int, ...]]:
    return list(itertools.product((0, 1), repeat=n))


def test_the_interval_of_many_pairs_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        found = paired_test(rng.normal(0.5, 1, 60), np.zeros(60))
        held += found.low <= 0.5 <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_swapping_turns_the_sign() -> None:
    a, b = np.arange(12.0) ** 1.5, np.arange(12.0)
    one, other = paired_test(a, b), paired_test(b, a)
    assert one.difference == pytest.approx(-other.difference)
    assert (one.low, one.p) == pytest.approx((-other.high, other.p))
    assert one.effect_size == pytest.approx(-other.effect_size)


@pytest.mark.parametrize("n", [4, 20])
def test_equal_scores_differ_by_nothing(n: int) -> None:
    found = paired_test(np.ones(n), np.ones(n))
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert math.isnan(found.effect_size)
    always = paired_test(np.ones(n), np.zeros(n))
    assert always.difference == 1
    assert always.p < 0.001 if n == 20 else always.p == 0
    assert math.isnan(always.effect_size)


def test_pairs_without_a_score_are_left_out() -> None:
    found = paired_test([1.0, math.nan, 3.0, 5.0], [0.0, 1.0, math.nan, 2.0])
    assert found.n == 2
    nothing = paired_test([1.0, math.nan], [0.5, 0.5])
    assert nothing.n == 1
    assert math.isnan(nothing.difference)
    assert math.isnan(nothing.p)


def test_the_asked_test_is_made() -> None:
    a = np.linspace(0, 1, 12)
    assert paired_test(a, a**2, method="t").method == "t"
    assert paired_test(a[:6], a[:6] ** 2, method="wilcoxon").method == "wilcoxon"
    many = np.linspace(0, 1, 3001)
    assert "of 3001 differences is normal" in paired_test(many, many**2).why


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ScoreError, match=r"\(2,\) and \(3,\); give two lists of one length"):
        paired_test([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ScoreError, match="no test 'sign'; use auto"):
        paired_test([1.0, 2.0], [1.0, 3.0], method="sign")  # type: ignore[arg-type]
    with pytest.raises(ScoreError, match="confidence is 95"):
        paired_test([1.0, 2.0], [1.0, 3.0], confidence=95)
    assert math.isnan(hedges_g(np.array([1.0])))
