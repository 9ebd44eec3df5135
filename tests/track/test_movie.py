import numpy as np
import pandas as pd
import pytest
from tests.track.walkers import Walk, disc, link_score, table_of, walkers

from softlight.track.movie import track_cells
from softlight.track.settings import LinkSettings, TrackError


@pytest.mark.parametrize("step", [0.5, 2.0, 6.0])
def test_walkers_are_followed_at_any_speed(step: float) -> None:
    walk = walkers(step=step, cells=30)
    tracked = track_cells(walk.objects)
    assert link_score(walk, tracked.objects, tracked.tracks) > 0.95
    assert tracked.learned["step_px"] == pytest.approx(step, rel=0.35)


def test_cells_that_only_drift_teach_no_growth_of_steps() -> None:
    grid = np.stack(np.meshgrid(np.arange(8) * 20.0, np.arange(8) * 20.0), -1).reshape(-1, 2)
    tables = [
        pd.DataFrame(
            {"frame": t, "label": range(1, 65), "y_px": grid[:, 0] + t, "x_px": grid[:, 1]}
        )
        for t in range(3)
    ]
    tracked = track_cells(pd.concat(tables, ignore_index=True))
    assert len(tracked.tracks) == 64
    assert tracked.learned["growth"] == 0.5


def test_gaps_and_divisions_are_found() -> None:
    walk = walkers(cells=25, frames=30, side=600, miss=0.02, divide=0.01)
    tracked = track_cells(walk.objects)
    assert link_score(walk, tracked.objects, tracked.tracks) > 0.97
    mothers = tracked.tracks["parent_id"].value_counts().drop(0, errors="ignore")
    assert (mothers == 2).all()
    assert len(mothers) == pytest.approx(len(set(walk.mother.values())), abs=1)
    lengths = tracked.objects.groupby("track_id")["frame"].agg(["min", "max", "size"])
    assert (lengths["max"] - lengths["min"] + 1 > lengths["size"]).any()  # a gap inside a track


def test_without_gaps_or_divisions_there_are_none() -> None:
    walk = walkers(cells=25, frames=30, side=600, miss=0.03, divide=0.02)
    settings = LinkSettings(max_gap_frames=0, divisions=False)
    tracked = track_cells(walk.objects, settings=settings)
    assert (tracked.tracks["parent_id"] == 0).all()
    steps = tracked.objects.sort_values(["track_id", "frame"]).groupby("track_id")["frame"].diff()
    assert set(steps.dropna()) == {1.0}


def test_a_stage_that_jumps_is_set_right() -> None:
    walk = walkers(cells=60, drift=(37.0, -22.0))
    tracked = track_cells(walk.objects)
    assert link_score(walk, tracked.objects, tracked.tracks) > 0.97
    last = tracked.drift.iloc[-1]
    assert (last["dy_px"], last["dx_px"]) == pytest.approx((37.0, -22.0), abs=2.0)
    assert any("jumps 1 time" in note for note in tracked.notes)
    loose = track_cells(walk.objects, settings=LinkSettings(drift=False))
    assert (loose.drift[["dy_px", "dx_px"]] == 0).all().all()


def test_the_same_table_gives_the_same_tracks_whatever_its_order() -> None:
    walk = walkers(miss=0.05, divide=0.01)
    one = track_cells(walk.objects)
    mixed = walk.objects.sample(frac=1, random_state=1)
    two = track_cells(mixed)
    pd.testing.assert_frame_equal(one.tracks, two.tracks)
    assert (two.objects["track_id"].sort_index() == one.objects["track_id"]).all()
    assert (two.objects.index == mixed.index).all()


def test_the_tracks_table_fits_the_objects() -> None:
    walk = walkers(miss=0.05, divide=0.02, seed=3)
    before = walk.objects.copy()
    tracked = track_cells(walk.objects)
    pd.testing.assert_frame_equal(walk.objects, before)
    spans = tracked.objects.groupby("track_id")["frame"].agg(["min", "max"])
    table = tracked.tracks.set_index("track_id")
    assert (spans["min"] == table["first_frame"]).all()
    assert (spans["max"] == table["last_frame"]).all()
    assert sorted(table.index) == list(range(1, len(table) + 1))
    born = table[table["parent_id"] > 0]
    assert (table.loc[born["parent_id"], "last_frame"].to_numpy() < born["first_frame"]).all()
    assert not tracked.objects.duplicated(["track_id", "frame"]).any()


