import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import bright_segmenter

from softlight.config import PreprocessConfig
from softlight.inference.predict import Segmenter
from softlight.io.images import ImageError
from softlight.io.labels import open_label_movie, read_labels
from softlight.recipes.divide import Options, label_cells
from softlight.recipes.segment import Reading, output_names, segment, summary

DARK, DIM, BRIGHT = 20, 140, 200  # foreground probabilities 0.006, 0.64 and 0.97


def picture(*discs: tuple[int, int, int, int], side: int = 64) -> np.ndarray:
    """An 8-bit image of discs (row, column, radius, value)."""
    rows, columns = np.mgrid[:side, :side]
    image = np.full((side, side), DARK, np.uint8)
    for row, column, radius, value in discs:
        image[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = value
    return image


TWO = picture((16, 16, 8, BRIGHT), (46, 46, 6, DIM))
TOUCHING = picture((32, 22, 10, BRIGHT), (32, 38, 10, BRIGHT))


def write(path: Path, image: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image, **options)  # type: ignore[arg-type]
    return path


def count(image: np.ndarray, segmenter: Segmenter | None = None, **options: object) -> int:
    found = label_cells(image, segmenter or bright_segmenter(), Options(**options))  # type: ignore[arg-type]
    return int(found.max())


def test_labels_table_and_run_are_written(tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "two.tif", TWO)
    told: list[tuple[str, int, int]] = []
    out = tmp_path / "out"
    (result,) = segment([file], bright_segmenter(), out, progress=lambda *now: told.append(now))
    labels = read_labels(out / "labels" / "two.tif")
    assert result.labels_path == out / "labels" / "two.tif"
    assert np.array_equal(labels > 0, TWO > DARK)
    assert labels.max() == 2
    assert told == [("two.tif", 1, 1)]
    row = pd.read_csv(out / "frames.csv").iloc[0]
    areas = [int((value == TWO).sum()) for value in (DIM, BRIGHT)]
    assert (row["file"], row["frame"], row["cells"]) == ("two.tif", 0, 2)
    assert row["confluence"] == pytest.approx(sum(areas) / TWO.size)
    assert row["median_area_px"] == np.mean(areas)
    assert np.isnan(row["median_area_um2"])
    assert np.isnan(row["time_min"])
    run = json.loads((out / "run.json").read_text(), parse_constant=pytest.fail)
    assert run["model"]["name"] == "bright"
    assert run["files"] == summary([result])
    assert result.line() == f"two.tif: 2 cells, confluence {sum(areas) / TWO.size:.1%}"


def test_a_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "a.tif", TWO)
    (folder / "b.tif").write_bytes(b"II*\0 this is no image")
    write(folder / "c.tif", TWO)
    results = segment([folder], bright_segmenter(), tmp_path / "out")
    assert [result.error is None for result in results] == [True, False, True]
    assert "b.tif" in str(results[1].error)
    assert results[1].line() == "b.tif: failed"
    assert sorted(p.name for p in (tmp_path / "out" / "labels").iterdir()) == ["a.tif", "c.tif"]
    files = json.loads((tmp_path / "out" / "run.json").read_text())["files"]
    assert [file["error"] is None for file in files] == [True, False, True]


def test_only_bad_files_still_give_a_summary(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"nothing")
    (result,) = segment([bad], bright_segmenter(), tmp_path / "out")
    assert result.error
    assert (tmp_path / "out" / "run.json").is_file()


def test_an_absent_input_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist; check the path"):
        segment([tmp_path / "none.tif"], bright_segmenter(), tmp_path / "out")


def test_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "one" / "x.tif", TWO),
        write(tmp_path / "two" / "x.tif", TOUCHING),
        write(tmp_path / "one" / "y.tif", TOUCHING),
    ]
    results = segment(files, bright_segmenter(), tmp_path / "out")
    assert [r.labels_path.name for r in results if r.labels_path] == [
        "one_x.tif",
        "two_x.tif",
        "y.tif",
    ]
    table = pd.read_csv(tmp_path / "out" / "frames.csv")
    assert table["file"].tolist() == [str(files[0]), str(files[1]), "y.tif"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a/x.tif", "a/y.tif"], ["x", "y"]),
        (["a/x.tif", "b/x.tif"], ["a_x", "b_x"]),
        (["a/x.tif", "a/x.png"], ["a_x_tif", "a_x_png"]),
        (["a/i/x.tif", "b/i/x.tif"], ["i_x_tif", "i_x_tif_2"]),
        (["a/x.tif", "b/x.tif", "c/a_x.tif"], ["a_x_tif", "b_x", "c_a_x_tif"]),
        (["a/X.tif", "b/x.tif"], ["a_X", "b_x"]),
        (["x.ome.tif", "x.tif"], ["x.ome", "x"]),
    ],
)
def test_output_names(given: list[str], names: list[str]) -> None:
    assert output_names([Path(path) for path in given]) == names


def test_a_movie_gives_a_stack(tmp_path: Path) -> None:
    movie = np.stack([TWO, TOUCHING, np.full_like(TWO, DARK)])
    file = write(tmp_path / "movie.tif", movie, imagej=True, metadata={"axes": "TYX"})
    reading = Reading(pixel_size_um=0.5, interval_min=10.0)
    (result,) = segment([file], bright_segmenter(), tmp_path / "out", reading=reading)
    labels = open_label_movie(tmp_path / "out" / "labels" / "movie.tif")
    assert (len(labels), labels[0].shape) == (3, TWO.shape)
    assert [row["cells"] for row in result.rows] == [2, 2, 0]
    assert [row["time_min"] for row in result.rows] == [0, 10, 20]
    assert result.rows[1]["median_area_um2"] == result.rows[1]["median_area_px"] / 4
    assert result.warnings == ["Frames of movie.tif without a cell: 1 of 3."]
    assert "3 frames, 2 to 0 cells" in result.line()


