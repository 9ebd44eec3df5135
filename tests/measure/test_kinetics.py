"""Motion of single tracks, by hand and against walks that are known."""

import numpy as np
import pandas as pd
import pytest
from tests.measure.walkers import path, walkers

from softlight.measure.errors import MeasureError
from softlight.measure.kinetics import track_kinetics, track_steps


def one(objects: pd.DataFrame, **options: float) -> dict[str, float]:
    (row,) = track_kinetics(objects, **options).to_dict("records")  # type: ignore[arg-type]
    return row


def test_a_square_by_hand() -> None:
    row = one(path((0, 0, 0), (1, 0, 3), (2, 4, 3), (3, 4, 6)))
    assert row["points"] == 4
    assert row["duration_frames"] == 3
    assert row["path_length_px"] == 10
    assert row["net_displacement_px"] == pytest.approx(np.hypot(4, 6))
    assert row["directionality"] == pytest.approx(np.hypot(4, 6) / 10)
    assert row["mean_speed_px_per_frame"] == pytest.approx(10 / 3)
    assert row["max_speed_px_per_frame"] == 4
    assert row["sd_speed_px_per_frame"] == pytest.approx(np.std([3, 4, 3], ddof=1))
    assert row["mean_turning_rad"] == pytest.approx(np.pi / 2)
    assert row["mean_cos_turning"] == pytest.approx(0)
    assert row["velocity_correlation"] == pytest.approx(0)
    assert row["persistence_frames"] == 0
    assert row["flag"] == "short"


def test_units_follow_what_is_known() -> None:
    objects = path((0, 0, 0), (1, 0, 3), (2, 4, 3)).assign(
        y_um=lambda t: t["y_px"] / 2, x_um=lambda t: t["x_px"] / 2
    )
    row = one(objects, frame_interval_min=5)
    assert row["path_length_um"] == 3.5
    assert row["duration_min"] == 10
    assert row["mean_speed_um_per_min"] == pytest.approx(3.5 / 10)
    assert not [name for name in row if name.endswith(("_px", "_per_frame"))]


def test_turning_is_positive_clockwise_on_the_screen() -> None:
    steps = track_steps(path((0, 0, 0), (1, 0, 1), (2, 1, 1), (3, 1, 2), (4, 1, 2), (5, 1, 3)))
    np.testing.assert_allclose(
        steps["turning_rad"], [np.nan, np.pi / 2, -np.pi / 2, np.nan, np.nan]
    )
    assert steps["distance_px"].tolist() == [1, 1, 1, 0, 1]


def test_gaps_count_for_the_way_but_not_for_the_speed() -> None:
    row = one(path((0, 0, 0), (1, 0, 2), (4, 0, 11), (5, 0, 13)), frame_interval_min=10)
    assert row["missing_frames"] == 2
    assert row["path_length_px"] == 13
    assert row["duration_min"] == 50
    assert row["speed_steps"] == 2
    assert row["mean_speed_px_per_min"] == pytest.approx(0.2)
    assert np.isnan(row["mean_turning_rad"])
    assert row["flag"] == "short, gaps"


def test_steps_of_cells_cut_by_the_border_count_for_no_speed() -> None:
    objects = path(*((t, 0.0, x) for t, x in enumerate([0, 1, 2, 3, 9, 15])))
    objects["touches_border"] = objects["frame"] >= 4
    row = one(objects)
    assert (row["speed_steps"], row["mean_speed_px_per_frame"]) == (3, 1)
    assert row["path_length_px"] == 15
    assert row["flag"] == "border, straight"
    row = one(objects.assign(touches_border=True))
    assert np.isnan(row["mean_speed_px_per_frame"])
    assert row["flag"] == "border, no whole step"


def test_a_cell_seen_once_has_a_row() -> None:
    objects = pd.concat([path((3, 5, 5)), walkers(cells=1, frames=9).assign(track_id=7)])
    table = track_kinetics(objects[["frame", "label", "track_id", "y_px", "x_px"]])
    assert table["track_id"].tolist() == [1, 7]
    assert table["flag"].tolist() == ["one point", ""]
    alone = table.iloc[0]
    assert (alone["points"], alone["duration_frames"]) == (1, 0)
    undefined = ["path_length_px", "directionality", "mean_speed_px_per_frame", "msd_alpha"]
    assert alone[undefined].isna().all()