def test_a_cell_seen_once_is_a_track() -> None:
    walk = walkers(cells=20)
    lone = walk.objects.iloc[[0]].assign(frame=10, label=999, y_px=2000.0, x_px=2000.0)
    tracked = track_cells(pd.concat([walk.objects, lone], ignore_index=True))
    row = tracked.tracks[tracked.tracks["track_id"] == tracked.objects["track_id"].iloc[-1]]
    assert row[["parent_id", "first_frame", "last_frame"]].to_numpy().tolist() == [[0, 10, 10]]


def test_one_frame_is_as_many_tracks_as_cells() -> None:
    tracked = track_cells(walkers(frames=1).objects)
    assert len(tracked.tracks) == 40
    assert (tracked.tracks["last_frame"] == 0).all()


def test_no_cell_is_no_track() -> None:
    tracked = track_cells(walkers(frames=1).objects.iloc[:0])
    assert tracked.tracks.empty
    assert "track_id" in tracked.objects
    assert tracked.notes == ("There is no cell to track.",)


def test_one_cell_is_one_track() -> None:
    walk = walkers(cells=1, frames=6)
    assert len(track_cells(walk.objects).tracks) == 1


def test_cells_link_across_an_empty_frame() -> None:
    walk = walkers(cells=20, side=600)
    kept = Walk(walk.objects[walk.objects["frame"] != 10].reset_index(drop=True), {})
    tracked = track_cells(kept.objects)
    assert link_score(kept, tracked.objects, tracked.tracks) == 1
    assert any("1 frame has no cell, the first is frame 10" in note for note in tracked.notes)
    cut = track_cells(kept.objects, settings=LinkSettings(max_gap_frames=0))
    assert (cut.tracks["last_frame"] != 19).sum() == 20


def test_no_link_is_longer_than_allowed() -> None:
    walk = walkers(step=4.0, miss=0.05)
    tracked = track_cells(walk.objects, settings=LinkSettings(max_distance_px=5.0, divisions=False))
    ordered = tracked.objects.sort_values(["track_id", "frame"]).groupby("track_id")
    steps = ordered[["y_px", "x_px", "frame"]].diff().dropna()
    assert (np.hypot(steps["y_px"], steps["x_px"]) <= 5.0 * steps["frame"] + 1e-9).all()


def test_positions_alone_are_enough() -> None:
    walk = walkers(cells=30)
    tracked = track_cells(walk.objects.drop(columns=["area_px", "true"]))
    assert link_score(walk, tracked.objects.assign(true=0), tracked.tracks) > 0.95


@pytest.mark.slow
def test_sixty_thousand_cells_in_a_frame() -> None:
    rng = np.random.default_rng(0)
    side = np.arange(245) * 30.0
    places = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)[:60_000]
    tables = [
        pd.DataFrame(
            {
                "frame": frame,
                "label": np.arange(1, 60_001),
                "y_px": places[:, 0] + rng.normal(0, 1.5, 60_000),
                "x_px": places[:, 1] + rng.normal(0, 1.5, 60_000),
                "area_px": 100.0,
            }
        )
        for frame in range(2)
    ]
    tracked = track_cells(pd.concat(tables, ignore_index=True))
    owner = tracked.objects["track_id"].to_numpy().reshape(2, -1)
    assert (owner[0] == owner[1]).mean() > 0.9999


def test_masks_that_overlap_decide() -> None:
    """Long cells that creep: their neighbours' centroids are nearer than their own."""
    labels = []
    for shift in (0, 14, 28):
        plane = np.zeros((60, 200), np.int32)
        for number in range(4):
            plane[5 + 13 * number : 15 + 13 * number, 20 + shift : 140 + shift] = number + 1
        labels.append(plane)
    objects = table_of(labels)
    tracked = track_cells(objects, labels=labels)
    assert (tracked.objects["track_id"] == objects["label"]).all()


