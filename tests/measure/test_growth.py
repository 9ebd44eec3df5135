"""Growth rates: exact curves, bent ones, and intervals that hold the truth of simulated births."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from softlight.measure.errors import MeasureError
from softlight.measure.growth import fit_growth
from softlight.measure.series import fit_slope

Floats = npt.NDArray[np.float64]


def families(
    rng: np.random.Generator,
    *,
    founders: int,
    times: Floats,
    births: float,
    deaths: float = 0.0,
    steps: int = 1,
) -> Floats:
    """(founders, times) living descendants; cell cycles are gamma variables of so many steps.

    One step is the birth and death process whose growth rate is ``births - deaths`` exactly.
    """
    alive = np.zeros((founders, len(times)))
    for founder in range(founders):
        born = [0.0]
        while born:
            begin = born.pop()
            cycle = rng.gamma(steps, 1 / (births * steps))
            if steps > 1 and begin == 0:
                cycle *= 1 + np.log2(1 - 0.5 * rng.random())  # part of it is over
            end = begin + cycle
            death = begin + rng.exponential(1 / deaths) if deaths else np.inf
            alive[founder] += (times >= begin) & (times < min(end, death))
            if end < death and end <= times[-1]:
                born += [end, end]
    return alive


def test_an_exact_exponential() -> None:
    time = np.arange(0, 24, 2.0)
    fit = fit_growth(time, 0.01 * np.exp(0.05 * time), quantity="confluence")
    assert fit.rate == pytest.approx(0.05)
    assert (fit.rate_low, fit.rate_high) == pytest.approx((0.05, 0.05), abs=1e-6)
    assert fit.doubling == pytest.approx(np.log(2) / 0.05)
    assert (fit.first_frame, fit.last_frame, fit.frames) == (0, 11, 12)
    assert fit.reason == "all 12 frames, no bend (p = 1)"
    assert fit.method == "series"


def test_the_row_has_units_in_its_names() -> None:
    time = np.arange(6.0)
    row = fit_growth(time, 2.0**time, time_unit="frame").row()
    assert row["growth_rate_per_frame"] == pytest.approx(np.log(2))
    assert row["doubling_time_frames"] == pytest.approx(1)
    hours = fit_growth(time, 2.0**time).row()
    assert {"growth_rate_low_per_h", "doubling_time_high_h"} <= set(hours)


@pytest.mark.parametrize(("founders", "frames", "steps"), [(12, 12, 1), (30, 40, 1), (25, 20, 20)])
def test_intervals_hold_the_truth(founders: int, frames: int, steps: int) -> None:
    rng = np.random.default_rng(founders)
    times = np.linspace(0, 24, frames)
    births, deaths = 0.04, 0.0
    truth = births if steps == 1 else steps * births * (2 ** (1 / steps) - 1)
    curves, clones, rates = [], [], []
    for _ in range(60):
        alive = families(
            rng, founders=founders, times=times, births=births, deaths=deaths, steps=steps
        )
        curve = fit_growth(times, alive.sum(axis=0))
        by_clone = fit_growth(times, alive.sum(axis=0), clones=alive)
        curves.append(curve.rate_low <= truth <= curve.rate_high)
        clones.append(by_clone.rate_low <= truth <= by_clone.rate_high)
        rates.append(by_clone.rate)
    assert np.mean(curves) >= 0.9
    assert np.mean(clones) >= 0.9
    assert np.mean(rates) == pytest.approx(truth, rel=0.1)


def test_intervals_hold_where_cells_are_also_missed_at_random() -> None:
    rng = np.random.default_rng(8)
    times = np.linspace(0, 24, 25)
    held = []
    for _ in range(60):
        alive = families(rng, founders=80, times=times, births=0.05, deaths=0.01)
        seen = rng.binomial(alive.sum(axis=0).astype(int), 0.9).astype(float)
        fit = fit_growth(times, seen)
        held.append(fit.rate_low <= 0.04 <= fit.rate_high)
    assert np.mean(held) >= 0.9


def test_least_squares_would_be_too_sure() -> None:
    rng = np.random.default_rng(5)
    times = np.linspace(0, 24, 60)
    held = []
    for _ in range(40):
        count = families(rng, founders=20, times=times, births=0.04).sum(axis=0)
        slope, covariance = np.polyfit(times, np.log(count), 1, cov=True)
        held.append(abs(slope[0] - 0.04) <= 2 * np.sqrt(covariance[0, 0]))
    assert np.mean(held) < 0.6  # why `fit_slope` exists


def test_slope_of_white_noise_equals_least_squares() -> None:
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 10, 200))
    value = 0.3 * time + rng.normal(0, 1, 200)
    fit = fit_slope(time, value, np.ones(200))
    theirs, covariance = np.polyfit(time, value, 1, cov=True)
    assert fit.slope[0] == pytest.approx(theirs[0], rel=1e-9)  # no share of lasting noise
    assert fit.error[0] == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-6)


def test_slope_of_a_random_walk_is_that_of_its_ends() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(300.0)
    value = np.cumsum(rng.normal(0.1, 1, 300))
    fit = fit_slope(time, value, np.ones(300))
    assert fit.slope[-1] == pytest.approx((value[-1] - value[0]) / 299)  # nothing but lasting noise
    assert fit.chance[-2:].sum() > 0.2
    steps = np.diff(value)
    assert fit.error[-1] == pytest.approx(steps.std(ddof=1) / np.sqrt(299))


def test_a_bend_shortens_the_range() -> None:
    time = np.arange(0, 60, 1.5)
    rng = np.random.default_rng(0)
    wobble = np.exp(rng.normal(0, 0.01, time.size))
    lag = fit_growth(time, 100 * np.exp(0.05 * np.maximum(time - 25, 0)) * wobble)
    assert lag.first_frame >= 10
    assert lag.last_frame == 39
    assert "longest straight range" in lag.reason
    assert lag.bend_p < 0.01
    assert lag.rate == pytest.approx(0.05, rel=0.15)
    slowing = fit_growth(time, 900 / (1 + 40 * np.exp(-0.12 * time)) * wobble)
    assert slowing.last_frame < 30
    assert slowing.rate > 0.08


def test_a_full_field_is_left_out() -> None:
    time = np.arange(20.0)
    value = np.minimum(0.1 * np.exp(0.2 * time), 0.97)
    fit = fit_growth(time, value, quantity="confluence", crowding=value)
    assert fit.rate == pytest.approx(0.2)
    assert fit.last_frame == 10
    assert "confluence above 90% left out" in fit.reason


def test_frames_without_cells_or_unread_are_left_out() -> None:
    time = np.arange(10.0)
    value = 100 * np.exp(0.1 * time)
    value[3], value[6] = np.nan, 0
    fit = fit_growth(time, value)
    assert fit.frames == 8
    assert "1 frame without cells left out, 1 missing frame left out" in fit.reason
    assert fit.rate == pytest.approx(0.1)


def test_nothing_to_fit_is_nan_and_says_why() -> None:
    for value in ([], [5.0], [0.0, 0.0, 0.0], [np.nan, 4.0, 0.0]):
        fit = fit_growth(np.arange(float(len(value))), np.array(value))
        assert np.isnan(fit.rate)
        assert np.isnan(fit.doubling)
        assert fit.reason == "fewer than two frames with a count above 0"
        assert (fit.first_frame, fit.frames) == (-1, 0)


def test_two_frames_have_a_rate_and_no_interval() -> None:
    fit = fit_growth(np.array([0.0, 10.0]), np.array([10.0, 20.0]))
    assert fit.doubling == pytest.approx(10)
    assert np.isnan(fit.rate_low)
    assert np.isnan(fit.doubling_high)


def test_cells_that_never_divide_might_have() -> None:
    fit = fit_growth(np.arange(10.0), np.full(10, 20.0))
    assert fit.rate == 0
    assert np.isnan(fit.doubling)
    assert fit.rate_high >= 1 / (9 * 20)
    assert fit.doubling_high == np.inf
    assert fit.doubling_low == pytest.approx(np.log(2) / fit.rate_high)


def test_the_rounding_of_numbers_is_no_growth() -> None:
    time = np.arange(10.0)
    value = np.full(10, 0.1) * (1 + 1e-15 * time)
    shares = np.outer(np.full(5, 0.2), value)
    alone = fit_growth(time, value, quantity="confluence")
    assert (alone.rate, alone.rate_low, alone.rate_high) == (0, 0, 0)
    assert np.isnan(alone.doubling)
    by_clone = fit_growth(time, value, quantity="confluence", clones=shares)
    assert by_clone.rate == 0
    assert np.isnan(by_clone.doubling)
    assert by_clone.doubling_high == np.inf
    # of five families one might have divided in nine hours
    assert by_clone.rate_high == pytest.approx(stats.norm.ppf(0.975) / 45)


def test_shrinking_has_no_doubling_time() -> None:
    time = np.arange(30.0)
    fit = fit_growth(time, 1000 * np.exp(-0.1 * time), quantity="confluence")
    assert fit.rate == pytest.approx(-0.1)
    assert np.isnan([fit.doubling, fit.doubling_low, fit.doubling_high]).all()


def test_errors() -> None:
    time = np.arange(4.0)
    with pytest.raises(MeasureError, match="4 times for 3 values"):
        fit_growth(time, np.ones(3))
    with pytest.raises(MeasureError, match="must be numbers that ascend"):
        fit_growth(time[::-1], np.ones(4))
    with pytest.raises(MeasureError, match="negative or infinite"):
        fit_growth(time, -np.ones(4))
    with pytest.raises(MeasureError, match=r"level is 95"):
        fit_growth(time, np.ones(4), level=95)