def test_an_empty_image_is_a_warning_and_not_silence(tmp_path: Path) -> None:
    dark = (DARK + np.indices((32, 32)).sum(axis=0) % 3).astype(np.uint8)
    file = write(tmp_path / "dark.tif", dark)
    (result,) = segment([file], bright_segmenter(), tmp_path / "out")
    assert "No cell was found in dark.tif" in result.warnings[0]
    assert "probability of 0.5 or more" in result.warnings[0]
    assert result.error is None
    (asked,) = segment(
        [file], bright_segmenter(), tmp_path / "out", options=Options(threshold=0.75)
    )
    assert "probability of 0.75 or more" in asked.warnings[0]


def test_an_image_full_of_cell_is_a_warning(tmp_path: Path) -> None:
    file = write(tmp_path / "full.tif", np.full((32, 32), BRIGHT, np.uint8))
    (result,) = segment([file], bright_segmenter(), tmp_path / "out")
    assert "full.tif before you trust its cells, for it has the same value" in result.warnings[0]
    assert "Nearly all of full.tif was called cell" in result.warnings[1]


def test_the_threshold_is_the_models_or_the_one_asked() -> None:
    assert count(TWO) == 2
    assert count(TWO, threshold=0.8) == 1
    assert count(TWO, bright_segmenter(threshold=0.8)) == 1
    assert count(TWO, bright_segmenter(threshold=0.8), threshold=0.5) == 2


def test_the_smallest_area_is_the_models_or_the_one_asked() -> None:
    small = int((TWO == DIM).sum())
    assert count(TWO, min_area_px=small) == 2
    assert count(TWO, min_area_px=small + 1) == 1
    assert count(TWO, bright_segmenter(min_area_px=small + 1)) == 1
    assert count(TWO, bright_segmenter(min_area_px=small + 1), min_area_px=0) == 2


def test_touching_cells_are_cut_or_left() -> None:
    assert count(TOUCHING) == 2
    assert count(TOUCHING, touching=False) == 1


def test_flips_average_mirror_images() -> None:
    beside = bright_segmenter(shift=2)
    plain = label_cells(TWO, beside, Options(touching=False)) > 0
    flipped = label_cells(TWO, beside, Options(touching=False, flips=True)) > 0
    assert np.array_equal(plain, np.roll(TWO, 2, 1) > DARK)
    both = (np.roll(TWO, 2, 1) > DARK) & (np.roll(TWO, -2, 1) > DARK)
    assert not np.array_equal(plain, flipped)
    assert np.array_equal(flipped & (TWO == BRIGHT), both & (TWO == BRIGHT))


def test_a_resizing_model_labels_the_input_grid() -> None:
    """The model's areas are on its own grid, half as fine, so a quarter of those here."""
    half = PreprocessConfig(method="range", minimum=0, maximum=255, resize_to=(32, 32))
    image = picture((16, 16, 8, BRIGHT), (46, 46, 4, BRIGHT))
    small = int((image[32:, 32:] > DARK).sum())
    assert 45 <= small <= 55
    fine = bright_segmenter(preprocess=half)
    assert label_cells(image, fine, Options()).shape == image.shape
    assert count(image, fine) == 2
    assert count(image, bright_segmenter(preprocess=half, min_area_px=20)) == 1  # 80 px here
    assert count(image, bright_segmenter(preprocess=half, min_area_px=8)) == 2  # 32 px here
    assert count(image, fine, min_area_px=80) == 1
    assert count(image, fine, min_area_px=20) == 2


def test_ome_zarr_is_written_when_asked(tmp_path: Path) -> None:
    file = write(tmp_path / "two.tif", TWO)
    segment([file], bright_segmenter(), tmp_path / "plain")
    assert not (tmp_path / "plain" / "ome-zarr").exists()
    segment([file], bright_segmenter(), tmp_path / "out", options=Options(ome_zarr="0.4"))
    assert (tmp_path / "out" / "ome-zarr" / "two.ome.zarr").is_dir()


def test_labels_never_replace_the_images_they_are_of(tmp_path: Path) -> None:
    image = write(tmp_path / "run" / "labels" / "a.tif", TWO)
    before = image.read_bytes()
    with pytest.raises(ValueError, match="where the results would mix"):
        segment([image.parent], bright_segmenter(), tmp_path / "run")
    assert image.read_bytes() == before


def test_a_failure_leaves_no_labels_of_an_older_run(tmp_path: Path) -> None:
    stale = write(tmp_path / "out" / "labels" / "bad.tif", TWO)
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0nothing")
    (result,) = segment([bad], bright_segmenter(), tmp_path / "out")
    assert result.error
    assert not stale.exists()
    assert (tmp_path / "out" / "frames.csv").read_text().startswith("file,frame,")


def test_a_folder_of_frames_is_one_movie_if_asked(tmp_path: Path) -> None:
    for frame in range(3):
        write(tmp_path / "movie" / f"t{frame:03}.tif", TWO)
    folder = [tmp_path / "movie"]
    stills = segment(folder, bright_segmenter(), tmp_path / "stills")
    movie = segment(folder, bright_segmenter(), tmp_path / "whole", as_movies=True)
    assert [result.frames for result in stills] == [1, 1, 1]
    assert [result.frames for result in movie] == [3]
