import math

import numpy as np
import pytest
from scipy import stats

from softlight.evaluate.tolerance import bounded_bias, bounded_mean


def test_the_mean_is_that_of_groups() -> None:
    found = bounded_mean([1, 1, 1, 1, 4], ["a", "a", "a", "a", "b"])
    assert found.mean == 2.5


def test_student_where_values_are_few() -> None:
    values = [0.01, 0.03, 0.02]
    found = bounded_mean(values, ["a", "b", "c"])
    interval = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(interval)


def test_never_narrower_than_either_interval() -> None:
    values = np.random.default_rng(0).exponential(1.0, 30) ** 2
    found = bounded_mean(values, range(30))
    low, high = stats.t.interval(0.95, 29, values.mean(), stats.sem(values))
    drawn = stats.bootstrap((values,), np.mean, confidence_level=0.95, rng=1, method="percentile")
    assert found.high >= high - 1e-9
    assert found.low <= low + 1e-9
    assert found.high >= 0.97 * drawn.confidence_interval.high
    assert bounded_mean(values, range(30)) == found


def test_the_upper_end_is_rarely_passed() -> None:
    rng = np.random.default_rng(1)
    passed = [
        bounded_mean(np.abs(rng.normal(0, 1, 6)), range(6)).high < math.sqrt(2 / math.pi)
        for _ in range(300)
    ]
    assert np.mean(passed) < 0.09


def test_one_group_has_no_interval() -> None:
    assert bounded_mean([0.1, 0.2], ["a", "a"]).mean == pytest.approx(0.15)
    assert math.isnan(bounded_mean([0.1, 0.2], ["a", "a"]).high)
    assert math.isnan(bounded_mean([], []).mean)


def test_a_bias_is_what_chance_leaves() -> None:
    even = bounded_bias([-0.1, 0.1, -0.1, 0.1], "abcd")
    assert even.mean == 0
    assert even.low == 0
    assert even.high > 0.05
    short = bounded_bias([-0.1, -0.11, -0.09, -0.1], "abcd")
    assert short.mean == pytest.approx(0.1)
    assert 0.08 < short.low < 0.1 < short.high < 0.12
