"""The few numbers of a movie as the report tells them."""

import math

import numpy as np
import pandas as pd
import pytest

from softlight.recipes.analysis.charts import _msd_fit, growth_charts
from softlight.recipes.analysis.numbers import (
    events_table,
    interval_words,
    motion_table,
    plain_unit,
    value_words,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("numbers", "value", "interval"),
    [
        ((0.1234, 0.1, 0.15), "0.123", "0.1 to 0.15"),
        ((NAN, 0.0, 10.0), "below 10", "0 to 10"),
        ((NAN, 60.0, math.inf), "above 60", "60 or more"),
        ((8.0, NAN, NAN), "8", ""),
        ((NAN, NAN, NAN), "not known", ""),
        ((NAN, 0.0, math.inf), "not known", "0 or more"),
    ],
)
def test_a_number_is_told_with_what_is_known_of_it(
    numbers: tuple[float, ...], value: str, interval: str
) -> None:
    assert value_words(*numbers) == value
    assert interval_words(*numbers[1:]) == interval


def motion(persistence: tuple[float, float, float], note: str = "") -> pd.DataFrame:
    rows = [
        ("mean_speed", 0.2, 0.1, 0.3, "um_per_min", ""),
        ("corrected_mean_speed", 0.19, 0.1, 0.3, "um_per_min", ""),
        ("rms_speed", 0.25 if math.isfinite(persistence[0]) else NAN, NAN, NAN, "um_per_min", note),
        ("persistence", *persistence, "min", note),
        ("localisation_sd", 0.1, 0.0, 0.2, "um", ""),
        ("diffusion", 0.5, 0.4, 0.6, "um2_per_min", ""),
        ("msd_alpha", 1.2, 1.1, 1.3, "1", ""),
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high", "unit", "note"])


def test_motion_in_words() -> None:
    table = motion_table(motion((30.0, 20.0, 40.0))).table
    assert table.columns.tolist() == ["motion", "value", "95 % interval", "unit"]
    assert table["unit"].tolist()[-4:] == ["min", "µm", "µm² / min", ""]
    short = motion_table(motion((NAN, 0.0, 10.0), "too short"))
    assert short.caption.endswith("Not known: too short.")
    careful = motion((30.0, 20.0, 40.0), "odd")
    assert motion_table(careful).caption.endswith("families of cells. With care: odd.")
    assert short.table.iloc[3].tolist() == ["persistence time, P", "below 10", "0 to 10", "min"]


def test_events_in_words() -> None:
    rates = pd.DataFrame(
        {
            "event": ["division", "loss"],
            "events": [12, 0],
            "cell_h": 100.0,
            "rate_per_h": [0.12, 0.0],
            "rate_low_per_h": [0.06, 0.0],
            "rate_high_per_h": [0.21, 0.037],
        }
    )
    cycles = pd.DataFrame(
        {"born": [True] * 9, "divides": True, "at_least_frames": np.arange(6, 15.0)}
    )
    table = events_table(rates, cycles, frame_interval_min=30).table
    assert table.iloc[0].tolist() == ["divisions", "12", "0.12", "0.06 to 0.21", "per cell and h"]
    assert table.iloc[2, 1:3].tolist() == ["9", "5"]  # ten frames of half an hour
    frames = rates.rename(columns=lambda name: name.replace("per_h", "per_frame"))
    table = events_table(frames, cycles, frame_interval_min=None).table
    assert table.iloc[0, 4] == "per cell and frame"
    assert table.iloc[2, 2:].tolist()[::2] == ["10", "frames"]


def test_units_are_written_as_they_are_read() -> None:
    assert plain_unit("um2_per_min") == "µm² / min"
    assert plain_unit("px_per_frame") == "px / frame"


def test_the_fit_of_the_msd_is_drawn_also_without_a_persistence() -> None:
    lags = np.array([10.0, 20.0, 40.0])
    walk = _msd_fit(motion((30.0, 20.0, 40.0)).set_index("measure")["value"], lags)
    power = _msd_fit(motion((NAN, 0.0, 10.0)).set_index("measure")["value"], lags)
    assert walk is not None
    assert power is not None
    assert walk[2].startswith("persistent random walk")
    assert power[2] == "power law, α = 1.20"
    assert power[1][0] == pytest.approx(4 * 0.5 * 10 + 4 * 0.1**2)
    none = motion((NAN, NAN, NAN)).assign(value=NAN).set_index("measure")["value"]
    assert _msd_fit(none, lags) is None


def test_growth_that_was_not_seen_is_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(
        "softlight.recipes.analysis.charts.growth_figure",
        lambda *_, line, **__: drawn.append(line) or b"",
    )
    population = pd.DataFrame(
        {
            "frame": range(4),
            "time_h": [0.0, 1, 2, 3],
            "count": [9.0, 9, 10, 9],
            "confluence": [0.4, 0.2, 0.1, 0.05],
            "sharpness": 1.0,
        }
    )
    growth = pd.DataFrame(
        {
            "quantity": ["count", "confluence"],
            "growth_rate_per_h": [0.01, -0.69],
            "growth_rate_low_per_h": [-0.1, -0.8],
            "growth_rate_high_per_h": [0.1, -0.6],
            "doubling_time_h": [69.0, NAN],
            "doubling_time_low_h": [6.9, NAN],
            "doubling_time_high_h": [math.inf, NAN],
            "first_frame": 0,
            "last_frame": 3,
            "reason": "all",
        }
    )
    count, area = growth_charts({"population": population, "growth": growth})
    assert (drawn[0].rate, drawn[0].label) == (None, "no growth seen")
    assert (drawn[2].rate, drawn[2].label) == (-0.69, "halves in 1.0 h (0.9 to 1.2)")
    assert "Decline, halves in 1.0 h" in area.caption
    assert "No growth seen" in count.caption
