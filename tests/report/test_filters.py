import numpy as np
import pytest

from softlight.report.filters import filters_and_images, picture_of_filters

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 3)])
def test_every_filter_stands_above_the_image_that_it_makes(shape) -> None:
    image = RNG.random(shape)
    filters = 0.5 + 0.4 * RNG.random((3, 40, 56))
    translated = np.stack([image + (f if image.ndim == 2 else f[..., None]) for f in filters])
    drawn = filters_and_images(image, filters, translated, names=["1", "2", "3"])
    picture = picture_of_filters("a", image, filters, translated, names=["1", "2", "3"])
    assert drawn.dtype == np.uint8
    assert drawn.shape[2] == 3
    assert picture.size == drawn.shape[:2]
    assert "1 0.50 to 0.90" in picture.caption
    assert "filters of 1, 2, 3" in picture.alt


def test_high_is_yellow_low_is_dark_blue_and_constant_is_no_error() -> None:
    image = np.linspace(0, 1, 64 * 64).reshape(64, 64)
    ramp = np.linspace(0.5, 1, 64 * 64).reshape(1, 64, 64)
    drawn = filters_and_images(image, ramp, image[None], names=["1"])
    colours = {tuple(int(v) for v in pixel) for pixel in drawn.reshape(-1, 3)}
    assert (253, 231, 37) in colours  # the ends of viridis
    assert (68, 1, 84) in colours
    flat = filters_and_images(image, np.full((1, 64, 64), 0.5), image[None], names=["1"])
    assert flat.shape == drawn.shape
