import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import bright_segmenter

from softlight.io.images import open_movie
from softlight.io.labels import open_label_movie, read_labels
from softlight.io.shrunk import read_origin
from softlight.recipes import working
from softlight.recipes.analysis.analyze import analyze
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.divide import Found, Options
from softlight.recipes.finder import Begun, CellFinder
from softlight.recipes.scale import Scaled
from softlight.recipes.segment import Reading, segment
from softlight.recipes.shrink import shrink
from softlight.recipes.working import fit_working, on_shape

ROWS, COLUMNS = np.mgrid[:124, :132]
CELLS = ((30, 30, 14), (32, 90, 12), (90, 40, 10), (92, 98, 15))
LABELS = np.zeros((124, 132), np.int32)
for number, (row, column, radius) in enumerate(CELLS):
    LABELS[(ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2] = number + 1
NOISE = np.random.default_rng(0).normal(0, 2, LABELS.shape)
IMAGE = (np.where(LABELS > 0, 190 + 10 * LABELS, 30) + NOISE).astype(np.uint8)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A movie of three frames, shrunk to a quarter."""
    file = tmp_path / "movie.tif"
    tifffile.imwrite(file, np.stack([IMAGE] * 3), imagej=True, metadata={"axes": "TYX"})
    reading = Reading(pixel_size_um=0.5, interval_min=5.0)
    (result,) = shrink([file], tmp_path / "small", reading=reading)
    assert result.path is not None
    return result.path


def dice(found: np.ndarray, true: np.ndarray) -> float:
    return float(2 * ((found > 0) & (true > 0)).sum() / ((found > 0).sum() + (true > 0).sum()))


def test_masks_of_a_shrunk_movie_go_back_to_the_grid_before(small: Path, tmp_path: Path) -> None:
    (result,) = segment([small], bright_segmenter(), tmp_path / "out", options=Options(grid="fine"))
    assert result.error is None
    labels = open_label_movie(tmp_path / "out" / "labels" / "movie.ome.tif")
    assert labels[0].shape == IMAGE.shape
    assert dice(labels[1], LABELS) > 0.95
    assert result.pixel_size_um == pytest.approx(0.5)
    assert result.begun.zoom == pytest.approx(4, rel=0.02)
    assert "shrunk from 124 x 132 pixels; masks are on that grid" in result.notes[0]
    cells = pd.read_csv(tmp_path / "out" / "cells.csv")
    first = cells[cells["frame"] == 0].sort_values("area_px")
    true = np.sort(np.bincount(LABELS.ravel())[1:])
    assert first["area_px"].to_numpy() == pytest.approx(true, rel=0.15)
    assert first["area_um2"].to_numpy() == pytest.approx(true / 4, rel=0.15)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["files"][0]["grid"] == [124, 132]


def test_or_stay_on_the_small_grid(small: Path, tmp_path: Path) -> None:
    (result,) = segment([small], bright_segmenter(), tmp_path / "out")
    labels = read_labels_of(result.labels_path)
    assert labels.shape == (31, 33)
    assert result.pixel_size_um == pytest.approx(2.0)
    assert result.rows[0]["cells"] == 4
    assert "masks are on its own grid, 31 x 33 pixels of 2 µm (--grid fine" in result.notes[0]
    assert dice(labels, LABELS[2::4, 2::4]) > 0.9


def read_labels_of(path: Path | None) -> np.ndarray:
    assert path is not None
    return open_label_movie(path)[0]


def test_brightness_is_that_of_raw_pixels(small: Path, tmp_path: Path) -> None:
    """The network looks at an enlarged image; nothing of that may be measured."""
    settings = AnalyzeSettings(options=Options(grid="fine", ome_zarr=None))
    done = analyze([small], bright_segmenter(), tmp_path / "run", settings=settings)
    assert not done.failed
    objects = pd.read_csv(tmp_path / "run" / "objects.csv")
    raw = open_movie(small).frame(0)
    (labels,) = (tmp_path / "run" / "labels").glob("*.tif")
    found = open_label_movie(labels)[0]
    assert found.shape == IMAGE.shape
    expanded = raw.repeat(4, 0).repeat(4, 1)
    for row in objects[objects["frame"] == 0].to_dict("records"):
        values = expanded[found == row["label"]]
        assert row["mean_intensity"] == pytest.approx(values.mean())
        assert row["max_intensity"] == values.max()
        assert row["max_intensity"] in raw  # bicubic enlarging would overshoot
        assert row["min_intensity"] in raw
    population = pd.read_csv(tmp_path / "run" / "population.csv")
    assert population["confluence"][0] == pytest.approx((LABELS > 0).mean(), rel=0.1)


def test_a_coarse_image_is_brought_up_by_its_pixel_size(tmp_path: Path) -> None:
    coarse = IMAGE.reshape(31, 4, 33, 4).mean(axis=(1, 3)).astype(np.uint8)
    file = tmp_path / "coarse.tif"
    tifffile.imwrite(file, coarse)
    model = bright_segmenter(pixel_size_um=0.5)
    reading = Reading(pixel_size_um=2.0)
    for grid, shape in (("fine", (124, 132)), ("input", (31, 33))):
        options = Options(grid=grid)  # type: ignore[arg-type]
        (result,) = segment([file], model, tmp_path / grid, reading=reading, options=options)
        assert result.error is None
        labels = read_labels(tmp_path / grid / "labels" / "coarse.tif")
        assert labels.shape == shape
        assert labels.max() == 4
        assert "resized 4 times" in result.notes[0]
        assert ("Masks are on the finer grid" in result.notes[0]) == (grid == "fine")


def test_a_fine_grid_where_none_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, IMAGE)
    options = Options(grid="fine")
    (result,) = segment([file], bright_segmenter(), tmp_path / "out", options=options)
    assert result.notes[0].startswith("No finer grid was needed")
    assert read_labels(tmp_path / "out" / "labels" / "a.tif").shape == IMAGE.shape


def test_an_area_is_in_pixels_of_the_image(small: Path) -> None:
    movie = open_movie(small)
    for area, cells in ((0, 4), (18, 4), (24, 3), (60, 0)):  # 314 px before are 20 here
        finder = CellFinder(movie, bright_segmenter(), Options(min_area_px=area, grid="fine"))
        assert len(finder.find(0).scores) == cells, area


def test_what_was_begun_goes_on_the_same(small: Path) -> None:
    movie, options = open_movie(small), Options(grid="fine")
    first = CellFinder(movie, bright_segmenter(), options)
    begun = Begun(**json.loads(json.dumps(asdict(first.begun))))
    assert begun == first.begun
    again = CellFinder(movie, bright_segmenter(), options, begun=begun)
    for frame in (0, 1):
        assert np.array_equal(first.find(frame).labels, again.find(frame).labels)
    assert again.movie.shape == first.movie.shape == (3, 124, 132)


def test_cells_without_a_pixel_are_left_out() -> None:
    labels = np.zeros((12, 12), np.int32)
    labels[0, 0], labels[4:12, 4:12] = 1, 2
    found = on_shape(Found(labels, np.array([0.3, 0.9]), labels > 0), (3, 3))  # type: ignore[arg-type]
    assert found.classes is not None
    assert found.classes.shape == (3, 3)
    assert found.scores.tolist() == [0.9]
    assert np.unique(found.labels).tolist() == [0, 1]
    assert on_shape(found, (3, 3)) is found


@pytest.mark.parametrize("shape", [(33, 35), (61, 47), (16, 200)])
def test_odd_sizes(shape: tuple[int, int]) -> None:
    image = IMAGE[: shape[0], : shape[1]]
    segmenter = bright_segmenter(pixel_size_um=0.3)
    found = fit_working(image, segmenter, Options(grid="fine"), pixel_size_um=1.0)
    height, width = image.shape
    assert found.shape == (round(height / 0.3), round(width / 0.3))


def test_the_size_of_cells_is_not_estimated_of_what_was_shrunk(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def estimated(frame: np.ndarray, segmenter: object, *_: object, **__: object) -> Scaled:
        return Scaled(segmenter, 0.4, "estimate", "resized 0.4 times")  # type: ignore[arg-type]

    monkeypatch.setattr(working, "fit_scale", estimated)
    frame, origin = open_movie(small).frame(0), read_origin(small)
    found = fit_working(frame, bright_segmenter(), Options(), origin=origin)
    assert found.zoom == pytest.approx(4, rel=0.02)
    assert "resized" not in found.note
    assert fit_working(frame, bright_segmenter(), Options()).zoom == 0.4
