"""Pictures as RGB arrays and as files."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from softlight.report.colours import CELL_COLOURS, FALSE_NEGATIVE, FALSE_POSITIVE, WHITE
from softlight.report.figures import (
    error_map,
    overlay,
    preview,
    side_by_side,
    to_jpeg,
    to_png,
    write_picture,
)
from softlight.report.view import PictureError

RNG = np.random.default_rng(2)
IMAGE = RNG.normal(1000, 50, size=(40, 64))
LABELS = np.zeros((40, 64), dtype=np.int32)
LABELS[5:20, 10:30] = 1
LABELS[22:35, 40:60] = 300


def _has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour, dtype=np.uint8)).all(axis=-1).any())


def test_an_overlay_is_enlarged_rgb_with_a_colour_a_cell() -> None:
    picture = overlay(IMAGE, LABELS)
    assert picture.shape == (600, 960, 3)
    assert picture.dtype == np.uint8
    assert sum(_has(picture, colour) for colour in CELL_COLOURS) == 2
    assert (picture[0, 0] == picture[14, 14]).all()  # one pixel became 15 by 15


def test_the_truth_is_white_and_dotted_on_top() -> None:
    truth = np.roll(LABELS, 2, axis=1)
    plain, both = overlay(IMAGE, LABELS), overlay(IMAGE, LABELS, truth=truth)
    changed = (plain != both).any(axis=-1)
    assert changed.any()
    assert (both[changed] == WHITE).all()


def test_a_large_image_is_shrunk() -> None:
    image = np.zeros((300, 4100), dtype=np.uint8)
    assert overlay(image, image > 0, largest_px=1000).shape == (60, 820, 3)


def test_an_image_without_cells_or_finite_pixels_is_still_a_picture() -> None:
    picture = overlay(np.full((40, 64), np.nan), np.zeros((40, 64), dtype=np.uint16))
    assert not picture.any()


def test_arguments_stay_as_they_were() -> None:
    image, labels = IMAGE.copy(), LABELS.copy()
    overlay(image, labels, truth=labels)
    error_map(image, labels > 0, labels > 0)
    assert (image == IMAGE).all()
    assert (labels == LABELS).all()


def test_an_error_map_says_which_errors_it_shows() -> None:
    truth = np.roll(LABELS, 4, axis=1) > 0
    bare = error_map(IMAGE, LABELS > 0, truth, legend=False)
    whole = error_map(IMAGE, LABELS > 0, truth)
    assert whole.shape[0] > bare.shape[0]
    assert (whole[: len(bare)] == bare).all()
    strip = whole[len(bare) :]
    assert _has(strip, FALSE_POSITIVE)
    assert _has(strip, FALSE_NEGATIVE)
    valid = np.ones_like(truth)
    valid[:, :20] = False
    assert error_map(IMAGE, LABELS > 0, truth, valid).shape[0] >= whole.shape[0]


def test_a_perfect_prediction_has_no_errors() -> None:
    picture = error_map(IMAGE, LABELS > 0, LABELS > 0, legend=False)
    assert (picture[..., 0] == picture[..., 1]).all()


def test_pictures_of_different_height_stand_side_by_side() -> None:
    first, second = np.zeros((50, 30, 3), np.uint8), np.zeros((80, 20, 3), np.uint8)
    joined = side_by_side([("first", first), ("second", second)])
    assert joined.shape[1] == 30 + 12 + 20
    assert joined.shape[0] > 80


def test_a_preview_has_a_row_an_image_and_a_column_more_with_truth() -> None:
    images, found = [IMAGE] * 5, [LABELS] * 5
    without = preview(images, found, panel_px=128)
    with_truth = preview(images, found, truth=found, titles=["Dice 1.000"], panel_px=128)
    assert with_truth.shape[0] == without.shape[0]
    assert with_truth.shape[1] == 3 * 128 + 2 * 12
    assert without.shape[1] == 2 * 128 + 12
    assert without.shape[0] == 3 * len(preview(images[:1], found[:1], panel_px=128))


def test_png_is_lossless_and_jpeg_close() -> None:
    picture = overlay(IMAGE, LABELS)
    assert (np.asarray(Image.open(io.BytesIO(to_png(picture)))) == picture).all()
    jpeg = np.asarray(Image.open(io.BytesIO(to_jpeg(picture, quality=95)))).astype(int)
    assert np.abs(jpeg - picture).mean() < 3


def test_a_picture_file_is_whole(tmp_path: Path) -> None:
    write_picture(tmp_path / "previews" / "a.png", IMAGE.astype(np.uint8))
    with Image.open(tmp_path / "previews" / "a.png") as written:
        assert written.size == (64, 40)
    assert [path.name for path in (tmp_path / "previews").iterdir()] == ["a.png"]


def test_sizes_that_differ_are_named() -> None:
    with pytest.raises(PictureError, match=r"Image is \(40, 64\), its labels \(64, 40\)"):
        overlay(IMAGE, LABELS.T)


def test_nothing_to_show_is_an_error() -> None:
    with pytest.raises(PictureError, match="no picture to show"):
        side_by_side([])
    with pytest.raises(PictureError, match="no image to preview"):
        preview([], [])


def test_a_real_image_with_its_labels(real_data: Path) -> None:
    import tifffile

    name = "A172_Phase_C7_1_00d20h00m_4.tif"
    image = tifffile.imread(real_data / "livecell" / "images" / name)
    labels = tifffile.imread(real_data / "livecell" / "labels" / name)
    picture = overlay(image, labels)
    assert picture.shape == (1040, 1408, 3)
    assert sum(_has(picture, colour) for colour in CELL_COLOURS) >= 4