def test_no_tracks_and_one_frame() -> None:
    empty = track_kinetics(path().astype({"y_px": float, "x_px": float, "frame": int}))
    assert len(empty) == 0
    single = track_kinetics(walkers(cells=4, frames=1))
    assert len(single) == 4
    assert set(single.columns) >= {"path_length_um", "flag"}


def test_row_order_does_not_matter_and_nothing_is_changed() -> None:
    objects = walkers(cells=5, frames=8)
    shuffled = objects.sample(frac=1, random_state=0)
    before = shuffled.copy()
    pd.testing.assert_frame_equal(track_kinetics(objects), track_kinetics(shuffled))
    pd.testing.assert_frame_equal(shuffled, before)


def test_a_straight_line_is_ballistic_and_diffusion_is_not() -> None:
    row = one(path(*((t, 0.0, 2.0 * t) for t in range(30))))
    assert row["msd_alpha"] == pytest.approx(2)
    assert row["directionality"] == 1
    assert row["velocity_correlation"] == pytest.approx(1)
    assert np.isnan(row["persistence_frames"])  # it does not end
    assert row["flag"] == "straight"
    rng = np.random.default_rng(0)
    ways = np.cumsum(rng.normal(0, 1, (200, 100, 2)), axis=1)
    objects = pd.concat(
        [path(*((t, *way[t]) for t in range(100)), track=k) for k, way in enumerate(ways, start=1)]
    )
    table = track_kinetics(objects)
    # a variance of 1 along each axis in one frame: D = 1/2
    assert table["diffusion_px2_per_frame"].mean() == pytest.approx(0.5, rel=0.03)
    assert table["msd_alpha"].mean() == pytest.approx(1, abs=0.05)


def test_the_localisation_error_is_taken_off() -> None:
    exact = track_kinetics(walkers(), frame_interval_min=10)
    blurred = track_kinetics(walkers(error=1.0), frame_interval_min=10, localisation_sd=1.0)
    for name, tolerance in (
        ("corrected_mean_speed_um_per_min", 0.01),
        ("velocity_correlation", 0.02),
    ):
        seen = name.removeprefix("corrected_")
        truth = exact[seen].mean()
        assert blurred[name].mean() == pytest.approx(truth, rel=tolerance)
    uncorrected = track_kinetics(walkers(error=1.0), frame_interval_min=10)
    truth = exact["mean_speed_um_per_min"].mean()
    assert uncorrected["mean_speed_um_per_min"].mean() > 1.05 * truth
    assert uncorrected["velocity_correlation"].mean() < 0.9 * exact["velocity_correlation"].mean()


def test_a_correlation_that_no_walk_has_is_none() -> None:
    # steps of 3, 5, 5, 3: successive products are 55 / 3 on average, squares 68 / 4
    row = one(path(*((t, 0.0, x) for t, x in enumerate([0, 3, 8, 13, 16]))))
    assert np.isnan(row["velocity_correlation"])
    assert np.isnan(row["persistence_frames"])
    assert row["flag"] == "no persistence"
    table = track_kinetics(
        walkers(cells=300, frames=8, error=1.5), frame_interval_min=10, localisation_sd=1.5
    )
    known = table["velocity_correlation"].dropna()
    assert 0 < len(known) < len(table)
    assert known.abs().max() <= 1
    assert np.isfinite(table["persistence_min"].dropna()).all()
    assert (table.loc[table["persistence_min"].isna(), "flag"] == "no persistence").all()


def test_an_error_larger_than_all_motion_leaves_no_speed() -> None:
    row = one(path(*((t, 0.0, float(t % 2)) for t in range(8))), localisation_sd=1.0)
    assert row["corrected_mean_speed_px_per_frame"] == 0
    assert np.isnan(row["velocity_correlation"])


def test_errors() -> None:
    good = path((0, 0, 0), (1, 0, 1))
    with pytest.raises(MeasureError, match="no column track_id"):
        track_kinetics(good.drop(columns="track_id"))
    with pytest.raises(MeasureError, match="Track 1 has two cells in frame 1"):
        track_kinetics(pd.concat([good, good.iloc[1:]]))
    with pytest.raises(MeasureError, match=r"Rows of the objects table \(1\) have no track"):
        track_kinetics(good.assign(track_id=[0, 1]))
    with pytest.raises(MeasureError, match="holds 2 movies"):
        track_kinetics(good.assign(movie=["a", "b"]))
    with pytest.raises(MeasureError, match="interval is 0"):
        track_kinetics(good, frame_interval_min=0)
    with pytest.raises(MeasureError, match="localisation error is -1"):
        track_kinetics(good, localisation_sd=-1)