def test_a_division_needs_two_daughters_as_large_as_their_mother() -> None:
    planes = []
    for frame in range(8):
        plane = np.zeros((120, 300), np.int32)
        plane[disc(plane.shape, 60, 240, 14)] = 3
        if frame < 4:
            plane[disc(plane.shape, 60, 60, 14)] = 1
        else:
            plane[disc(plane.shape, 49, 60, 10)] = 1
            plane[disc(plane.shape, 71, 60, 10)] = 2
        if frame >= 4:  # a cell as large as the other comes from somewhere: no division
            plane[disc(plane.shape, 60, 205, 14)] = 4
        planes.append(plane)
    tracked = track_cells(table_of(planes), labels=planes)
    daughters = tracked.tracks[tracked.tracks["parent_id"] > 0]
    assert daughters["first_frame"].tolist() == [4, 4]
    first = tracked.objects.set_index(["frame", "label"])["track_id"]
    assert set(daughters["track_id"]) == {first[4, 1], first[4, 2]}
    assert set(daughters["parent_id"]) == {first[0, 1]}
    assert first[0, 3] == first[7, 3]


def test_cells_hidden_in_one_mask_come_apart_as_themselves() -> None:
    planes = []
    for frame in range(9):
        plane = np.zeros((100, 160), np.int32)
        plane[disc(plane.shape, 50, 60, 12)] = 1
        plane[disc(plane.shape, 50, 85, 12)] = 1 if frame == 4 else 2
        planes.append(plane)
    tracked = track_cells(table_of(planes), labels=planes)
    first = tracked.objects.set_index(["frame", "label"])["track_id"]
    assert first[3, 1] == first[5, 1]
    assert first[3, 2] == first[5, 2]
    assert (tracked.tracks["parent_id"] == 0).all()
    assert tracked.merges.to_numpy().tolist() == [[4, 1, "1 2"]]
    assert any("1 mask covers two cells" in note for note in tracked.notes)


def test_guesses_are_called_so() -> None:
    tracked = track_cells(walkers(cells=200, step=12.0, side=250).objects)
    assert any("many links are guesses" in note for note in tracked.notes)


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    track_cells(walkers(frames=5).objects, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="x_px"), "no column x_px"),
        (lambda t: t.assign(y_px=np.nan), "have no position"),
        (lambda t: t.assign(frame=0.5), "frame of the objects table must be whole numbers"),
        (lambda t: t.assign(label=-1), "label of the objects table must be whole numbers"),
        (lambda t: t.assign(label="a"), "values not numbers"),
        (lambda t: t.assign(label=1, frame=0), "Label 1 comes twice in frame 0"),
    ],
)
def test_a_wrong_table_is_one_sentence(change: object, words: str) -> None:
    table = walkers(cells=3, frames=2).objects
    with pytest.raises(TrackError, match=words):
        track_cells(change(table))  # type: ignore[operator]


def test_label_images_must_be_there_and_of_one_size() -> None:
    planes = [np.zeros((40, 40), np.int32), np.zeros((40, 41), np.int32)]
    for plane in planes:
        plane[10:20, 10:20] = 1
    table = table_of(planes)
    with pytest.raises(TrackError, match="40×41 where the one before is 40×40"):
        track_cells(table, labels=planes)
    with pytest.raises(TrackError, match="cell in frame 1, but there are 1 label images"):
        track_cells(table, labels=planes[:1])
    with pytest.raises(TrackError, match="labels are whole numbers"):
        track_cells(table, labels=[plane.astype(float) for plane in planes])


@pytest.mark.parametrize(
    "wrong", [{"max_gap_frames": -1}, {"max_distance_px": 0.0}, {"border_px": float("nan")}]
)
def test_wrong_settings_are_one_sentence(wrong: dict[str, float]) -> None:
    with pytest.raises(TrackError, match=next(iter(wrong))):
        LinkSettings(**wrong)  # type: ignore[arg-type]
