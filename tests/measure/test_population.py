"""Populations frame by frame, and their events, on small cases by hand."""

import numpy as np
import pandas as pd
import pytest

from softlight.measure.errors import MeasureError
from softlight.measure.population import (
    event_rates,
    population_growth,
    population_table,
    track_ends,
)

TRACKS = pd.DataFrame(
    [(1, 0, 0, 1), (2, 1, 2, 4), (3, 1, 3, 4), (4, 0, 0, 2), (5, 0, 1, 3), (6, 4, 3, 4)],
    columns=["track_id", "parent_id", "first_frame", "last_frame"],
)  # 1 divides, 4 has but one daughter, 5 comes and goes


def objects_of(tracks: pd.DataFrame, area: int = 50) -> pd.DataFrame:
    rows = [
        (frame, track.track_id)
        for track in tracks.itertuples()
        for frame in range(track.first_frame, track.last_frame + 1)
    ]
    table = pd.DataFrame(rows, columns=["frame", "track_id"])
    return table.assign(label=table["track_id"], area_px=area, y_px=0.0, x_px=0.0)


def test_counts_areas_and_confluence_by_hand() -> None:
    objects = pd.DataFrame({"frame": [0, 0, 2], "area_px": [100, 300, 50]})
    table = population_table(
        objects, frames=3, frame_shape=(50, 20), frame_interval_min=90, pixel_size_um=2.0
    )
    assert table["frame"].tolist() == [0, 1, 2]
    assert table["time_h"].tolist() == [0, 1.5, 3]
    assert table["count"].tolist() == [2, 0, 1]
    assert table["confluence"].tolist() == [0.4, 0, 0.05]
    assert table["cell_area_um2"].tolist() == [1600, 0, 200]
    np.testing.assert_array_equal(table["mean_area_px"], [200, np.nan, 50])
    np.testing.assert_array_equal(table["median_area_um2"], [800, np.nan, 200])
    assert table["density_per_mm2"].tolist() == [500, 0, 250]
    ball = 4 / 3 * np.pi * (50 / np.pi) ** 1.5  # volume of a ball whose shadow is 50
    assert table["biomass_proxy_px3"].iloc[2] == pytest.approx(ball)
    assert table["biomass_proxy_um3"].iloc[2] == pytest.approx(8 * ball)


def test_unknown_interval_and_scale_leave_their_columns_out() -> None:
    table = population_table(objects_of(TRACKS), frames=5, frame_shape=(10, 10))
    assert not [name for name in table if "um" in name.split("_")[-1] or name == "time_h"]


def test_unread_frames_are_nan_not_zero() -> None:
    table = population_table(objects_of(TRACKS), frames=6, frame_shape=(9, 9), missing=[5])
    assert table["count"].iloc[:5].notna().all()
    assert np.isnan(table["count"].iloc[5])
    assert table["frame"].iloc[5] == 5


def test_no_cells_at_all() -> None:
    objects = objects_of(TRACKS).iloc[:0]
    table = population_table(objects, frames=4, frame_shape=(9, 9), tracks=TRACKS.iloc[:0])
    assert (table["count"] == 0).all()
    assert (table["confluence"] == 0).all()
    assert (table["divisions"].iloc[1:] == 0).all()
    growth = population_growth(table, objects=objects, tracks=TRACKS.iloc[:0])
    assert growth["growth_rate_per_frame"].isna().all()
    rates = event_rates(objects, TRACKS.iloc[:0], frames=4)
    assert rates["rate_per_frame"].isna().all()


def test_events_by_hand() -> None:
    objects = objects_of(TRACKS)
    table = population_table(objects, frames=5, frame_shape=(99, 99), tracks=TRACKS)
    assert table["count"].tolist() == [2, 3, 3, 4, 3]
    assert np.isnan(table["divisions"].iloc[0])
    assert table["divisions"].tolist()[1:] == [0, 1, 0, 0]  # at the earlier daughter
    assert table["appeared"].tolist()[1:] == [1, 0, 0, 0]
    assert table["disappeared"].tolist()[1:] == [0, 0, 0, 1]
    assert table["lost"].tolist()[1:] == [0, 0, 0, 1]


def test_what_ends_at_the_border_has_left() -> None:
    objects = objects_of(TRACKS)
    objects["touches_border"] = (objects["track_id"] == 5) & (objects["frame"] == 3)
    ends = track_ends(objects, TRACKS, 5).set_index("track_id")
    assert ends.loc[5, "disappears"]
    assert not ends.loc[5, "lost"]
    assert ends["daughters"].to_dict() == {1: 2, 2: 0, 3: 0, 4: 1, 5: 0, 6: 0}
    assert ends.loc[1, "divides_at"] == 2


