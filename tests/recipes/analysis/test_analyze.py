import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import bright_segmenter

from softlight.io.images import open_movie
from softlight.io.labels import open_label_movie, write_labels
from softlight.recipes.analysis import analyze as room
from softlight.recipes.analysis.analyze import TABLES, Analysis, analyze
from softlight.recipes.analysis.charts import _without_way
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.divide import Options
from softlight.recipes.segment import Reading
from softlight.track.settings import LinkSettings

OF_CELLS = [name for name in TABLES if name != "classes"]  # which a model of cells has not
DARK, BRIGHT = 20, 200
SIDE = 64
PLAIN = AnalyzeSettings(options=Options())  # no OME-Zarr
TIMED = AnalyzeSettings(options=Options(), reading=Reading(pixel_size_um=0.5, interval_min=30))


@pytest.fixture(autouse=True)
def _no_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes seconds; one test looks at the page."""
    if "with_report" not in request.keywords:
        monkeypatch.setattr(room, "analysis_page", lambda out, *_, **__: out / "report.html")


def frame(*centres: tuple[float, float], radius: float = 5) -> np.ndarray:
    """Bright discs at (row, column)."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    image = np.full((SIDE, SIDE), DARK, np.uint8)
    for row, column in centres:
        image[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = BRIGHT
    return image


def walking(frames: int = 6) -> np.ndarray:
    """Two cells that walk to the right by 2 px a frame, and one that stands."""
    return np.stack([frame((12, 10 + 2 * t), (32, 10 + 2 * t), (50, 40)) for t in range(frames)])


def write(path: Path, images: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path, images, photometric="minisblack", metadata={"axes": "TYX"[-images.ndim :]}
    )
    return path


def run(inputs: list[Path], out: Path, **options: object) -> Analysis:
    values: dict[str, object] = {"settings": PLAIN}
    return analyze(inputs, bright_segmenter(), out, **(values | options))  # type: ignore[arg-type]


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.csv")


def test_a_movie_becomes_a_run_folder(tmp_path: Path) -> None:
    movie = write(tmp_path / "dish.tif", walking())
    told: list[tuple[str, int, int]] = []
    found = run([movie], tmp_path / "out", settings=TIMED, progress=lambda *now: told.append(now))
    out = tmp_path / "out"
    assert told == [("dish", t, 6) for t in range(1, 7)]
    for name in (*OF_CELLS, "positions"):
        text = pd.read_csv(out / f"{name}.csv", keep_default_na=False, na_values=[""])
        binary = pd.read_parquet(out / f"{name}.parquet").replace("", np.nan)
        pd.testing.assert_frame_equal(text, binary, check_dtype=False)
    assert len(open_label_movie(out / "labels" / "dish.tif")) == 6
    objects = table(out, "objects")
    assert len(objects) == 18
    assert "movie" not in objects
    assert (objects["area_um2"] == objects["area_px"] / 4).all()
    tracks = table(out, "tracks")
    assert tracks.drop(columns="track_id").to_numpy().tolist() == [[0, 0, 5]] * 3
    kinetics = table(out, "kinetics")
    speeds = np.sort(kinetics["mean_speed_um_per_min"])
    assert speeds == pytest.approx([0, 1 / 30, 1 / 30], abs=1e-4)
    population = table(out, "population")
    assert population["count"].tolist() == [3] * 6
    assert population["time_h"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    record = json.loads((out / "run.json").read_text())
    assert record["model"] == "bright"
    assert record["settings"]["reading"]["interval_min"] == 30
    (one,) = record["files"]
    assert (one["frames"], one["frame_interval_min"], one["labels"]) == (6, 30, "labels/dish.tif")
    assert len(one["inputs"][str(movie)]) == 64
    row = found.table.iloc[0]
    assert (row["position"], row["status"], row["cells_first"], row["tracks"]) == (
        "dish",
        "done",
        3,
        3,
    )
    assert found.positions[0].line() == (
        "dish: 6 frames, 3 to 3 cells, 3 tracks, 0 divisions; "
        "count: no growth seen (if it doubles, in 2.7 h or more); "
        "confluence: no growth seen (if it doubles, in 2.7 h or more)"
    )


def test_without_an_interval_times_are_frames(tmp_path: Path) -> None:
    run([write(tmp_path / "a.tif", walking())], tmp_path / "out")
    assert "time_h" not in table(tmp_path / "out", "population")
    assert "mean_speed_px_per_frame" in table(tmp_path / "out", "kinetics")
    assert "growth_rate_per_frame" in table(tmp_path / "out", "growth")


def test_images_and_labels_go_to_ome_zarr_together(tmp_path: Path) -> None:
    run([write(tmp_path / "a.tif", walking(2))], tmp_path / "out", settings=AnalyzeSettings())
    path = tmp_path / "out" / "ome-zarr" / "a.ome.zarr"
    np.testing.assert_array_equal(open_movie(path).frame(1), walking(2)[1])
    assert len(np.unique(open_label_movie(path)[1])) == 4


def test_one_frame(tmp_path: Path) -> None:
    found = run([write(tmp_path / "a.tif", frame((20, 20), (40, 40)))], tmp_path / "out")
    assert found.positions[0].line() == "a: 2 cells"
    assert len(table(tmp_path / "out", "tracks")) == 2
    assert np.isnan(found.table.loc[0, "count_growth_rate_per_frame"])


def test_no_cells(tmp_path: Path) -> None:
    found = run([write(tmp_path / "a.tif", np.stack([frame()] * 4))], tmp_path / "out")
    assert found.failed == ()
    assert "No cell was found in a." in found.positions[0].record["warnings"][0]
    assert table(tmp_path / "out", "population")["count"].tolist() == [0, 0, 0, 0]
    for name in ("objects", "tracks", "kinetics"):
        assert table(tmp_path / "out", name).empty
        assert "track_id" in table(tmp_path / "out", name)


def test_cells_in_one_frame_only(tmp_path: Path) -> None:
    movie = np.stack([frame(), frame((20, 20), (40, 40)), frame(), frame()])
    found = run([write(tmp_path / "a.tif", movie)], tmp_path / "out")
    assert found.positions[0].line().startswith("a: 4 frames, 0 to 0, at most 2 cells, 2 tracks")
    tracks = table(tmp_path / "out", "tracks")
    assert tracks[["first_frame", "last_frame"]].to_numpy().tolist() == [[1, 1], [1, 1]]
    warnings = found.positions[0].record["warnings"]
    assert "No cell in frames 0, 2 to 3 of a." in warnings
    assert not any("sharp" in warning for warning in warnings)  # an empty dish is only noise
    assert sum("no cell" in warning.lower() for warning in warnings) == 1  # told once


def test_a_frame_missing_in_the_middle_is_a_gap(tmp_path: Path) -> None:
    for t in (0, 1, 3, 4):
        write(tmp_path / "in" / f"dish_00d{t:02}h00m.tif", walking()[t])
    found = run([tmp_path / "in"], tmp_path / "out", settings=AnalyzeSettings())
    population = table(tmp_path / "out", "population")
    assert population["missing"].tolist() == [False, False, True, False, False]
    assert np.isnan(population.loc[2, "count"])
    assert population["time_h"].tolist() == [0, 1, 2, 3, 4]
    assert sorted(table(tmp_path / "out", "objects")["frame"].unique()) == [0, 1, 3, 4]
    tracks = table(tmp_path / "out", "tracks")
    assert tracks[["first_frame", "last_frame"]].to_numpy().tolist() == [[0, 4]] * 3
    warnings = found.positions[0].record["warnings"]
    assert "1 frame of dish is missing (2, counted from 0)" in warnings[0]
    assert not any("no cell, the first" in warning for warning in warnings)


def test_sixty_thousand_cells_in_a_frame(tmp_path: Path) -> None:
    row = np.arange(245 * 245, dtype=np.int32).reshape(245, 245) + 1
    cell = np.zeros((8, 8), np.int32)
    cell[1:6, 1:7] = 1
    labels = np.stack([np.kron(row, cell), np.roll(np.kron(row, cell), 1, axis=1)])
    movie = write(tmp_path / "a.tif", np.where(labels > 0, BRIGHT, DARK).astype(np.uint8))
    write_labels(tmp_path / "l.tif", labels)
    found = analyze([movie], tmp_path / "l.tif", tmp_path / "out", settings=PLAIN)
    assert found.table.loc[0, ["cells_first", "cells_last", "tracks"]].tolist() == [60_025] * 3


def test_a_failed_position_does_not_stop_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.tif", walking(2))
    (tmp_path / "in" / "b.tif").write_bytes(b"II*\0nothing")
    for t in range(2):
        write(tmp_path / "in2" / f"c_t{t}.tif", walking(2)[t][: 50 + t])
    found = run([tmp_path / "in", tmp_path / "in2"], tmp_path / "out")
    positions = table(tmp_path / "out", "positions")
    assert positions["status"].tolist() == ["done", "failed", "failed"]
    assert "must have one size" in positions.loc[2, "error"]
    assert [one.name for one in found.failed] == ["b", "c"]
    assert table(tmp_path / "out", "objects")["movie"].unique().tolist() == ["a"]
    assert not (tmp_path / "out" / "labels" / "b.tif").exists()


def test_a_position_is_named_once_where_it_failed(tmp_path: Path) -> None:
    for t in range(2):
        write(tmp_path / "in" / f"m_t{t}.tif", walking(2)[t][: 50 + t])
    found = run([tmp_path / "in"], tmp_path / "out")
    assert str(found.positions[0].error).startswith("m_t1.tif is 51")


def test_all_positions_may_fail(tmp_path: Path) -> None:
    (tmp_path / "b.tif").write_bytes(b"II*\0nothing")
    found = run([tmp_path / "b.tif"], tmp_path / "out")
    assert len(found.failed) == 1
    assert table(tmp_path / "out", "positions")["status"].tolist() == ["failed"]


def wells(folder: Path) -> list[Path]:
    return [write(folder / f"A{n}.tif", walking(3 + n)) for n in (1, 2, 3)]


def same_tables(one: Path, two: Path) -> None:
    for name in (*OF_CELLS, "positions"):
        for suffix in (".csv", ".parquet"):
            first, second = (folder / f"{name}{suffix}" for folder in (one, two))
            assert first.read_bytes() == second.read_bytes(), name
    for file in (one / "labels").iterdir():
        assert file.read_bytes() == (two / "labels" / file.name).read_bytes()


def test_an_interrupted_run_is_finished_to_the_same_tables(tmp_path: Path) -> None:
    files = wells(tmp_path / "in")
    run(files, tmp_path / "whole")

    def stop(name: str, done: int, total: int) -> None:
        if (name, done) == ("A2", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(files, tmp_path / "out", progress=stop)
    assert not (tmp_path / "out" / "objects.csv").exists()
    seen: list[str] = []
    found = run(files, tmp_path / "out", resume=True, progress=lambda *now: seen.append(now[0]))
    assert set(seen) == {"A2", "A3"}
    assert [one.resumed for one in found.positions] == [True, False, False]
    same_tables(tmp_path / "whole", tmp_path / "out")


def test_what_a_kill_leaves_is_done_again(tmp_path: Path) -> None:
    files = wells(tmp_path / "in")
    run(files, tmp_path / "whole")
    run(files, tmp_path / "out")
    (tmp_path / "out" / "positions" / "A2" / "position.json").unlink()
    (tmp_path / "out" / "positions" / "A2" / "objects.parquet").write_bytes(b"half")
    (tmp_path / "out" / "labels" / "A2.tif").write_bytes(b"half")
    (tmp_path / "out" / "labels" / ".A2.17-abc.tif").write_bytes(b"half")
    (tmp_path / "out" / "ome-zarr" / ".A2.ome.zarr.17-abc.new" / "0").mkdir(parents=True)
    run(files, tmp_path / "out", resume=True)
    same_tables(tmp_path / "whole", tmp_path / "out")
    assert not list((tmp_path / "out").rglob(".*"))


@pytest.mark.parametrize("file", ["position.json", "objects.parquet", "msd.parquet"])
def test_what_is_damaged_is_done_again(tmp_path: Path, file: str) -> None:
    files = wells(tmp_path / "in")
    run(files, tmp_path / "whole")
    run(files, tmp_path / "out")
    damaged = tmp_path / "out" / "positions" / "A2" / file
    damaged.write_bytes(damaged.read_bytes()[:-9])
    found = run(files, tmp_path / "out", resume=True)
    assert [one.resumed for one in found.positions] == [True, False, True]
    same_tables(tmp_path / "whole", tmp_path / "out")


@pytest.mark.parametrize("file", ["positions/A2/objects.parquet", "labels/A2.tif"])
def test_what_is_gone_is_done_again(tmp_path: Path, file: str) -> None:
    files = wells(tmp_path / "in")
    run(files, tmp_path / "out")
    (tmp_path / "out" / file).unlink()
    found = run(files, tmp_path / "out", resume=True)
    assert [one.resumed for one in found.positions] == [True, False, True]
    assert (tmp_path / "out" / file).is_file()


def test_tables_of_an_older_plate_map_do_not_stay(tmp_path: Path) -> None:
    files = wells(tmp_path / "in")
    plate = tmp_path / "plate.csv"
    plate.write_text("well,condition,dose\nA1,drug,0\nA2,drug,1\nA3,drug,2\n")
    out = tmp_path / "out"
    run(files, out, plate_map=plate)
    assert (out / "dose_response.csv").is_file()
    plate.write_text("well,condition\nA1,drug\n")
    run(files, out, plate_map=plate, resume=True)
    assert (out / "conditions.csv").is_file()
    assert not list(out.glob("dose_response.*"))
    run(files, out, resume=True)
    assert not list(out.glob("conditions.*"))
    for file in files:
        file.write_bytes(b"II*\0nothing")
    run(files, out, resume=True)
    assert not list(out.glob("objects.*"))  # none of these positions is in it


def test_json_knows_no_nan(tmp_path: Path) -> None:
    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    file = write(tmp_path / "a.tif", frame((20, 20)))
    whole = run([file], tmp_path / "out")
    assert math.isnan(whole.table.loc[0, "count_growth_rate_per_frame"])
    for path in (tmp_path / "out").rglob("*.json"):
        json.loads(path.read_text(), parse_constant=no_constant)
    again = run([file], tmp_path / "out", resume=True)
    pd.testing.assert_frame_equal(again.table, whole.table)


def test_motion_can_be_computed_again_from_the_tables(tmp_path: Path) -> None:
    places = [(8 + 14 * (k // 4) + k % 3, 8 + 14 * (k % 4) + k % 2) for k in range(16)]
    shifted = np.stack([np.roll(frame(*places), 3 * (t % 2), axis=0) for t in range(6)])
    run([write(tmp_path / "a.tif", shifted)], tmp_path / "out")
    objects, drift = table(tmp_path / "out", "objects"), table(tmp_path / "out", "drift")
    assert drift["dy_px"].tolist() == pytest.approx([0, 3, 0, 3, 0, 3], abs=0.2)
    still = objects.merge(drift, on="frame").sort_values(["track_id", "frame"])
    steps = still.groupby("track_id")[["y_px", "x_px"]].diff()
    shifts = still.groupby("track_id")[["dy_px", "dx_px"]].diff().to_numpy()
    way = np.hypot(*(steps.to_numpy() - shifts).T)
    lengths = pd.Series(way).groupby(still["track_id"].to_numpy()).sum()
    kinetics = table(tmp_path / "out", "kinetics").set_index("track_id")
    assert kinetics["path_length_px"].tolist() == pytest.approx(lengths.tolist())
    assert list(table(tmp_path / "out", "merges")) == ["frame", "label", "labels_before"]


def test_each_position_is_told_in_a_word_while_it_runs(tmp_path: Path) -> None:
    files = wells(tmp_path / "in")
    files[2].write_bytes(b"II*\0nothing")
    notes: list[str] = []
    run(files, tmp_path / "out", note=notes.append)
    assert notes[:3] == ["[1/3] A1: done", "[2/3] A2: done", "[3/3] A3: failed"]
    run(files, tmp_path / "out", resume=True, note=notes.append)
    assert notes[4] == "[1/3] A1: finished before"
    run(files[:1], tmp_path / "out2", note=notes.append)
    assert notes[-1:] == ["Writing the report"]  # of one position, the end tells enough


def test_changed_images_are_done_again(tmp_path: Path) -> None:
    files = wells(tmp_path / "in")
    run(files, tmp_path / "out")
    write(files[1], walking(2))
    found = run(files, tmp_path / "out", resume=True)
    assert [one.resumed for one in found.positions] == [True, False, True]
    assert found.table["frames"].tolist() == [4, 2, 6]


def test_a_run_is_resumed_only_with_what_it_was_begun(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tif", walking(2))
    run([file], tmp_path / "out")
    with pytest.raises(ValueError, match="holds an analysis already"):
        run([file], tmp_path / "out")
    other = AnalyzeSettings(options=Options(threshold=0.4), link=LinkSettings(max_gap_frames=1))
    with pytest.raises(ValueError, match="begun with another max_gap_frames, threshold"):
        run([file], tmp_path / "out", settings=other, resume=True)
    segmenter = bright_segmenter(threshold=0.3)
    with pytest.raises(ValueError, match="begun with another model_sha256"):
        analyze([file], segmenter, tmp_path / "out", settings=PLAIN, resume=True)
    (tmp_path / "out" / "analysis.json").write_text("{")
    with pytest.raises(ValueError, match=r"analysis.json is damaged, so that nothing tells"):
        run([file], tmp_path / "out", resume=True)


def test_nothing_that_is_read_lies_where_it_is_written(tmp_path: Path) -> None:
    file = write(tmp_path / "out" / "labels" / "a.tif", walking(2))
    with pytest.raises(ValueError, match=r"lies in .*out, where the results would mix"):
        run([file], tmp_path / "out")
    assert file.exists()


def labelled(frames: int = 4) -> np.ndarray:
    return np.where(walking(frames) == BRIGHT, 7, 0).astype(np.int32)


@pytest.mark.parametrize("kind", ["file", "folder by name", "folder of frames"])
def test_labels_in_place_of_a_model(tmp_path: Path, kind: str) -> None:
    for t in range(4):
        write(tmp_path / "in" / f"dish_t{t}.tif", walking()[t])
    given = tmp_path / "given"
    if kind == "file":
        given = tmp_path / "mine.tif"
        write_labels(given, labelled())
    elif kind == "folder by name":
        write_labels(given / "dish.tif", labelled())
    else:
        for t in range(4):
            write_labels(given / f"dish_t{t}.tif", labelled()[t])
    analyze([tmp_path / "in"], given, tmp_path / "out", settings=PLAIN)
    found = list(open_label_movie(tmp_path / "out" / "labels" / "dish.tif"))
    np.testing.assert_array_equal(found, labelled())
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["labels"] == str(given)


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.tif", walking(4)) for name in ("a", "b", "c")]
    given = tmp_path / "given"
    write_labels(given / "a.tif", labelled(3))
    write_labels(given / "b.tif", labelled(4)[:, 1:])
    found = analyze(files, given, tmp_path / "out", settings=PLAIN)
    errors = [one.error for one in found.positions]
    assert "The labels of a have 3 frames and its images 4" in str(errors[0])
    assert "The labels of frame 0 of b are (63, 64) and its image (64, 64)" in str(errors[1])
    assert "holds no labels of c; they may be called c.tif" in str(errors[2])
    with pytest.raises(ValueError, match="none does not exist; check the path of the labels"):
        analyze(files, tmp_path / "none", tmp_path / "out2", settings=PLAIN)


def test_some_frames_without_labels(tmp_path: Path) -> None:
    for t in range(2):
        write(tmp_path / "in" / f"dish_t{t}.tif", walking()[t])
    write_labels(tmp_path / "given" / "dish_t0.tif", labelled()[0])
    found = analyze([tmp_path / "in"], tmp_path / "given", tmp_path / "out", settings=PLAIN)
    assert "no labels for 1 frame of dish, the first dish_t1.tif" in str(found.positions[0].error)


def test_a_plate_map_gives_conditions_and_doses(tmp_path: Path) -> None:
    doses = (0, 0, 1, 3, 10, 30, 100, 300)
    rows = []
    for number, dose in enumerate(doses, start=1):
        frames = [
            frame(*[(8 + 12 * (k % 5), 8 + 12 * (k // 5)) for k in range(4 + t * (dose < 20))])
            for t in range(5)
        ]
        write(tmp_path / "in" / f"A{number}.tif", np.stack(frames))
        rows.append(f"A{number},{'drug' if dose else 'control'},{dose or 0},nM")
    plate = tmp_path / "plate.csv"
    plate.write_text("well,condition,dose,unit\n" + "\n".join(rows))
    run([tmp_path / "in"], tmp_path / "out", settings=TIMED, plate_map=plate)
    out = tmp_path / "out"
    assert table(out, "positions")["condition"].tolist() == ["control"] * 2 + ["drug"] * 6
    conditions = table(out, "conditions")
    control = conditions[
        (conditions["condition"] == "control") & (conditions["quantity"] == "count")
    ]
    assert control["mean"].tolist() == [4, 5, 6, 7, 8]
    assert (control["wells"] == 2).all()
    fits = table(out, "dose_response").set_index("response")
    assert fits.loc["last_count", "condition"] == "drug"
    assert fits.loc["last_count", "points"] == 8  # with the controls
    assert 10 < fits.loc["last_count", "ec50"] < 30
    with pytest.raises(ValueError, match="does not exist; check the path of the plate map"):
        run([tmp_path / "in"], tmp_path / "out2", plate_map=tmp_path / "none.csv")
    plate.write_text("well,condition\nA1,control\n")
    notes: list[str] = []
    run([tmp_path / "in"], tmp_path / "out3", plate_map=plate, note=notes.append)
    assert "since the plate map lacks them: A2, A3, A4, A5, A6, A7, A8." in notes[0]


def test_doses_in_two_units_are_one_curve(tmp_path: Path) -> None:
    doses = ("0,nM", "0,", "1,nM", "3,nM", "10,nM", "0.03,uM", "0.1,uM", "0.3,uM")
    lines = ["well,condition,dose,unit"]
    for number, dose in enumerate(doses, start=1):
        cells = 9 if number < 6 else 2
        image = frame(*[(8 + 12 * (k % 5), 8 + 12 * (k // 5)) for k in range(cells)])
        write(tmp_path / "in" / f"A{number}.tif", np.stack([image] * 2))
        lines.append(f"A{number},drug,{dose}")
    (tmp_path / "plate.csv").write_text("\n".join(lines))
    run([tmp_path / "in"], tmp_path / "out", plate_map=tmp_path / "plate.csv")
    fits = table(tmp_path / "out", "dose_response").set_index("response")
    assert 10 < fits.loc["last_count", "ec50"] < 30
    assert fits.loc["last_count", "unit"] == "nM"
    positions = table(tmp_path / "out", "positions")
    assert positions["dose"].tolist() == [0, 0, 1, 3, 10, 30, 100, 300]
    assert (table(tmp_path / "out", "conditions")["unit"] == "nM").all()


def test_the_same_well_of_two_plates_and_further_columns_of_the_map(tmp_path: Path) -> None:
    names = ("P1_A1_1", "P1_A1_2", "P2_A1_1", "P2_A2_1")
    files = [write(tmp_path / "in" / f"{name}.tif", walking(2)) for name in names]
    plate = tmp_path / "plate.csv"
    plate.write_text(
        "well,condition,dose,movie,status,frames,error\nA1,drug,1,m,s,f,e\nA2,drug,1,m,s,f,e\n"
    )
    run(files, tmp_path / "out", plate_map=plate)
    positions = table(tmp_path / "out", "positions")
    assert list(positions)[:3] == ["position", "status", "experiment"]
    assert positions["status"].tolist() == ["done"] * 4
    assert positions["experiment"].tolist() == ["P1", "P1", "P2", "P2"]
    assert (
        positions[["map_movie", "map_status", "map_frames", "map_error"]].to_numpy().tolist()
        == [["m", "s", "f", "e"]] * 4
    )
    conditions = table(tmp_path / "out", "conditions")
    assert conditions["wells"].tolist() == [3] * 4
    assert conditions["replicates"].tolist() == [3] * 4


@pytest.mark.parametrize("interval", [-3.0, 0.0, math.nan, math.inf])
def test_an_impossible_interval_stops_before_anything_is_written(
    tmp_path: Path, interval: float
) -> None:
    write(tmp_path / "in" / "a.tif", np.stack([frame((8, 8))] * 2))
    settings = AnalyzeSettings(reading=Reading(interval_min=interval))
    with pytest.raises(ValueError, match=r"interval between frames is .* above 0"):
        run([tmp_path / "in"], tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()


def test_drift_of_the_field_is_no_motion() -> None:
    from softlight.recipes.analysis.movie import without_drift

    objects = pd.DataFrame(
        {
            "frame": [0, 1, 2],
            "y_px": [5.0, 8.0, 5.0],
            "x_px": 1.0,
            "y_um": [2.5, 4, 2.5],
            "x_um": 0.5,
        }
    )
    drift = pd.DataFrame({"frame": [0, 1], "dy_px": [0.0, 3.0], "dx_px": [0.0, 0.0]})
    still = without_drift(objects, drift, 0.5)
    assert still["y_px"].tolist() == [5, 5, 5]
    assert still["y_um"].tolist() == [2.5, 2.5, 2.5]
    assert objects["y_px"].tolist() == [5, 8, 5]


def test_why_fewer_ways_are_drawn_than_there_are_tracks() -> None:
    objects = pd.DataFrame({"track_id": [1, 1, 2]})
    assert _without_way(objects) == "One cell is seen in one frame only, and has no way."
    objects = pd.DataFrame({"track_id": [1, 3, 2, 2]})
    assert _without_way(objects) == "2 cells are seen in one frame only, and have no way."
    assert _without_way(objects[2:]) == ""


@pytest.mark.with_report
def test_the_report_shows_what_was_found(tmp_path: Path) -> None:
    movie = np.stack([frame((20, 20)), frame((21, 20)), frame(), *[frame((20, 20))] * 3])
    files = [write(tmp_path / "A1.tif", movie), write(tmp_path / "A2.tif", walking(4))]
    (tmp_path / "A3.tif").write_bytes(b"II*\0nothing")
    plate = tmp_path / "plate.csv"
    plate.write_text("well,condition\nA1,<b>odd</b>\nA2,plain\n")
    found = run([*files, tmp_path / "A3.tif"], tmp_path / "out", plate_map=plate)
    text = found.report.read_text(encoding="utf-8")
    for words in (
        "3 positions",
        "2 of 3",
        "A3 failed:",
        "No cell in frame 2 of A1.",
        "time between frames is not known",
        "Conditions",
        "Mean squared displacement",
        "persistence time, P",
        "losses: deaths, and cells that tracking lost",
        "outlines coloured by track",
        "frame 3: 3 cells, confluence",
        "All settings of this analysis",
    ):
        assert words in text, words
    assert "<b>odd" not in text
    assert len(text) < 3_000_000
