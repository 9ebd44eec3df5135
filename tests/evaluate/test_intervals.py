import math

import numpy as np
import pytest

from softlight.config import ErrorConfig
from softlight.evaluate.intervals import (
    confluence_interval,
    count_interval,
    fit_confluence_error,
    fit_count_error,
)
from softlight.evaluate.pixel import ScoreError


def images(rng: np.random.Generator, number: int, *, sd: float, miss: float = 0.2) -> tuple:
    """(expected, true) counts: cells are missed one by one, and more or fewer in each image."""
    true = rng.integers(5, 400, number)
    found = rng.binomial(true, 1 - miss) * np.exp(rng.normal(0, sd, number))
    return found, true


@pytest.mark.parametrize("held_out", [3, 12])
@pytest.mark.parametrize("sd", [0.0, 0.1, 0.4])
def test_nine_counts_in_ten_are_in_their_interval(held_out: int, sd: float) -> None:
    rng = np.random.default_rng(held_out)
    inside = []
    for _ in range(120):
        found, true = images(rng, held_out, sd=sd)
        error = fit_count_error(found, true, [str(n) for n in range(held_out)], per_cell=0.25)
        for guess, truth in zip(*images(rng, 10, sd=sd), strict=True):
            low, high = count_interval(guess, error)
            inside.append(low <= truth <= high)
    assert np.mean(inside) > 0.88


@pytest.mark.parametrize("held_out", [3, 12])
def test_nine_covered_areas_in_ten_are_in_their_interval(held_out: int) -> None:
    rng = np.random.default_rng(held_out)

    def some(number: int) -> tuple:
        true = rng.uniform(0.02, 0.95, number)
        off = rng.normal(0.2, 0.3, number)
        return 1 / (1 + (1 - true) / true * np.exp(off)), true

    inside = []
    for _ in range(120):
        error = fit_confluence_error(*some(held_out), [str(n) for n in range(held_out)])
        for guess, truth in zip(*some(10), strict=True):
            low, high = confluence_interval(guess, error)
            inside.append(low <= truth <= high)
    assert np.mean(inside) > 0.88


def test_wells_that_are_wrong_alike_count_once() -> None:
    """Ten images of each of three wells, whose errors are those of the well."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(200):
        wells = rng.normal(0, 0.3, 4)
        true = rng.integers(50, 300, (4, 10))
        found = true * np.exp(wells)[:, None]
        groups = [str(well) for well in range(3) for _ in range(10)]
        error = fit_count_error(found[:3].ravel(), true[:3].ravel(), groups, per_cell=0.05)
        low, high = count_interval(found[3, 0], error)
        inside.append(low <= true[3, 0] <= high)
    assert np.mean(inside) > 0.87


def test_the_interval_narrows_with_images_and_with_cells() -> None:
    rng = np.random.default_rng(1)

    def width(held_out: int, expected: float) -> float:
        found, true = images(rng, held_out, sd=0.05)
        names = [str(n) for n in range(held_out)]
        low, high = count_interval(expected, fit_count_error(found, true, names, per_cell=0.25))
        return (high - low) / expected

    assert width(40, 200) < width(3, 200)
    assert width(40, 200) < width(40, 5)


def test_by_hand() -> None:
    error = ErrorConfig(centre=0.1, spread=1.0, images=2, groups=2, per_image=0.04)
    half = 6.313752 * math.sqrt(1.5) * 0.2  # Student's, of one degree of freedom
    low, high = count_interval(99.0, error)
    assert low == math.floor(100 * math.exp(0.1 - half) - 1)
    assert high == math.ceil(100 * math.exp(0.1 + half) - 1)
    by_rank = error.model_copy(update={"reach_90": 10.0})
    assert count_interval(99.0, by_rank)[1] == math.ceil(
        100 * math.exp(0.1 + 10 * math.sqrt(1.5) * 0.2) - 1
    )
    low, high = confluence_interval(0.5, error)
    assert low == pytest.approx(1 / (1 + math.exp(half - 0.1)))
    assert high == pytest.approx(1 / (1 + math.exp(-half - 0.1)))


def test_what_is_not_known_is_nan() -> None:
    assert fit_count_error([5, 6], [5, 6], ["a", "a"], per_cell=0.1) is None
    assert fit_confluence_error([0.5], [0.5], ["a"]) is None
    assert np.isnan(count_interval(5, None)).all()
    assert np.isnan(confluence_interval(0.5, None)).all()
    perfect = fit_count_error([50, 60], [50, 60], ["a", "b"], per_cell=0.0)
    low, high = count_interval(50, perfect)
    assert low < 50 < high  # two exact counts are no proof
    with pytest.raises(ScoreError, match=r"2 images have 1 groups"):
        fit_confluence_error([0.5, 0.6], [0.5, 0.6], ["a"])


def test_intervals_stay_within_what_can_be() -> None:
    wide = ErrorConfig(centre=0.0, spread=100.0, images=2, groups=2, per_image=4.0)
    assert count_interval(10, wide)[0] == 0
    assert confluence_interval(0.5, wide) == (0.0, 1.0)
    assert count_interval(0, wide)[0] == 0
