"""Dose-response curves: known ones come back, intervals hold, nothing known gives nothing."""

import numpy as np
import pytest
from scipy import optimize

from softlight.measure.dose import fit_dose_response
from softlight.measure.errors import MeasureError

DOSES = np.repeat([0, 0.1, 0.3, 1, 3, 10, 30], 3).astype(float)


def curve(dose: np.ndarray, ec50: float, hill: float, zero: float, infinity: float) -> np.ndarray:
    return infinity + (zero - infinity) / (1 + (dose / ec50) ** hill)


@pytest.mark.parametrize(("zero", "infinity"), [(1.0, 0.1), (0.2, 0.9)])
def test_an_exact_curve_comes_back(zero: float, infinity: float) -> None:
    fit = fit_dose_response(DOSES, curve(DOSES, 2.0, 1.3, zero, infinity))
    assert fit.ec50 == pytest.approx(2, rel=1e-3)
    assert fit.hill == pytest.approx(1.3, rel=1e-3)
    assert (fit.at_zero, fit.at_infinity) == pytest.approx((zero, infinity), abs=1e-3)
    assert fit.ec50_low <= 2 <= fit.ec50_high
    assert fit.note == ""
    np.testing.assert_allclose(
        fit.response(np.array([0.0, 2.0])), [zero, (zero + infinity) / 2], atol=1e-3
    )


def test_noisy_curve_equals_scipys_fit() -> None:
    rng = np.random.default_rng(1)
    response = curve(DOSES, 2.0, 1.3, 1.0, 0.1) + rng.normal(0, 0.05, DOSES.size)
    fit = fit_dose_response(DOSES, response)
    theirs, _ = optimize.curve_fit(
        curve, DOSES, response, p0=(2, 1, 1, 0.5), bounds=(1e-3, [50, 6, 2, 1])
    )
    assert (fit.ec50, fit.hill, fit.at_zero, fit.at_infinity) == pytest.approx(theirs, rel=1e-2)


def test_intervals_hold_the_ec50() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(60):
        response = curve(DOSES, 2.0, 1.3, 1.0, 0.1) + rng.normal(0, 0.1, DOSES.size)
        fit = fit_dose_response(DOSES, response)
        held.append(fit.ec50_low <= 2 <= fit.ec50_high)
    assert np.mean(held) >= 0.9


def test_no_effect_has_no_ec50() -> None:
    fit = fit_dose_response(DOSES, np.random.default_rng(2).normal(1, 0.1, DOSES.size))
    assert np.isnan([fit.ec50, fit.ec50_low, fit.hill]).all()
    assert "no effect of the dose is seen" in fit.note
    assert np.isnan(fit_dose_response(DOSES, np.ones(DOSES.size)).ec50)


def test_an_ec50_outside_the_doses_is_not_given() -> None:
    response = np.where(DOSES > 0, 1.0, 0.5) + np.random.default_rng(0).normal(0, 0.02, DOSES.size)
    fit = fit_dose_response(DOSES, response)
    assert np.isnan(fit.ec50)
    assert fit.ec50_low == 0
    assert fit.ec50_high < 0.1
    assert "outside the doses" in fit.note


def test_half_a_curve_has_an_open_interval() -> None:
    response = curve(DOSES, 60.0, 1.0, 1.0, 0.0)
    noisy = response + np.random.default_rng(0).normal(0, 0.05, DOSES.size)
    fit = fit_dose_response(DOSES, noisy)
    assert fit.ec50_high == np.inf
    assert fit.note


def test_too_little_is_said() -> None:
    fit = fit_dose_response(np.array([0, 1, 10.0]), np.array([1, 0.5, 0]))
    assert fit.note == "3 wells at 3 doses; a curve needs 5 at 4 doses"
    assert np.isnan(fit.ec50)
    assert fit_dose_response(np.array([]), np.array([])).points == 0


def test_unknown_responses_are_left_out() -> None:
    response = curve(DOSES, 2.0, 1.3, 1.0, 0.1)
    response[0] = np.nan
    assert fit_dose_response(DOSES, response).points == DOSES.size - 1


def test_errors() -> None:
    with pytest.raises(MeasureError, match="21 doses for 2 responses"):
        fit_dose_response(DOSES, np.ones(2))
    with pytest.raises(MeasureError, match=r"A dose is -1"):
        fit_dose_response(DOSES - 1, DOSES)
