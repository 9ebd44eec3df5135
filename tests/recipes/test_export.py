import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.io.exchange.movie import ExchangeError, TrackedMovie, locate_cells
from softlight.io.exchange.run_folder import read_run
from softlight.io.exchange.trackmate_read import read_trackmate
from softlight.io.labels import write_labels
from softlight.recipes.analysis.analyze import analyze
from softlight.recipes.export import export

FRAMES = np.zeros((3, 12, 16), np.int32)
FRAMES[0, 2:6, 2:6] = 3
FRAMES[1, 2:6, 2:4], FRAMES[1, 2:6, 5:7] = 1, 2
FRAMES[2, 3:6, 2:4], FRAMES[2, 3:6, 6:8] = 1, 2
TRACKS = [(1, 0, 0, 0), (2, 1, 1, 2), (3, 1, 1, 2)]


def write_run(folder: Path, *names: str, tracked: bool = True) -> Path:
    """A run folder as an analysis writes it."""
    for name in names:
        write_labels(folder / "labels" / f"{name}.tif", FRAMES)
    if tracked:
        objects = locate_cells(list(FRAMES)).assign(track_id=[1, 2, 3, 2, 3])
        tracks = pd.DataFrame(
            TRACKS, columns=["track_id", "parent_id", "first_frame", "last_frame"]
        )
        for table, rows in (("objects", objects), ("tracks", tracks)):
            parts = [rows.assign(movie=name) for name in names]
            whole = rows if len(names) == 1 else pd.concat(parts)
            whole.to_csv(folder / f"{table}.csv", index=False)
    files = [
        {
            "name": name,
            "labels": f"labels/{name}.tif",
            "pixel_size_um": 0.5,
            "frame_interval_min": 6,
        }
        for name in names
    ]
    (folder / "run.json").write_text(json.dumps({"files": files}))
    return folder