def test_rates_by_hand_with_exact_poisson_intervals() -> None:
    tracks = pd.DataFrame(
        [(1, 0, 0, 9), (2, 1, 10, 20), (3, 1, 10, 20), (4, 0, 0, 20)], columns=TRACKS.columns
    )
    rates = event_rates(objects_of(tracks), tracks, frames=21, frame_interval_min=30)
    division = rates.set_index("event").loc["division"]
    hours = (10 + 10 + 10 + 20) / 2
    assert division["cell_h"] == hours
    assert division["events"] == 1
    assert division["rate_per_h"] == pytest.approx(1 / hours)
    # exact limits of a Poisson mean of which 1 was seen
    assert division["rate_low_per_h"] == pytest.approx(0.0253178 / hours)
    assert division["rate_high_per_h"] == pytest.approx(5.571643 / hours)
    loss = rates.set_index("event").loc["loss"]
    assert (loss["rate_per_h"], loss["rate_low_per_h"]) == (0, 0)
    assert loss["rate_high_per_h"] == pytest.approx(3.688879 / hours)


def test_cells_at_the_border_are_not_under_observation() -> None:
    tracks = pd.DataFrame(
        [(1, 0, 0, 4), (2, 1, 5, 9), (3, 1, 5, 9), (4, 0, 0, 2)], columns=TRACKS.columns
    )
    objects = objects_of(tracks).drop(index=2)  # a gap in track 1
    objects["touches_border"] = (objects["track_id"] == 4) | (objects["frame"] == 7)
    rates = event_rates(objects, tracks, frames=10).set_index("event")
    # track 1 for 5 frames, its daughters for 4 each less the one that begins at the border
    assert rates["cell_frames"].tolist() == [11, 11]
    assert rates["events"].to_dict() == {"division": 1, "loss": 0}
    objects["touches_border"] |= objects["track_id"] == 1
    assert event_rates(objects, tracks, frames=10)["events"].tolist() == [0, 0]


def test_growth_of_clones_and_of_the_curve() -> None:
    rows, number = [], 0
    for _ in range(12):  # founders that each divide in frames 4 and 8
        parents = [0]
        for first, last in ((0, 3), (4, 7), (8, 11)):
            born = []
            for parent in parents:
                for _ in range(1 if parent == 0 else 2):
                    number += 1
                    rows.append((number, parent, first, last))
                    born.append(number)
            parents = born
    tracks = pd.DataFrame(rows, columns=TRACKS.columns)
    objects = objects_of(tracks)
    table = population_table(
        objects, frames=12, frame_shape=(300, 300), tracks=tracks, frame_interval_min=60
    )
    assert table["count"].tolist() == [12] * 4 + [24] * 4 + [48] * 4
    growth = population_growth(table, objects=objects, tracks=tracks).set_index("quantity")
    assert growth["method"].tolist() == ["clones", "clones"]
    assert growth.loc["count", "doubling_time_h"] == pytest.approx(11 / 2, rel=0.1)  # two in 11 h
    count, confluence = growth.loc["count"], growth.loc["confluence"]
    assert confluence["growth_rate_per_h"] == pytest.approx(count["growth_rate_per_h"])
    curve = population_growth(table)
    assert curve["method"].tolist() == ["series", "series"]
    assert curve["growth_rate_per_h"].iloc[0] == pytest.approx(count["growth_rate_per_h"])


def test_one_frame() -> None:
    tracks = TRACKS.iloc[[3]].assign(last_frame=0)
    objects = objects_of(tracks)
    table = population_table(objects, frames=1, frame_shape=(9, 9), tracks=tracks)
    assert table["count"].tolist() == [1]
    growth = population_growth(table, objects=objects, tracks=tracks)
    assert growth["reason"].str.startswith("fewer than two frames").all()


def test_errors() -> None:
    objects = objects_of(TRACKS)
    with pytest.raises(MeasureError, match=r"frames 0 to 4 but the movie has 3"):
        population_table(objects, frames=3, frame_shape=(9, 9))
    with pytest.raises(MeasureError, match="no column area_px"):
        population_table(objects.drop(columns="area_px"), frames=5, frame_shape=(9, 9))
    with pytest.raises(MeasureError, match="reach frame 4 but the movie has 4"):
        track_ends(objects, TRACKS, 4)
    with pytest.raises(MeasureError, match="no column parent_id"):
        track_ends(objects, TRACKS.drop(columns="parent_id"), 5)
    with pytest.raises(MeasureError, match="pixel size is 0"):
        population_table(objects, frames=5, frame_shape=(9, 9), pixel_size_um=0)
