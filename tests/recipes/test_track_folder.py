import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.track.walkers import disc
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.config import ConfigError
from softlight.io.ctc import read_ctc_result
from softlight.io.errors import ImageError
from softlight.io.labels import read_labels, write_labels
from softlight.recipes.analysis.analyze import analyze
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.track_folder import track_folder
from softlight.track.settings import LinkSettings


def _stack() -> np.ndarray:
    planes = np.zeros((8, 90, 140), np.int32)
    for frame, plane in enumerate(planes):
        plane[disc(plane.shape, 45, 30 + frame, 10)] = 1 + frame % 3
        plane[disc(plane.shape, 45, 51 + frame, 10) & (plane == 0)] = 7
        if frame < 4:
            plane[disc(plane.shape, 45, 110, 14)] = 9
        else:
            plane[disc(plane.shape, 34, 110, 10)] = 9
            plane[disc(plane.shape, 56, 110, 10)] = 10
    planes[2][planes[2] == 7] = 3  # merged in this frame only
    return planes


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    write_labels(tmp_path / "cells.tif", _stack())
    return tmp_path / "cells.tif"


def test_a_stack_becomes_tables_and_a_challenge_result(stack: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = track_folder(stack, out, frame_interval_min=10, pixel_size_um=0.5)
    assert found.line() == (
        "cells: 8 frames, 28 cells in 5 tracks, 1 division, "
        "2 tracks from the first frame to the last, 1 repair"
    )
    tracks = pd.read_csv(out / "tracks.csv")
    assert (tracks["parent_id"] > 0).sum() == 2
    objects = pd.read_parquet(out / "objects.parquet")
    assert {"track_id", "area_um2", "y_px"} <= set(objects)
    assert pd.read_csv(out / "divisions.csv")["time_min"].tolist() == [30.0]
    assert pd.read_csv(out / "edits.csv")["frame"].tolist() == [2]
    result = read_ctc_result(out / "01_RES")
    assert len(result.tracks) == 5
    for frame, mask in enumerate(result.masks):
        rows = objects[objects["frame"] == frame]
        assert set(np.unique(read_labels(mask))) - {0} == set(rows["track_id"])
    run = json.loads((out / "run.json").read_text())
    (family,) = (out / "lineage.nwk").read_text().splitlines()
    assert family.count(",") == 1
    assert family.endswith(f"){tracks['parent_id'].max()}:4;")
    assert run["frames"] == 8
    assert run["learned"]["step_px"] > 0


@pytest.mark.parametrize("layout", ["frames", "01_RES", "01_GT/TRA", "01_GT", "run"])
def test_labels_lie_in_many_ways(layout: str, stack: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in" / layout
    inner = (
        folder / "TRA" if layout == "01_GT" else folder / "labels" if layout == "run" else folder
    )
    inner.mkdir(parents=True)
    if layout == "run":
        stack.rename(inner / "cells.tif")
    elif layout == "frames":
        for frame, plane in enumerate(_stack()):
            tifffile.imwrite(inner / f"t{frame:03d}.tif", plane.astype(np.uint16))
    else:
        prefix, table = ("mask", "res") if layout == "01_RES" else ("man_track", "man")
        for frame, plane in enumerate(_stack()):
            tifffile.imwrite(inner / f"{prefix}{frame:03d}.tif", plane.astype(np.uint16))
        (inner / f"{table}_track.txt").write_text("7 0 7 0\n")
    found = track_folder(folder, tmp_path / "out", mend=False)
    assert found.frames == 8
    assert len(found.tracked.objects) == 27
    assert found.edits.empty


def test_a_result_is_not_written_among_its_labels(stack: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    moved = stack.rename(folder / "cells.tif")
    with pytest.raises(ValueError, match="give --out another folder"):
        track_folder(moved, tmp_path)
    assert moved.is_file()


def test_another_run_is_not_mixed_in(stack: Path, tmp_path: Path) -> None:
    track_folder(stack, tmp_path / "out")
    other = stack.rename(tmp_path / "other.tif")
    with pytest.raises(ImageError, match="holds another run"):
        track_folder(other, tmp_path / "out")


def test_a_frame_missing_in_the_middle_is_a_gap(stack: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for frame, plane in enumerate(_stack()):
        if frame != 5:
            tifffile.imwrite(folder / f"dish_t{frame:03d}.tif", plane.astype(np.uint16))
    out = tmp_path / "out"
    found = track_folder(folder, out)
    assert found.frames == 8
    assert "1 frame of dish is missing (5, counted from 0)" in found.notes[0]
    assert not any("no cell" in note for note in found.notes)
    objects = pd.read_csv(out / "objects.csv")
    assert sorted(objects["frame"].unique()) == [0, 1, 2, 3, 4, 6, 7]
    tracks = pd.read_csv(out / "tracks.csv")
    assert sorted(tracks["last_frame"]) == [3, 7, 7, 7, 7]  # followed across the gap
    masks = read_ctc_result(out / "01_RES").masks
    assert len(masks) == 8
    assert not read_labels(masks[5]).any()
    assert json.loads((out / "run.json").read_text())["missing"] == [5]


def test_what_is_not_mended_is_told_and_both_verbs_say_the_same(tmp_path: Path) -> None:
    planes = _stack()[:, :, :100]
    planes[2] = _stack()[1, :, :100]
    planes[5][45, :][planes[5][45, :] == 7] = 0  # a cell in halves in this frame only
    planes[5][46:, :][planes[5][46:, :] == 7] = 12
    write_labels(tmp_path / "cells.tif", planes)
    tifffile.imwrite(tmp_path / "images.tif", (planes > 0).astype(np.uint8) * 200)
    labels, images = tmp_path / "cells.tif", tmp_path / "images.tif"
    for mend, divisions in ((True, 0), (False, 1)):
        tracked = track_folder(labels, tmp_path / f"tracked{mend}", mend=mend)
        settings = AnalyzeSettings(repair=mend)
        found = analyze([images], labels, tmp_path / f"analysed{mend}", settings=settings)
        record = found.positions[0].record
        assert record["summary"]["tracks"] == len(tracked.tracked.tracks)
        assert record["summary"]["divisions"] == len(tracked.divisions) <= divisions
        assert record["summary"]["edits"] == len(tracked.edits) == int(mend)
        for notes in (tracked.notes, record["warnings"]):
            told = [note for note in notes if "1 cell split in one frame only" in note]
            assert len(told) == int(not mend)
            assert all("the first in frame 5" in note for note in told)


def test_names_tell_the_interval(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for frame, plane in enumerate(_stack()):
        tifffile.imwrite(folder / f"a_00d00h{frame * 7:02d}m.tif", plane.astype(np.uint16))
    track_folder(folder, tmp_path / "out")
    assert pd.read_csv(tmp_path / "out" / "divisions.csv")["time_min"].tolist() == [21.0]
    found = track_folder(folder, tmp_path / "out2", frame_interval_min=10)
    assert "say 7 min between frames, and 10 min was given" in found.notes[0]
    assert pd.read_csv(tmp_path / "out2" / "divisions.csv")["time_min"].tolist() == [30.0]


def test_a_finished_run_is_not_overwritten(stack: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    track_folder(stack, out)
    before = (out / "tracks.csv").read_bytes()
    track_folder(stack, out)  # the same once more
    other = tmp_path / "other" / "cells.tif"
    write_labels(other, _stack()[:5])
    with pytest.raises(ValueError, match=r"begun with another labels, labels_sha256.*--out"):
        track_folder(other, out)
    with pytest.raises(ValueError, match="begun with another max_gap_frames"):
        track_folder(stack, out, settings=LinkSettings(max_gap_frames=1))
    (out / "analysis.json").unlink()
    with pytest.raises(ImageError, match="holds another run; give --out a new folder"):
        track_folder(stack, out)
    assert (out / "tracks.csv").read_bytes() == before


@pytest.mark.parametrize("value", [0.0, -3.0, float("nan"), float("inf")])
def test_impossible_sizes_stop_before_anything_is_written(
    stack: Path, tmp_path: Path, value: float
) -> None:
    with pytest.raises(ConfigError, match=r"interval between frames is .* must be above 0"):
        track_folder(stack, tmp_path / "out", frame_interval_min=value)
    with pytest.raises(ConfigError, match=r"pixel size is .* must be above 0"):
        track_folder(stack, tmp_path / "out", pixel_size_um=value)
    assert not (tmp_path / "out").exists()


def test_frames_of_two_sizes_are_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "01_RES"
    folder.mkdir()
    for frame, width in enumerate((30, 31)):
        plane = np.ones((20, width), np.uint16)
        tifffile.imwrite(folder / f"mask{frame:03d}.tif", plane)
    (folder / "res_track.txt").write_text("1 0 1 0\n")
    with pytest.raises(ImageError, match="Frame 1 is 20×31 where the first is 20×30"):
        track_folder(folder, tmp_path / "out")


def test_no_cell_at_all(tmp_path: Path) -> None:
    write_labels(tmp_path / "empty.tif", np.zeros((3, 20, 20), np.int32))
    found = track_folder(tmp_path / "empty.tif", tmp_path / "out")
    assert found.tracked.tracks.empty
    assert found.tracked.notes == ("There is no cell to track.",)


def test_the_verb_prints_what_it_found(stack: Path, tmp_path: Path) -> None:
    words = ["track", "--labels", str(stack), "--out", str(tmp_path / "out")]
    plain = CliRunner().invoke(app, words)
    assert plain.exit_code == 0, plain.output
    assert "28 cells in 5 tracks" in plain.output
    counts = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert counts["tracks"] == 5
    assert counts["divisions"] == counts["repairs"] == 1
