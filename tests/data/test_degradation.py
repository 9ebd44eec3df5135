import math

import numpy as np
import pytest
from skimage.filters import gaussian
from tests.cases import discs

from softlight.data.degradation import (
    Degradation,
    DegradationError,
    blurred,
    brightest_of,
    coarse_shape,
    degrade,
    degrade_frame,
    enlarged,
    for_movie,
    shrunk,
)

GREY = (255 * discs(side=52, seed=3)[0].clip(0, 1)).astype(np.uint8)
EVERYTHING = Degradation(
    factor=0.3, blur_px=1, photons=40, read_noise=2, bits=6, bleaching=0.1, offset=5
)


def test_nothing_is_changed_by_default() -> None:
    same = degrade(GREY, Degradation(), seed=0)
    assert same.dtype == np.float32
    assert np.array_equal(same, GREY)
    values = GREY.astype(np.float32)
    copy = degrade(values, Degradation(), seed=0)
    copy[0] = -1  # not the one that was given
    assert np.array_equal(values, GREY)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, np.bool_])
@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 3), (7, 5), (41, 67), (3, 40, 31), (2, 2, 9, 8), (520, 3)]
)
def test_any_size_and_type_comes_back_on_its_own_grid(
    shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    image = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    before = image.copy()
    for factor in (0.125, 0.25, 0.3, 0.999, 1.0):
        for down in ("area", "antialiased"):
            how = Degradation(factor=factor, down=down, photons=50)  # type: ignore[arg-type]
            worse = degrade(image, how, seed=1)
            assert (worse.shape, worse.dtype) == (shape, np.float32)
            assert np.isfinite(worse).all()
    small = degrade(image, Degradation(factor=0.25, up="none"), seed=1)
    assert small.shape == (*shape[:-2], *coarse_shape(shape[-2:], 0.25))  # type: ignore[arg-type]
    assert np.array_equal(image, before)


def test_a_coarse_pixel_is_the_mean_of_what_it_covers() -> None:
    image = np.random.default_rng(0).random((24, 36)).astype(np.float32)
    expected = image.reshape(6, 4, 9, 4).mean((1, 3))
    np.testing.assert_allclose(shrunk(image, (6, 9)), expected, rtol=1e-5)
    # 5 pixels to 2: two and a half each.
    row = np.array([[1.0, 2, 3, 4, 5]], np.float32)
    np.testing.assert_allclose(shrunk(row, (1, 2))[0], [4.5 / 2.5, 10.5 / 2.5], rtol=1e-6)


@pytest.mark.parametrize("down", ["area", "antialiased"])
def test_nothing_moves_when_the_size_does_not_divide(down: str) -> None:
    """The middle of a blob stays where it is, and what is even stays even to the edges."""
    rows, columns = np.mgrid[:101, :67]
    blob = 100 * np.exp(-((rows - 61.3) ** 2 + (columns - 30.8) ** 2) / (2 * 6**2))
    worse = degrade(blob, Degradation(factor=0.25, down=down), seed=0)  # type: ignore[arg-type]
    total = worse.sum()
    assert float((worse * rows).sum() / total) == pytest.approx(61.3, abs=0.15)
    assert float((worse * columns).sum() / total) == pytest.approx(30.8, abs=0.15)
    even = degrade(np.full((101, 67), 7), Degradation(factor=0.125, down=down), seed=0)  # type: ignore[arg-type]
    np.testing.assert_allclose(even, 7, rtol=1e-5)


def test_the_paper_sizes() -> None:
    assert coarse_shape((520, 704), 0.25) == (130, 176)
    assert coarse_shape((520, 704), 0.125) == (65, 88)
    assert coarse_shape((3, 2), 0.125) == (1, 1)


def test_nearest_repeats_and_bicubic_is_smooth() -> None:
    small = np.array([[0.0, 1], [2, 3]], np.float32)
    assert np.array_equal(enlarged(small, (4, 4), up="nearest"), small.repeat(2, 0).repeat(2, 1))
    assert len(np.unique(enlarged(small, (8, 8)))) > 4
    assert enlarged(small, (8, 8), up="none") is small


def test_blur_is_that_of_another_library() -> None:
    image = GREY.astype(np.float32)
    expected = gaussian(image, 1.5, mode="mirror", truncate=4)
    np.testing.assert_allclose(blurred(image, 1.5), expected, atol=1e-3)
    stack = np.stack([image, 2 * image])
    np.testing.assert_allclose(blurred(stack, 1.5)[1], 2 * expected, atol=1e-3)


def test_noise_is_that_of_photons() -> None:
    image = np.full((400, 400), 110, np.uint16)
    image[:, :200] = 10  # no light
    image[:20] = 210  # the brightest
    how = Degradation(photons=50, offset=10)
    bright, half, dark = _parts(degrade(image, how, seed=0))
    # One photon is (210 - 10) / 50 = 4 units.
    assert bright.mean() == pytest.approx(210, abs=0.8)
    assert bright.std() == pytest.approx(4 * math.sqrt(50), rel=0.03)
    assert half.mean() == pytest.approx(110, abs=0.4)
    assert half.std() == pytest.approx(4 * math.sqrt(25), rel=0.02)
    assert (dark == 10).all()
    read = Degradation(photons=50, offset=10, read_noise=3)
    _, half, dark = _parts(degrade(image, read, seed=0))
    assert dark.std() == pytest.approx(4 * 3, rel=0.02)
    assert half.std() == pytest.approx(4 * math.sqrt(25 + 9), rel=0.02)


def _parts(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return image[:20], image[20:, 200:], image[20:, :200]


def test_photons_are_of_the_coarse_pixel() -> None:
    image = np.full((400, 400), 100, np.uint8)
    worse = degrade(image, Degradation(factor=0.25, up="none", photons=25), seed=0)
    assert worse.std() == pytest.approx(100 / 5, rel=0.03)


def test_a_camera_of_few_bits() -> None:
    image = np.linspace(0, 1000, 400).reshape(20, 20)
    worse = degrade(image, Degradation(bits=2, brightest=900), seed=0)
    assert np.unique(worse).tolist() == [0, 300, 600, 900]
    assert worse.ravel()[np.abs(image.ravel() - 310).argmin()] == 300
    fine = degrade(GREY, Degradation(bits=16, brightest=255), seed=0)
    np.testing.assert_allclose(fine, GREY, atol=0.005)


def test_light_bleaches_and_the_dark_does_not() -> None:
    image = np.full((6, 6), 110.0)
    image[0] = 10
    how = Degradation(bleaching=0.2, offset=10)
    for frame, expected in ((0, 110), (1, 90), (3, 10 + 100 * 0.8**3)):
        worse = degrade(image, how, seed=0, frame=frame)
        assert worse[0] == pytest.approx(10)
        assert worse[1:] == pytest.approx(expected)


def test_bleached_frames_have_fewer_photons_where_the_exposure_is_that_of_the_movie() -> None:
    image = np.full((200, 200), 100.0)
    how = for_movie(Degradation(photons=100, bleaching=0.5), image)
    assert how.brightest == 100
    third = degrade(image, how, seed=0, frame=2)
    assert third.mean() == pytest.approx(25, rel=0.01)
    assert third.std() == pytest.approx(math.sqrt(25), rel=0.02)
    assert for_movie(how, image * 9) is how
    assert for_movie(Degradation(photons=9), np.zeros((4, 4))).brightest is None


def test_the_same_seed_and_frame_give_the_same() -> None:
    one, two = (degrade(GREY, EVERYTHING, seed=4, frame=7) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, degrade(GREY, EVERYTHING, seed=5, frame=7))
    assert not np.array_equal(one, degrade(GREY, EVERYTHING, seed=4, frame=8))


def test_one_hot_pixel_is_not_the_brightest() -> None:
    image = GREY.astype(np.uint16)
    image[5, 5] = 60000
    image[0, 0] = 50000
    assert brightest_of(image) == brightest_of(GREY) <= 255
    assert brightest_of(np.array([[3]])) == 3
    assert brightest_of(np.array([[3, 9, 8]])) == 8


@pytest.mark.parametrize("value", [0, 17])
def test_an_even_image_and_a_dark_one_go_through(value: int) -> None:
    image = np.full((9, 9), value, np.uint8)
    worse = degrade(image, Degradation(factor=0.5, photons=1000, bits=8), seed=0)
    assert worse.mean() == pytest.approx(value, abs=1)


def test_colour_frames_keep_their_axes() -> None:
    colour = np.stack([GREY, GREY // 2, GREY // 4], axis=-1)
    worse = degrade_frame(colour, Degradation(factor=0.25), seed=0)
    assert worse.shape == colour.shape
    np.testing.assert_allclose(worse[..., 0], degrade(GREY, Degradation(factor=0.25), seed=0))
    np.testing.assert_allclose(
        degrade_frame(GREY, EVERYTHING, seed=1), degrade(GREY, EVERYTHING, seed=1)
    )


def test_it_says_what_it_does() -> None:
    assert str(Degradation()) == "as it is"
    assert str(Degradation(factor=0.25, photons=50)) == "0.25 of the resolution, 50 photons"
    assert "0.1 bleached a frame" in str(EVERYTHING)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"factor": 0}, "factor is 0; it is the share of the resolution"),
        ({"factor": 4}, "above 0 and at most 1: 0.25 for a quarter"),
        ({"factor": math.nan}, "factor is nan"),
        ({"down": "mean"}, "down is 'mean'; it must be one of area, antialiased"),
        ({"up": "linear"}, "up is 'linear'; it must be one of bicubic, nearest, none"),
        ({"blur_px": -1}, "blur_px is -1; it must be 0 or more"),
        ({"photons": 0}, "photons is 0; it must be above 0, or left out"),
        ({"read_noise": 2}, "read_noise is in photons; give photons too"),
        ({"photons": 2, "read_noise": -2}, "read_noise is -2; it must be 0 or more"),
        ({"bits": 0}, "bits is 0; it must be from 1 to 32"),
        ({"bleaching": 1}, "bleaching is 1; it is the share lost"),
        ({"offset": math.inf}, "offset is inf; it must be a number"),
        ({"offset": 5, "brightest": 5}, "brightest is 5; it must be above the offset, 5"),
    ],
)
def test_impossible_degradations_are_refused(values: dict[str, object], match: str) -> None:
    with pytest.raises(DegradationError, match=match):
        Degradation(**values)  # type: ignore[arg-type]


def test_images_that_are_none_are_refused() -> None:
    how = Degradation(factor=0.5)
    for bad in (np.zeros(5), np.zeros((0, 4)), np.zeros((3, 3), complex)):
        with pytest.raises(DegradationError, match="it must hold numbers and be"):
            degrade(bad, how, seed=0)
    with pytest.raises(DegradationError, match="NaN or infinity"):
        degrade(np.full((3, 3), np.nan), how, seed=0)
    with pytest.raises(DegradationError, match="frame is -1; frames are counted from 0"):
        degrade(GREY, how, seed=0, frame=-1)
