"""Times from birth to division, against counting by hand and simulated cells."""

import numpy as np
import pandas as pd
import pytest

from softlight.measure.cycles import median_cycle
from softlight.measure.errors import MeasureError


def cycles(*cells: tuple[float, bool], born: bool = True) -> pd.DataFrame:
    table = pd.DataFrame(cells, columns=["at_least_frames", "divides"])
    return table.assign(born=born)


def test_the_median_counts_cells_that_were_not_done() -> None:
    # At 3 one of five divides (4/5 left), at 4 one is lost, at 5 one of three (8/15), at 7 one of
    # two (4/15): half of them are left no more at 7. The whole cycles alone would say 5.
    table = cycles((3, True), (4, False), (5, True), (7, True), (9, False))
    middle, low, high = median_cycle(table)
    assert middle == 7
    assert low < middle < high
    assert np.median([3, 5, 7]) == 5


def test_intervals_hold_the_median_of_movies_that_end_early() -> None:
    rng = np.random.default_rng(0)
    held, found, naive = [], [], []
    for _ in range(200):
        cycle, time_left = rng.gamma(10, 2, 60), rng.uniform(0, 40, 60)
        table = pd.DataFrame(
            {"at_least_frames": np.minimum(cycle, time_left), "divides": cycle <= time_left}
        )
        middle, low, high = median_cycle(table.assign(born=True))
        truth = 19.34  # of a gamma variable of 10 steps of 2
        held.append(low <= truth <= high)
        found.append(middle)
        naive.append(np.median(cycle[cycle <= time_left]))
    assert np.mean(held) >= 0.9
    assert np.nanmean(found) == pytest.approx(19.34, rel=0.03)
    assert np.mean(naive) < 0.93 * 19.34


def test_few_divisions_have_no_median_but_a_lower_end() -> None:
    table = cycles((5, True), (6, True), *[(20, False)] * 8)
    middle, low, high = median_cycle(table)
    assert np.isnan(middle)
    assert high == np.inf
    assert np.isnan(low) or low >= 5


def test_without_a_division_or_a_birth_nothing_is_known() -> None:
    for table in (cycles((5, False)), cycles((5, True), born=False), cycles()):
        assert np.isnan(median_cycle(table)).all()
    with pytest.raises(MeasureError, match="no column divides"):
        median_cycle(cycles((5, True)).drop(columns="divides"))
