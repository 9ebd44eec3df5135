import math

import pandas as pd
import pytest

from softlight.measure.growth import fit_growth
from softlight.recipes.analysis.summaries import (
    cells_headline,
    cells_words,
    confluence_words,
    doubling_of,
    unit_of,
)


def row(rate: float, low: float, high: float) -> dict[str, float]:
    times = {"": rate, "_low": high, "_high": low}
    return {
        **{
            f"growth_rate{end}_per_h": value
            for end, value in (("", rate), ("_low", low), ("_high", high))
        },
        **{
            f"doubling_time{end}_h": math.log(2) / value if value > 0 else math.nan
            for end, value in times.items()
        },
        "doubling_time_high_h": math.log(2) / low if low > 0 else math.inf,
    }


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((0.05, 0.04, 0.06), "doubling in 13.9 h (11.6 to 17.3)"),
        ((0.05, -0.01, 0.06), "no growth seen (if it doubles, in 11.6 h or more)"),
        ((-0.01, -0.02, 0.001), "no growth seen (if it doubles, in 693.1 h or more)"),
        ((-0.05, -0.06, -0.04), "decline, halves in 13.9 h (11.6 to 17.3)"),
        ((-0.05, -0.06, 0.0), "no growth seen"),
        ((0.0, -1e-20, 1e-20), "no growth seen"),
        ((6e-17, 5e-17, 7e-17), "no growth seen"),
        ((-6e-17, -7e-17, -5e-17), "no growth seen"),
        ((-1e-6, -1e-3, -1e-7), "no growth seen"),
        ((0.05, math.nan, math.nan), "growth not known"),
        ((-0.05, math.nan, math.nan), "growth not known"),
        ((math.nan, math.nan, math.nan), "growth not known"),
    ],
)
def test_a_doubling_time_is_never_a_number_alone(rates: tuple[float, ...], words: str) -> None:
    assert doubling_of(row(*rates), "h").words == words


def test_words_of_a_fit() -> None:
    hours = pd.Series(range(8)).to_numpy(float)
    growing = fit_growth(hours, 100 * 2 ** (hours / 5), quantity="area")
    assert doubling_of(growing.row(), "h").words == "doubling in 5.0 h (5.0 to 5.0)"
    assert doubling_of(growing.row(), "h").short == "5.0 h (5.0 to 5.0)"
    assert doubling_of(growing.row(), "h").headline("area") == (
        "to double the area: 5.0 to 5.0 h",
        "5.0 h",
    )
    one = fit_growth(hours[:1], hours[:1] + 1)
    assert doubling_of(one.row(), "h").words == "growth not known"
    assert doubling_of(one.row(), "h").headline("count") == ("growth of the count", "not known")
    slow = doubling_of(row(0.05, -0.01, 0.06), "h")
    assert slow.short == "no growth seen"
    assert slow.headline("count") == ("growth of the count seen: 11.6 h or more to double", "none")
    dying = doubling_of(row(-0.5, -0.6, -0.4), "h")
    assert dying.short == "halves in 1.4 h (1.2 to 1.7)"
    assert dying.headline("count") == ("to halve the count: 1.2 to 1.7 h", "1.4 h")
    named = {f"count_{name}": value for name, value in growing.row().items()}
    assert doubling_of(named, "h", quantity="count").short == "5.0 h (5.0 to 5.0)"


def test_the_fullest_frame_is_told_where_it_is_neither_first_nor_last() -> None:
    counts = {"cells_first": 0.0, "cells_last": 0.0, "cells_most": 12.0, "frames": 5}
    assert cells_words(counts) == "0 to 0, at most 12"
    assert cells_headline(counts) == ("cells, at most 12", "0 → 0")
    assert cells_headline(counts | {"cells_last": 12.0}) == ("cells", "0 → 12")
    assert cells_words(counts | {"frames": 1}) == "0"
    shares = {"confluence_first": 0.051, "confluence_last": 0.5, "frames": 2}
    assert confluence_words(shares) == "5.1% to 50.0%"
    assert confluence_words(shares | {"frames": 1}) == "5.1%"


def test_hours_where_the_interval_is_known() -> None:
    assert unit_of({"frame_interval_min": 10.0}) == "h"
    assert unit_of({"frame_interval_min": None}) == "frame"
    assert unit_of({"frame_interval_min": math.nan}) == "frame"
