from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.io.exchange.compare import same_tracks

from softlight.io.exchange.checks import checked_frames, ready
from softlight.io.exchange.lineage import links, roots, tracks_from_links
from softlight.io.exchange.movie import ExchangeError, TrackedMovie


def changed(table, column, row, value):
    copy = table.astype({column: object})
    copy.loc[row, column] = value
    return copy


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("y_px", np.nan, "cell 5 of frame 0 has no position"),
        ("x_px", "left", "has no position"),
        ("frame", 9, "speaks of frame 9, but the movie has frames 0 to 4"),
        ("frame", -1, "speaks of frame -1"),
        ("frame", 0.5, "frame is 0.5 in row 1 of the table"),
        ("label", 0, "label 0 is out of range"),
        ("label", 2**31, "label 2147483648 is out of range"),
        ("label", 6, "frame 0 has two cells with the label 6"),
        ("track_id", 4, "frame 0 has two cells of track 4"),
        ("track_id", 77, "track 77, which is not in the table of tracks"),
        ("track_id", np.nan, "track_id is nan in row 1"),
    ],
)
def test_cells_that_cannot_be(tracked, column, value, message):
    wrong = replace(tracked, objects=changed(tracked.objects, column, 0, value))
    with pytest.raises(ExchangeError, match=message):
        ready(wrong)


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("parent_id", 0, 99, "track 1 has the parent 99, which is no track"),
        ("parent_id", 0, 1, r"run in a circle \(1 → 1\)"),
        ("parent_id", 0, 2, r"run in a circle \(1 → 2 → 1\)"),
        ("parent_id", 1, 5, "its parent 5 is there until frame 4"),
        ("last_frame", 0, 3, "said to span frames 0 to 3, but its cells span 0 to 1"),
        ("track_id", 5, 1, "its own number"),
        ("track_id", 5, 12, "cells name track 6"),
        ("first_frame", 0, None, "first_frame is None in row 1"),
    ],
)
def test_tracks_that_cannot_be(tracked, column, row, value, message):
    wrong = replace(tracked, tracks=changed(tracked.tracks, column, row, value))
    with pytest.raises(ExchangeError, match=message):
        ready(wrong)


def test_a_track_without_cells(tracked):
    extra = pd.concat([tracked.tracks, tracked.tracks.iloc[:1].assign(track_id=50)])
    with pytest.raises(ExchangeError, match="track 50 has no cell"):
        ready(replace(tracked, tracks=extra))


def test_what_is_lacking_is_named(tracked, masks_only):
    with pytest.raises(ExchangeError, match=r"has no tracks.*softlight analyze"):
        ready(masks_only, tracks=True)
    with pytest.raises(ExchangeError, match="positions but no masks"):
        ready(replace(tracked, labels=None), masks=True)
    with pytest.raises(ExchangeError, match="neither masks nor a table"):
        ready(TrackedMovie(name="x"))
    with pytest.raises(ExchangeError, match="needs a column y_px"):
        ready(replace(tracked, objects=tracked.objects.drop(columns="y_px")))
    with pytest.raises(ExchangeError, match="needs a column track_id"):
        ready(replace(tracked, objects=tracked.objects.drop(columns="track_id")))


def test_masks_and_table_must_speak_of_the_same_cells(tracked):
    fewer = replace(tracked, objects=tracked.objects.iloc[1:], tracks=None)
    with pytest.raises(ExchangeError, match="cell 5 of frame 0 is in the masks but not in"):
        list(checked_frames(ready(fewer)))
    gone = [np.zeros_like(tracked.labels[0]), *tracked.labels[1:]]
    with pytest.raises(ExchangeError, match="cell 5 of frame 0 is in the table but not in"):
        list(checked_frames(ready(replace(tracked, labels=gone))))
    ragged = [tracked.labels[0], tracked.labels[1][:5]]
    with pytest.raises(ExchangeError, match="one size"):
        list(checked_frames(TrackedMovie(name="x", labels=ragged, objects=tracked.objects[:4])))


def test_nothing_is_changed_in_place(tracked):
    before = tracked.objects.copy(), tracked.tracks.copy()
    ready(tracked)
    pd.testing.assert_frame_equal(tracked.objects, before[0])
    pd.testing.assert_frame_equal(tracked.tracks, before[1])


def test_cells_in_masks_are_located(masks_only):
    found = ready(masks_only).objects
    row = found[(found["frame"] == 0) & (found["label"] == 5)].iloc[0]
    assert (row["y_px"], row["x_px"], row["area_px"]) == (4.5, 12, 20)
    assert (row["y_um"], row["area_um2"]) == pytest.approx((4.5 * 0.65, 20 * 0.65**2))


def test_tracks_become_links_and_links_tracks(tracked):
    movie = ready(tracked)
    edges = links(movie.objects, movie.tracks)
    assert len(edges) == 12 + 2  # along the tracks, and to the two daughters
    frames = movie.objects["frame"].to_numpy()
    assert (frames[edges[:, 0]] < frames[edges[:, 1]]).all()
    track, tracks, notes = tracks_from_links(
        frames, edges[:, ::-1], name="x", wanted=movie.objects["track_id"].to_numpy()
    )
    same_tracks(tracks, movie.tracks)
    assert notes == ()
    fresh, anew, _ = tracks_from_links(frames, edges, name="x")
    pairs = set(zip(fresh.tolist(), track.tolist(), strict=True))
    assert len(pairs) == len(tracks) == len(anew)
    assert sorted(anew["parent_id"].value_counts().tolist()) == [2, 5]


def test_links_that_no_tree_can_hold():
    frames = np.array([0, 0, 1, 2])
    track, _, notes = tracks_from_links(frames, [[0, 2], [1, 2], [2, 3]], name="x")
    assert track.tolist() in ([1, 2, 1, 1], [2, 1, 2, 2])
    assert "Of cells that come from more than one cell (1, merges)" in notes[0]
    with pytest.raises(ExchangeError, match="joins two cells of frame 0"):
        tracks_from_links(frames, np.array([[0, 1]]), name="x")
    with pytest.raises(ExchangeError, match="names a cell that is not there"):
        tracks_from_links(frames, np.array([[0, 9]]), name="x")
    _, _, notes = tracks_from_links(
        frames, np.array([[0, 2]]), name="x", wanted=np.array([1, 1, 1, 2])
    )
    assert "numbered anew" in notes[0]


def test_no_cells_have_no_tracks():
    none = np.zeros(0, np.int64)
    track, tracks, _ = tracks_from_links(none, none.reshape(0, 2), name="x")
    assert len(track) == len(tracks) == 0
    assert len(links(pd.DataFrame({"frame": none, "track_id": none}), tracks)) == 0


def test_families(tracked):
    assert roots(tracked.tracks) == {1: 1, 2: 1, 3: 1, 4: 4, 5: 5, 6: 6, 7: 7}
