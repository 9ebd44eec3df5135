"""Curves of conditions: what is repeated, and when."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from softlight.measure.condition_curves import by_replicate, condition_curves
from softlight.measure.errors import MeasureError
from softlight.measure.plate import wells_of


def test_curves_of_conditions_are_between_wells_not_fields() -> None:
    movies = ["B2_1", "B2_2", "B3_1", "B4_1", "C1_1"]
    wells = pd.DataFrame(
        {
            "movie": movies,
            "well": ["B2", "B2", "B3", "B4", "C1"],
            "condition": ["drug"] * 4 + ["control"],
            "dose": [1.0] * 4 + [np.nan],
            "unit": "",
        }
    )
    start = {"B2_1": 0.1, "B2_2": 0.3, "B3_1": 0.4, "B4_1": 0.6, "C1_1": 0.5}
    population = pd.DataFrame(
        [(m, t, v + t / 10) for m, v in start.items() for t in (0.0, 1.0)],
        columns=["movie", "time_h", "confluence"],
    )
    curves = condition_curves(population, wells).set_index(["condition", "time_h"])
    drug = curves.loc[("drug", 1.0)]
    values = np.array([0.3, 0.5, 0.7])  # B2's two fields are one
    assert drug["mean"] == pytest.approx(values.mean())
    assert drug["wells"] == 3
    interval = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (drug["low"], drug["high"]) == pytest.approx(interval)
    control = curves.loc[("control", 0.0)]
    assert control["mean"] == 0.5
    assert np.isnan(control["low"])
    with pytest.raises(MeasureError, match="no column condition"):
        condition_curves(population, wells.drop(columns="condition"))


def plates(*names: str, replicate: str = "") -> pd.DataFrame:
    """Movies of these names in one condition."""
    wells = wells_of(names)
    return wells.assign(condition="drug", dose=np.nan, unit="", replicate=replicate)


def at(values: dict[str, float], *, starts: tuple[float, ...] = (0.0,)) -> pd.DataFrame:
    """Two frames an hour apart of each movie, the wells one after the other."""
    rows = [
        (movie, starts[k % len(starts)] + t, value)
        for k, (movie, value) in enumerate(values.items())
        for t in (0.0, 1.0)
    ]
    return pd.DataFrame(rows, columns=["movie", "time_h", "confluence"])


def test_the_same_well_of_three_plates_is_three() -> None:
    values = {"plate1_A1_1": 0.1, "plate2_A1_1": 0.3, "plate3_A1_1": 0.8, "plate3_A1_2": 0.6}
    curves = condition_curves(at(values), plates(*values))
    assert curves["wells"].tolist() == curves["replicates"].tolist() == [3, 3]
    assert curves["mean"].tolist() == pytest.approx([np.mean([0.1, 0.3, 0.7])] * 2)


def test_wells_of_one_replicate_are_averaged_first() -> None:
    values = {"A1": 0.1, "A2": 0.3, "A3": 0.6, "A4": 0.7}
    wells = plates(*values).assign(replicate=["1", "1", "2", ""])
    curves = condition_curves(at(values), wells)
    assert curves["wells"].tolist() == [4, 4]
    assert curves["replicates"].tolist() == [3, 3]
    assert curves["mean"].tolist() == pytest.approx([np.mean([0.2, 0.6, 0.7])] * 2)
    assert curves["sd"].tolist() == pytest.approx([np.std([0.2, 0.6, 0.7], ddof=1)] * 2)
    means = by_replicate(wells.assign(x=list(values.values())), ["x"], ["condition"])
    assert means["wells"].tolist() == [2, 1, 1]


def test_a_microscope_goes_from_well_to_well() -> None:
    values = {"A1": 0.1, "A2": 0.3, "A3": 0.5}
    minutes = tuple(minute / 60 for minute in (0, 4, 8))
    curves = condition_curves(at(values, starts=minutes), plates(*values))
    assert curves["time_h"].tolist() == [0, 1]
    assert curves["wells"].tolist() == [3, 3]
    assert curves["low"].notna().all()


def test_wells_that_begin_later_or_are_imaged_less_often_keep_their_time() -> None:
    often = pd.DataFrame({"movie": "A1", "time_h": np.arange(9) / 2, "confluence": 0.1})
    later = pd.DataFrame({"movie": "A2", "time_h": [2.1, 3.1, 4.15, 5.1], "confluence": 0.3})
    curves = condition_curves(pd.concat([often, later]), plates("A1", "A2"))
    curves = curves.set_index("time_h")
    assert curves["wells"].to_dict() == {0: 1, 1: 1, 2: 2, 3: 2, 4: 2, 5: 1}
    single = pd.DataFrame({"movie": ["A1", "A2"], "time_h": [0.0, 0.1], "confluence": 0.1})
    assert len(condition_curves(single, plates("A1", "A2"))) == 2  # no interval, no clock
