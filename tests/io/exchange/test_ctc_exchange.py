from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from ctc_metrics import evaluate_sequence
from ctc_metrics.scripts.validate import validate_sequence
from tests.io.exchange.compare import by_track, same_masks, same_tracks

from softlight.io.ctc import ImageError, write_ctc_result
from softlight.io.exchange.ctc import read_ctc, write_ctc


def test_round_trip(tmp_path, tracked):
    notes = write_ctc(tmp_path / "01_RES", tracked)
    assert any("1 gaps" in note for note in notes)
    back = read_ctc(tmp_path / "01_RES")
    same_tracks(back.tracks, tracked.tracks)
    same_masks(by_track(back), by_track(tracked))
    assert "Tracks that go on after a gap in their only parent (1)" in back.notes[0]
    assert tifffile.imread(tmp_path / "01_RES" / "mask000.tif").dtype == np.uint16


def test_the_gap_is_a_new_track_with_one_parent(tmp_path, tracked):
    write_ctc(tmp_path, tracked)
    lines = (tmp_path / "res_track.txt").read_text().splitlines()
    assert "4 0 0 0" in lines
    assert "8 2 3 4" in lines


@pytest.mark.filterwarnings("ignore")
def test_py_ctcmetrics_calls_it_valid_and_perfect_against_itself(tmp_path, tracked, capfd):
    folder = tmp_path / "01_RES"
    write_ctc(folder, tracked)
    assert validate_sequence(str(folder), threads=1) == {"Valid": 1}
    truth = tmp_path / "01_GT" / "TRA"
    truth.mkdir(parents=True)
    for file in folder.glob("mask*.tif"):
        (truth / file.name.replace("mask", "man_track")).write_bytes(file.read_bytes())
    (truth / "man_track.txt").write_bytes((folder / "res_track.txt").read_bytes())
    scores = evaluate_sequence(
        str(folder), str(tmp_path / "01_GT"), metrics=["Valid", "TRA", "DET", "LNK"], threads=1
    )
    assert (scores["Valid"], scores["TRA"], scores["DET"], scores["LNK"]) == (1, 1, 1, 1)


def test_the_real_truth_is_read_and_written_again(tmp_path, real_data):
    folder = real_data / "ctc" / "Fluo-N2DH-SIM+" / "01_GT" / "TRA"
    for frame in range(40, 44):
        name = tmp_path / f"man_track{frame - 40:03d}.tif"
        name.symlink_to(folder / f"man_track{frame:03d}.tif")
    lines = [line.split() for line in (folder / "man_track.txt").read_text().splitlines()]
    there = {row[0]: row for row in lines if int(row[2]) >= 40 and int(row[1]) < 44}
    table = "".join(
        f"{label} {max(int(first), 40) - 40} {min(int(last), 43) - 40} "
        f"{parent if parent in there and int(first) >= 40 else 0}\n"
        for label, first, last, parent in there.values()
    )
    (tmp_path / "man_track.txt").write_text(table)
    movie = read_ctc(tmp_path)
    write_ctc(tmp_path / "out", movie)
    back = read_ctc(tmp_path / "out")
    same_masks(back.labels, movie.labels)
    same_tracks(back.tracks, movie.tracks)
    assert len(movie.tracks) == len(there) > 30


def test_large_track_numbers_are_made_small(tmp_path, tracked):
    shift = 100_000
    moved = replace(
        tracked,
        objects=tracked.objects.assign(track_id=tracked.objects["track_id"] + shift),
        tracks=tracked.tracks.assign(
            track_id=tracked.tracks["track_id"] + shift,
            parent_id=tracked.tracks["parent_id"].where(
                tracked.tracks["parent_id"] == 0, tracked.tracks["parent_id"] + shift
            ),
        ),
    )
    notes = write_ctc(tmp_path, moved)
    assert any("numbered anew" in note for note in notes)
    back = read_ctc(tmp_path)
    same_tracks(back.tracks, tracked.tracks)
    same_masks(by_track(back), by_track(tracked))


def test_a_daughter_of_a_track_with_a_gap(tmp_path):
    labels = [np.full((2, 2), label, np.int32) for label in (1, 0, 1, 0)]
    labels[3][0, 0], labels[3][1, 1] = 2, 3
    objects = pd.DataFrame(
        [(0, 1, 0.5, 0.5, 1), (2, 1, 0.5, 0.5, 1), (3, 2, 0, 0, 2), (3, 3, 1, 1, 3)],
        columns=["frame", "label", "y_px", "x_px", "track_id"],
    )
    tracks = pd.DataFrame(
        [(1, 0, 0, 2), (2, 1, 3, 3), (3, 1, 3, 3)],
        columns=["track_id", "parent_id", "first_frame", "last_frame"],
    )
    from softlight.io.exchange.movie import TrackedMovie

    write_ctc(tmp_path, TrackedMovie(name="x", labels=labels, objects=objects, tracks=tracks))
    assert (tmp_path / "res_track.txt").read_text() == "1 0 0 0\n2 3 3 4\n3 3 3 4\n4 2 2 1\n"
    same_tracks(read_ctc(tmp_path).tracks, tracks)


def test_names_sort_as_the_frames_do(tmp_path):
    with pytest.raises(ImageError, match="masks of 1 frames where 1001 were announced"):
        write_ctc_result(tmp_path, labels=[np.zeros((1, 1), np.int32)], frames=1001, tracks=[])
    assert [path.name for path in tmp_path.iterdir()] == ["mask0000.tif"]


def test_an_empty_movie_says_that_it_is_invalid(tmp_path, tracked):
    empty = replace(
        tracked,
        labels=[np.zeros((3, 3), np.int32)] * 2,
        objects=tracked.objects.iloc[:0],
        tracks=tracked.tracks.iloc[:0],
    )
    assert any("calls an empty result invalid" in note for note in write_ctc(tmp_path, empty))
    assert len(read_ctc(tmp_path).tracks) == 0


def test_damaged_folders(tmp_path, tracked):
    write_ctc(tmp_path, tracked)
    table = tmp_path / "res_track.txt"
    whole = table.read_text()
    for text, message in (
        (whole + "50 0 9 0\n", "goes on to frame 9, but the masks end with frame 4"),
        (whole + "50 0 1 0\n", "track 50 has no cell"),
        (whole.replace("1 0 1 0", "1 0 0 0"), "said to span frames 0 to 0"),
        (whole.replace("1 0 1 0\n", "").replace(" 1\n", " 0\n"), "cells name track 1"),
        (whole.replace("1 0 1 0", "1 0 1"), "not four whole numbers"),
    ):
        table.write_text(text)
        with pytest.raises(ImageError, match=message):
            read_ctc(tmp_path)
    table.write_text(whole)
    (tmp_path / "mask002.tif").unlink()
    with pytest.raises(ImageError, match=r"lacks mask002\.tif, and 4 other frames"):
        read_ctc(tmp_path)
    table.unlink()
    with pytest.raises(ImageError, match="is no Challenge result"):
        read_ctc(tmp_path)
