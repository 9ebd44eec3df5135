"""The words of caution about one movie."""

import numpy as np
import pandas as pd

from softlight.recipes.analysis.doubts import doubts, marked_frames
from softlight.recipes.analysis.summaries import summary_of


def population(sharpness: list[float], count: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "frame": range(len(count)),
            "count": count,
            "confluence": np.asarray(count) / 100,
            "sharpness": sharpness,
            "missing": False,
        }
    )


def test_cells_do_not_look_blurred_beside_the_noise_of_an_empty_dish() -> None:
    noise, cells = 2.0, 0.7
    found = marked_frames(population([noise, noise, cells, noise, noise], [0, 0, 5, 0, 0]))
    assert found["blurred"] == []
    assert found["empty"] == [0, 1, 3, 4]


def test_a_frame_out_of_focus_is_said_with_cells_and_without() -> None:
    sharp = [0.7, 0.7, 0.2, 0.7, 0.7]
    assert marked_frames(population(sharp, [5, 5, 5, 5, 5]))["blurred"] == [2]
    assert marked_frames(population(sharp, [5, 5, 0, 5, 5]))["blurred"] == [2]


def test_divisions_at_the_border_are_counted_as_in_the_table_of_divisions() -> None:
    growth = pd.DataFrame({"quantity": ["count", "confluence"]})
    tables = {
        "population": population([1.0, 1.0], [1, 2]),
        "growth": growth,
        "tracks": pd.DataFrame({"track_id": [1, 2, 3]}),
        "rates": pd.DataFrame({"event": ["division", "loss"], "events": [0, 0]}),
        "divisions": pd.DataFrame({"mother_id": [1]}),
        "edits": pd.DataFrame(),
    }
    assert summary_of(tables)["divisions"] == 1


def grown(count: tuple[float, ...], area: tuple[float, ...], division: tuple[float, ...]):
    names = ["growth_rate_per_h", "growth_rate_low_per_h", "growth_rate_high_per_h"]
    rates = ["rate_per_h", "rate_low_per_h", "rate_high_per_h"]
    return {
        "population": population([1.0] * 4, [5, 6, 7, 8]),
        "tracks": pd.DataFrame({"first_frame": [0], "last_frame": [3]}),
        "growth": pd.DataFrame([count, area], columns=names).assign(
            quantity=["count", "confluence"]
        ),
        "rates": pd.DataFrame([division], columns=rates).assign(event=["division"]),
    }


def test_growth_and_divisions_that_contradict_are_told() -> None:
    tables = grown((0.02, 0.015, 0.03), (0.042, 0.03, 0.05), (0.0, 0.0, 0.002))
    sizes, divisions = doubts("m", tables)
    assert "count of m and its covered area grow at different rates" in sizes
    assert "do not report this division rate" in divisions
    agreeing = grown((0.02, 0.01, 0.03), (0.022, 0.01, 0.03), (0.02, 0.01, 0.03))
    assert doubts("m", agreeing) == []
    # each rate is outside the other's interval, and yet both may be the same
    for same in (
        ((0.02, 0.015, 0.025), (0.026, 0.021, 0.031)),
        ((0.026, 0.021, 0.031), (0.02, 0.015, 0.025)),
        ((-0.01, -0.03, 0.002), (0.004, -0.01, 0.018)),  # no growth seen of either
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ):
        assert doubts("m", grown(*same, (0.02, 0.01, 0.03))) == []
    (other_way,) = doubts("m", grown((0.05, 0.04, 0.06), (0.02, 0.01, 0.03), (0.05, 0.04, 0.06)))
    assert "different rates" in other_way
    unknown = grown((np.nan,) * 3, (np.nan,) * 3, (np.nan,) * 3)
    assert doubts("m", unknown) == []
