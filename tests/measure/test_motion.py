"""Motion of all cells together: against brute force, numerical integrals and known walks."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from tests.measure.walkers import path, walkers

from softlight.measure.displacements import ratio_with_interval
from softlight.measure.errors import MeasureError
from softlight.measure.motion import (
    MOST_GROUPS,
    _groups,
    motion_summary,
    msd_curve,
    velocity_autocorrelation,
)
from softlight.measure.walks import fit_walk, furth, persistence_from_correlation


def test_msd_equals_brute_force_with_gaps() -> None:
    rng = np.random.default_rng(1)
    objects = walkers(cells=6, frames=15, error=1.0)
    objects = objects[rng.random(len(objects)) < 0.7]
    curve = msd_curve(objects, frame_interval_min=10).set_index("lag_frames")
    for lag in range(1, 12):
        squares = [
            (a.y_um - b.y_um) ** 2 + (a.x_um - b.x_um) ** 2
            for _, track in objects.groupby("track_id")
            for a in track.itertuples()
            for b in track.itertuples()
            if b.frame - a.frame == lag
        ]
        assert curve.loc[lag, "pairs"] == len(squares)
        assert curve.loc[lag, "msd_um2"] == pytest.approx(np.mean(squares))
        assert curve.loc[lag, "lag_min"] == 10 * lag


def test_furth_is_the_integral_of_the_velocity_correlation() -> None:
    time, speed, persistence = 25.0, 0.7, 12.0

    def correlation(s: float, t: float) -> float:
        return speed**2 * np.exp(-abs(t - s) / persistence)

    area, _ = integrate.dblquad(correlation, 0, time, 0, time)
    assert furth(np.array([time]), speed, persistence)[0] == pytest.approx(area, rel=1e-5)
    early = furth(np.array([1e-6]), speed, persistence)[0]
    assert early == pytest.approx((speed * 1e-6) ** 2, rel=1e-6)


def test_persistence_is_what_the_correlation_of_displacements_says() -> None:
    persistence, interval = 30.0, 10.0
    twice, once = furth(np.array([2 * interval, interval]), 1.0, persistence)
    correlation = (twice / 2 - once) / once
    found = persistence_from_correlation(np.array([correlation, -0.1, 0.0, 1.0, np.nan]), interval)
    assert found[0] == pytest.approx(persistence, rel=1e-3)
    assert found[1:3].tolist() == [0, 0]
    assert found[3] == np.inf
    assert np.isnan(found[4])


def test_an_exact_curve_gives_back_its_walk() -> None:
    time = 10.0 * np.arange(1, 21)
    msd = furth(time, 0.5, 40.0) + 4 * 0.8**2
    walk = fit_walk(time, msd, np.full(20, 100.0))
    assert walk.speed == pytest.approx(0.5, rel=1e-3)
    assert walk.persistence == pytest.approx(40, rel=1e-2)
    assert walk.localisation_sd == pytest.approx(0.8, rel=1e-2)


def test_summary_of_known_walks_with_a_localisation_error() -> None:
    objects = walkers(cells=150, frames=50, error=0.8, seed=3)
    rows = motion_summary(objects, frame_interval_min=10).set_index("measure")
    for name, truth in (("rms_speed", 0.5), ("persistence", 40.0), ("localisation_sd", 0.8)):
        assert rows.loc[name, "low"] <= truth <= rows.loc[name, "high"], name
        assert rows.loc[name, "value"] == pytest.approx(truth, rel=0.12), name
    exact = walkers(cells=150, frames=50, seed=3)
    truth = motion_summary(exact, frame_interval_min=10, localisation_sd=0).set_index("measure")
    speed = truth.loc["mean_speed", "value"]
    assert rows.loc["mean_speed", "value"] > 1.03 * speed
    assert rows.loc["corrected_mean_speed", "value"] == pytest.approx(speed, rel=0.01)
    assert rows["unit"].tolist() == [
        "um_per_min", "um_per_min", "um_per_min", "min", "um", "um2_per_min", "1",
    ]  # fmt: skip


def test_intervals_hold_the_mean_speed_in_nineteen_of_twenty() -> None:
    # Mean displacement of an interval over its length: Rayleigh, from the MSD of one interval.
    truth = np.sqrt(np.pi / 4 * furth(np.array([10.0]), 0.5, 40.0)[0]) / 10
    held = []
    for seed in range(60):
        objects = walkers(cells=25, frames=15, seed=seed)
        rows = motion_summary(objects, frame_interval_min=10, localisation_sd=0)
        held.append(rows.loc[0, "low"] <= truth <= rows.loc[0, "high"])
    assert np.mean(held) >= 0.9


def test_no_localisation_error_is_none_on_average() -> None:
    shares, held = [], []
    for seed in range(30):
        rows = motion_summary(walkers(cells=25, frames=24, seed=seed), frame_interval_min=10)
        rows = rows.set_index("measure")
        shares.append(rows.loc["corrected_mean_speed", "value"] / rows.loc["mean_speed", "value"])
        held.append(rows.loc["localisation_sd", "low"] == 0)
    assert max(shares) <= 1  # an error takes speed off, and never adds any
    assert np.mean(shares) == pytest.approx(1, abs=0.01)
    assert np.mean(held) >= 0.9


def test_an_error_below_nothing_adds_no_speed() -> None:
    # Of these two walks chance makes the MSD begin below 0, which no localisation error does.
    for seed in (0, 2):
        objects = walkers(cells=12, frames=8, seed=seed)
        rows = motion_summary(objects, frame_interval_min=10).set_index("measure")["value"]
        assert rows["localisation_sd"] == 0
        assert rows["corrected_mean_speed"] == rows["mean_speed"]
        known = motion_summary(objects, frame_interval_min=10, localisation_sd=0)
        known = known.set_index("measure")["value"]
        assert rows["rms_speed"] == known["rms_speed"]  # the walk is that of no error, too


def diffusing(*, cells: int, frames: int, seed: int = 0) -> pd.DataFrame:
    """Cells that forget their direction at once: 1 px a frame along each axis."""
    ways = np.cumsum(np.random.default_rng(seed).normal(0, 1, (cells, frames, 2)), axis=1)
    tables = [
        path(*((t, *place) for t, place in enumerate(way)), track=k)
        for k, way in enumerate(ways, start=1)
    ]
    return pd.concat(tables)


def test_a_persistence_that_is_too_short_to_see_has_an_upper_end_only() -> None:
    for seed in range(5):  # the best fit is the shortest that is tried, or is near it (seed 4)
        rows = motion_summary(diffusing(cells=80, frames=30, seed=seed), localisation_sd=0)
        rows = rows.set_index("measure")
        persistence = rows.loc["persistence"]
        assert np.isnan(persistence["value"])
        assert persistence["low"] == 0
        assert 1 <= persistence["high"] < 5
        assert "too short for this time between frames" in persistence["note"]
        assert rows.loc["rms_speed", ["value", "low", "high"]].isna().all()
        assert rows.loc["rms_speed", "note"] == persistence["note"]
        diffusion = rows.loc["diffusion"]
        assert diffusion["low"] < 0.5 < diffusion["high"]
        assert diffusion["note"] == ""


def test_an_error_beside_a_walk_that_is_not_seen_is_to_be_read_with_care() -> None:
    objects = diffusing(cells=80, frames=30, seed=1)
    rows = motion_summary(objects).set_index("measure")
    assert np.isnan(rows.loc["persistence", "value"])
    for name in ("corrected_mean_speed", "localisation_sd"):
        assert np.isfinite(rows.loc[name, "value"])
        assert rows.loc[name, "note"] == "part of the motion may be taken for error"
    given = motion_summary(objects, localisation_sd=0.1).set_index("measure")
    assert given.loc["corrected_mean_speed", "note"] == ""


def test_straight_ways_have_a_lower_end_of_their_persistence_only() -> None:
    rng = np.random.default_rng(0)
    tables = [
        path(*((t, 0.0, speed * t) for t in range(12)), track=k)
        for k, speed in enumerate(rng.uniform(1, 2, 9), start=1)
    ]
    rows = motion_summary(pd.concat(tables), localisation_sd=0).set_index("measure")
    persistence = rows.loc["persistence"]
    assert np.isnan(persistence["value"])
    assert persistence["low"] >= 6
    assert persistence["high"] == np.inf
    assert "straight as far as it is seen" in persistence["note"]
    assert rows.loc["rms_speed", "low"] < rows.loc["rms_speed", "value"] < 2


def test_tracks_shorter_than_the_movie_are_fitted_as_far_as_they_go() -> None:
    objects = walkers(cells=40, frames=10, seed=2)
    length = 2 + objects["track_id"] % 9  # few pairs are four frames apart
    rows = motion_summary(objects[objects["frame"] < length], frame_interval_min=10)
    assert np.isfinite(rows["value"]).all()
    assert (rows["note"] == "").all()


def test_what_cannot_be_told_says_why() -> None:
    rows = motion_summary(walkers(cells=9, frames=4), frame_interval_min=10).set_index("measure")
    assert (rows["note"][1:] == "fewer than 4 lags to fit").all()
    assert rows["value"][1:].isna().all()
    still = motion_summary(path(*((t, 5, 5) for t in range(9)))).set_index("measure")
    assert still.loc["msd_alpha", "note"] == "nothing moved"
    once = motion_summary(path((0, 0, 0))).set_index("measure")
    assert once.loc["mean_speed", "note"] == "no step of one frame by a whole cell"


def test_steps_that_are_alike_do_not_narrow_the_interval() -> None:
    slow, fast = walkers(cells=6, speed=0.2), walkers(cells=6, speed=1.0, seed=1)
    objects = pd.concat([slow, fast.assign(track_id=fast["track_id"] + 6)])
    row = motion_summary(objects, frame_interval_min=10).iloc[0]
    assert row["high"] - row["low"] > 0.3  # twelve cells, half of them five times as fast


def test_clones_not_tracks_are_independent() -> None:
    objects = walkers(cells=8, frames=20)
    family = pd.DataFrame(
        {
            "track_id": range(1, 9),
            "parent_id": [0, 0, 1, 1, 3, 3, 2, 2],
            "first_frame": 0,
            "last_frame": 19,
        }
    )
    alone = motion_summary(objects, frame_interval_min=10).iloc[0]
    together = motion_summary(objects, frame_interval_min=10, tracks=family).iloc[0]
    assert together["value"] == alone["value"]
    assert together["high"] != alone["high"]
    family.loc[0, "parent_id"] = 5
    with pytest.raises(MeasureError, match="its own ancestor"):
        motion_summary(objects, tracks=family)


def test_autocorrelation_falls_as_the_persistence_says() -> None:
    objects = walkers(cells=200, frames=40, error=0.8)
    curve = velocity_autocorrelation(objects, frame_interval_min=10, localisation_sd=0.8)
    times = 10.0 * np.arange(7)
    msd = furth(times, 1.0, 40.0)
    second = (msd[2:] - 2 * msd[1:-1] + msd[:-2]) / 2  # of displacements a lag apart
    np.testing.assert_allclose(curve["correlation"][1:6], second / msd[1], atol=0.04)
    assert curve.loc[0, ["correlation", "low", "high"]].tolist() == [1, 1, 1]
    assert curve.loc[1, "lag_min"] == 10


def test_a_correlation_beyond_one_is_none() -> None:
    objects = walkers(cells=20, frames=12, error=1.0)
    curve = velocity_autocorrelation(objects, frame_interval_min=10, localisation_sd=1.0)
    assert curve["high"].max() <= 1
    assert curve["low"].min() >= -1
    assert curve["correlation"].notna().all()
    too_much = velocity_autocorrelation(objects, frame_interval_min=10, localisation_sd=2.2)
    assert too_much.loc[1, ["correlation", "low", "high"]].isna().all()
    assert not (too_much["correlation"].abs() > 1 + 1e-9).any()


def test_intervals_of_the_autocorrelation_hold_the_truth() -> None:
    msd = furth(10.0 * np.arange(6), 1.0, 40.0)
    truth = ((msd[2:] - 2 * msd[1:-1] + msd[:-2]) / 2 / msd[1])[:3]
    held, width = [], []
    for seed in range(60):
        slow, fast = (walkers(cells=15, frames=16, seed=seed + n, speed=0.2 + n) for n in (0, 1))
        objects = pd.concat([slow, fast.assign(track_id=fast["track_id"] + 15)])
        curve = velocity_autocorrelation(objects, frame_interval_min=10)
        low, high = (curve[end].to_numpy()[1:4] for end in ("low", "high"))
        held.append((low <= truth) & (truth <= high))
        width.append(high - low)
    assert np.mean(held, axis=0).min() >= 0.9
    # how fast cells are does not widen it: what is divided by changes with them
    assert np.mean(width, axis=0)[0] < 0.15


def test_little_data_is_undefined_not_wrong() -> None:
    rows = motion_summary(path((0, 0, 0))).set_index("measure")
    assert rows["value"].isna().all()
    rows = motion_summary(path((0, 0, 0), (1, 0, 2))).set_index("measure")
    assert rows.loc["mean_speed", "value"] == 2
    assert np.isnan(rows.loc["mean_speed", "low"])
    assert np.isnan(rows.loc["persistence", "value"])
    empty = path().astype({"y_px": float, "x_px": float, "frame": int, "track_id": int})
    assert motion_summary(empty)["value"].isna().all()
    assert len(msd_curve(empty)) == 0
    assert len(velocity_autocorrelation(empty)) <= 1
    still = motion_summary(path(*((t, 5, 5) for t in range(9))), localisation_sd=0)
    assert still.loc[0, "value"] == 0


def test_an_interval_of_a_mean_is_that_of_the_jackknife() -> None:
    values = np.array([1.0, 4.0, 2.0, 6.0, 7.0])
    mean, low, high = ratio_with_interval(values, np.ones(5), np.arange(5))
    assert mean == 4
    by_hand = stats.t.ppf(0.975, 4) * np.sqrt(values.var(ddof=1) / 4)
    assert (high - mean, mean - low) == pytest.approx((by_hand, by_hand))


def test_intervals_hold_the_truth_with_few_clusters_of_very_different_weight() -> None:
    rng = np.random.default_rng(4)
    held = []
    for _ in range(600):
        steps = rng.geometric(0.15, 15)
        speed = rng.normal(10, 1.0, 15) + rng.normal(0, 1, 15) / np.sqrt(steps)
        _, low, high = ratio_with_interval(speed * steps, steps, np.arange(15))
        held.append(low <= 10 <= high)
    assert 0.935 < np.mean(held) < 0.985


def test_many_clones_are_left_out_several_at_a_time() -> None:
    rng = np.random.default_rng(0)
    clones = rng.integers(0, 500, 900)
    clones = np.unique(clones, return_inverse=True)[1]
    pairs = rng.integers(1, 30, 900).astype(float)
    groups, weight = _groups(clones, pairs)
    assert len(weight) == MOST_GROUPS
    assert weight.sum() == pairs.sum()
    assert weight.max() / weight.min() < 1.4
    one_group_each = pd.DataFrame({"clone": clones, "group": groups}).drop_duplicates()
    assert len(one_group_each) == clones.max() + 1
    few, weight = _groups(np.array([1, 0, 1]), np.array([2.0, 5.0, 1.0]))
    assert few[0] == few[2] != few[1]
    assert sorted(weight) == [3, 5]
