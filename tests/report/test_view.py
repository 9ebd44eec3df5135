"""What is shown of an image: contrast, size, sharp edges."""

import numpy as np
import pytest

from softlight.report.view import PictureError, View, paint, stretch, stretch_limits


def test_contrast_goes_from_black_to_white() -> None:
    image = np.linspace(100, 300, 1000).reshape(20, 50).astype(np.uint16)
    shown = stretch(image)
    assert shown.shape == (20, 50, 3)
    assert shown.dtype == np.uint8
    assert (shown.min(), shown.max()) == (0, 255)
    assert (shown[..., 0] == shown[..., 2]).all()


def test_outliers_do_not_flatten_the_rest() -> None:
    image = np.tile(np.arange(100.0), (100, 1))
    image[3, 4] = 1e9
    assert stretch(image)[50, 99, 0] > 250


@pytest.mark.parametrize(
    "image",
    [np.full((5, 7), np.nan), np.full((5, 7), -np.inf, dtype=np.float32)],
    ids=["nan", "minus infinity"],
)
def test_what_is_not_finite_is_black(image: np.ndarray) -> None:
    assert not stretch(image).any()


def test_a_nan_does_not_touch_its_neighbours() -> None:
    image = np.arange(35.0).reshape(5, 7)
    with_nan = image.copy()
    with_nan[2, 3] = np.nan
    assert stretch(with_nan)[2, 3].tolist() == [0, 0, 0]
    limits = stretch_limits(image)
    same = (stretch(with_nan, limits=limits) == stretch(image, limits=limits)).all(axis=-1)
    assert same.sum() == 34


def test_a_flat_image_is_mid_grey() -> None:
    assert np.unique(stretch(np.full((4, 9), 7, dtype=np.uint8))).tolist() == [128]


def test_a_single_bright_pixel_on_flat_ground_is_seen() -> None:
    image = np.zeros((60, 70), dtype=np.uint16)
    image[10, 20] = 9
    shown = stretch(image)
    assert shown[10, 20, 0] == 255
    assert shown[0, 0, 0] == 0


def test_the_extremes_of_floats_do_not_overflow() -> None:
    limit = np.finfo(np.float32).max
    image = np.array([[-limit, 0, limit]], dtype=np.float32)
    assert np.unique(stretch(image)).size == 3


def test_colour_stays_colour() -> None:
    image = np.zeros((4, 5, 4), dtype=np.uint8)
    image[..., 0] = 200
    image[0, 0] = 255
    shown = stretch(image)
    assert shown.shape == (4, 5, 3)
    assert shown[2, 2, 0] > shown[2, 2, 1]


@pytest.mark.parametrize(
    ("shape", "view"),
    [
        ((520, 704), View(1, 2)),
        ((120, 100), View(1, 8)),
        ((3, 5), View(1, 16)),
        ((1000, 400), View(1, 1)),
        ((1601, 40), View(2, 1)),
        ((9000, 5000), View(6, 1)),
    ],
)
def test_small_is_enlarged_and_large_shrunk(shape: tuple[int, int], view: View) -> None:
    assert View.fit(shape) == view


def test_labels_and_image_come_out_in_one_size() -> None:
    view = View(shrink=3)
    image = np.arange(20 * 31.0).reshape(20, 31)
    assert view.picture(image).shape[:2] == (7, 11)
    assert view.labels(image.astype(np.int32)).shape == (7, 11)
    assert View(enlarge=2).labels(np.eye(3, dtype=bool)).shape == (6, 6)


def test_bands_of_a_huge_image_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).normal(size=(101, 57))
    whole = View(shrink=4).small(image)
    monkeypatch.setattr("softlight.report.view._BAND_PX", 500)
    assert (View(shrink=4).small(image) == whole).all()


def test_enlarging_repeats_pixels() -> None:
    labels = np.array([[0, 3], [5, 0]], dtype=np.int32)
    assert View(enlarge=2).labels(labels).tolist() == [
        [0, 0, 3, 3],
        [0, 0, 3, 3],
        [5, 5, 0, 0],
        [5, 5, 0, 0],
    ]


def test_paint_mixes_by_alpha() -> None:
    picture = np.full((1, 2, 3), 100, dtype=np.uint8)
    layer = np.array([[[200, 0, 0, 255], [200, 0, 0, 51]]], dtype=np.uint8)
    assert paint(picture, layer).tolist() == [[[200, 0, 0], [120, 80, 80]]]


@pytest.mark.parametrize(
    "image", [np.zeros(5), np.zeros((0, 4)), np.zeros((2, 2), dtype=complex), np.array([["a"]])]
)
def test_what_is_no_image_is_an_error(image: np.ndarray) -> None:
    with pytest.raises(PictureError, match=r"give a grey \(Y, X\) or a colour"):
        stretch(image)