def test_one_movie_becomes_one_file(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    (done,) = export(run, "trackmate", tmp_path / "a.xml")
    assert done.line() == f"a: 3 frames, 5 cells, 3 tracks → {tmp_path / 'a.xml'}"
    back = read_trackmate(tmp_path / "a.xml")
    assert back.tracks is not None
    assert back.tracks.to_numpy().tolist() == [list(row) for row in TRACKS]
    assert (back.pixel_size_um, back.frame_interval_min) == (0.5, 6)


def test_several_movies_become_a_folder(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a", "b")
    done = export(run, "roi", tmp_path / "out")
    assert [item.path.name for item in done] == ["a.zip", "b.zip"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.zip", "b.zip"]
    (one,) = export(run, "roi", tmp_path / "b.zip", movie="b")
    assert one.name == "b"


def test_a_file_comes_back_as_a_run_folder(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    export(run, "geff", tmp_path / "a.zarr")
    export(tmp_path / "a.zarr", "csv", tmp_path / "back")
    before, after = read_run(run), read_run(tmp_path / "back")
    assert before.tracks is not None
    assert after.tracks is not None
    pd.testing.assert_frame_equal(after.tracks, before.tracks)
    np.testing.assert_array_equal(np.stack(list(after.labels or [])), FRAMES)


def test_sizes_given_override_those_of_the_source(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    export(run, "csv", tmp_path / "out", pixel_size_um=2, frame_interval_min=9)
    facts = json.loads((tmp_path / "out" / "movie.json").read_text())
    assert (facts["pixel_size_um"], facts["frame_interval_min"]) == (2, 9)
    with pytest.raises(ExchangeError, match="pixel_size_um=0 is not a size"):
        export(run, "csv", tmp_path / "x", pixel_size_um=0)


def test_columns_of_another_pixel_size_are_made_again_or_left_out(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    objects = pd.read_csv(run / "objects.csv")
    objects.assign(y_um=1.0, perimeter_um=2.0).to_csv(run / "objects.csv", index=False)
    (done,) = export(run, "csv", tmp_path / "out", pixel_size_um=2)
    assert "perimeter_um were of another pixel size" in done.notes[0]
    table = pd.read_csv(tmp_path / "out" / "objects.csv")
    assert (table["y_um"] == 2 * table["y_px"]).all()
    assert "perimeter_um" not in table


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    wrong = FRAMES.copy()
    wrong[2] = 0
    write_labels(run / "labels" / "a.tif", wrong)
    for to in ("ctc", "csv"):
        with pytest.raises(ExchangeError, match="cell 1 of frame 2 is in the table but not in"):
            export(run, to, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    (tmp_path / "out").mkdir()
    export(run, "napari", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_label_images_alone(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", FRAMES)
    (done,) = export(tmp_path / "a.tif", "ome-zarr", tmp_path / "a.ome.zarr", ome_zarr="0.4")
    assert (done.cells, done.tracks) == (5, None)
    assert (tmp_path / "a.ome.zarr" / ".zattrs").is_file()
    with pytest.raises(ExchangeError, match=r"has no tracks.*softlight analyze"):
        export(tmp_path / "a.tif", "ctc", tmp_path / "ctc")
    folder = tmp_path / "frames"
    for t, frame in enumerate(FRAMES):
        folder.mkdir(exist_ok=True)
        tifffile.imwrite(folder / f"t{t}.tif", frame)
    (done,) = export(folder, "coco", tmp_path / "a.json")
    assert (done.frames, done.cells) == (3, 5)


def test_a_run_that_only_segmented(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a", tracked=False)
    (done,) = export(run, "geojson", tmp_path / "a.geojson")
    assert (done.cells, done.tracks) == (5, None)
    with pytest.raises(ExchangeError, match="a has no tracks"):
        export(run, "trackmate", tmp_path / "a.xml")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    with pytest.raises(ExchangeError, match="is there already; give --out another name"):
        export(run, "csv", run)
    (tmp_path / "a.xml").write_text("mine")
    with pytest.raises(ExchangeError, match="is there already"):
        export(run, "trackmate", tmp_path / "a.xml")
    assert (tmp_path / "a.xml").read_text() == "mine"


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    with pytest.raises(ExchangeError, match="no format 'avi'"):
        export(run, "avi", tmp_path / "x")
    with pytest.raises(ExchangeError, match="has no movie 'z'; it has a"):
        export(run, "roi", tmp_path / "x", movie="z")
    write_labels(tmp_path / "a.tif", FRAMES)
    with pytest.raises(ExchangeError, match="is one movie; only run folders"):
        export(tmp_path / "a.tif", "roi", tmp_path / "x", movie="a")
    with pytest.raises(ExchangeError, match="does not exist"):
        export(tmp_path / "none", "roi", tmp_path / "x")
    with pytest.raises(ValueError, match="is no Challenge result"):
        export(run, "roi", tmp_path / "x", source_format="ctc")


def test_the_command_prints_what_was_written_and_what_was_lost(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    out = str(tmp_path / "out")
    result = CliRunner().invoke(app, ["export", str(run), "--to", "ctc", "--out", out])
    assert result.exit_code == 0
    assert result.stdout == f"a: 3 frames, 5 cells, 3 tracks → {out}\n"
    assert "Note: The pixel size" in result.stderr


def test_movies_are_not_changed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "a")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for number, to in enumerate(("ctc", "geff", "napari", "parquet")):
        export(run, to, tmp_path / f"out{number}")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert isinstance(replace(read_run(run), name="b"), TrackedMovie)


def test_a_run_in_which_all_failed_has_nothing_to_hand_over(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0nothing")
    write_labels(tmp_path / "labels.tif", FRAMES)
    found = analyze([tmp_path / "a.tif"], tmp_path / "labels.tif", tmp_path / "run")
    assert len(found.failed) == 1
    with pytest.raises(ExchangeError, match=r"No position of .*run is finished.*positions.csv"):
        export(tmp_path / "run", "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()
