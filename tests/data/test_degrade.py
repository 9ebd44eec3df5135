import math

import numpy as np
import pytest
from skimage.filters import gaussian
from tests.cases import discs

from softlight.config import ConfigError, DegradeConfig, parse_recipe
from softlight.data.degrade import blurred, covered, degraded, noisy, resampled, to_restore
from softlight.data.loader import Decoded

OFF = DegradeConfig(blur_px=0, factor=(1, 1), photons=(0, 0), covered=0)
IMAGE = discs(seed=3)[0][None]


def test_blur_is_that_of_another_library() -> None:
    expected = gaussian(IMAGE[0], 1.5, mode="mirror", truncate=4)
    np.testing.assert_allclose(blurred(IMAGE, 1.5)[0], expected, atol=1e-5)
    assert np.array_equal(blurred(IMAGE, 0), IMAGE)


def test_resampling_keeps_slopes_and_means() -> None:
    ramp = np.add.outer(np.arange(32.0), 2 * np.arange(32.0))[None].astype(np.float32)
    half = resampled(ramp, (16, 16))[0]
    expected = ramp[0].reshape(16, 2, 16, 2).mean((1, 3))
    np.testing.assert_allclose(half[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-5)
    assert resampled(IMAGE, (11, 60)).shape == (1, 11, 60)
    assert float(resampled(IMAGE, (12, 12)).mean()) == pytest.approx(float(IMAGE.mean()), abs=0.01)


def test_noise_is_that_of_photons() -> None:
    image = np.full((1, 300, 300), 0.8, np.float32)
    image[0, :150] = -0.2  # the darkest part counts nothing
    found = noisy(image, 50, np.random.default_rng(0))[0]
    assert np.array_equal(found[:150], image[0, :150])
    assert float(found[150:].mean()) == pytest.approx(0.8, abs=0.003)
    assert float(found[150:].std()) == pytest.approx(math.sqrt(1 / 50), rel=0.02)


def test_blocks_are_covered_by_the_mean() -> None:
    found = covered(np.arange(160 * 144.0).reshape(1, 160, 144), 0.25, 8, np.random.default_rng(1))
    hidden = found == found.dtype.type((160 * 144 - 1) / 2)
    assert float(hidden.mean()) == pytest.approx(0.25, abs=0.06)
    for plane in (hidden[0], hidden[0].T):  # it begins and ends at every eighth row and column only
        borders = np.flatnonzero((plane[1:] != plane[:-1]).any(1)) + 1
        assert len(borders) > 10
        assert len(set(borders % 8)) == 1
    assert np.array_equal(covered(IMAGE, 0, 8, np.random.default_rng(1)), IMAGE)


def test_the_same_generator_gives_the_same_and_the_image_is_left_alone() -> None:
    before = IMAGE.copy()
    one, two = (degraded(IMAGE, DegradeConfig(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, two)
    assert np.array_equal(IMAGE, before)
    assert (one.shape, one.dtype) == (IMAGE.shape, np.float32)
    assert not np.array_equal(one, degraded(IMAGE, DegradeConfig(), np.random.default_rng(6)))


def test_all_off_changes_nothing() -> None:
    assert np.array_equal(degraded(IMAGE, OFF, np.random.default_rng(0)), IMAGE)


@pytest.mark.parametrize(
    "settings",
    [{"blur_px": 3.0}, {"factor": (4, 4)}, {"photons": (20, 20)}, {"covered": 1.0}],
)
def test_each_setting_makes_it_worse(settings: dict[str, object]) -> None:
    worse = degraded(IMAGE, OFF.model_copy(update=settings), np.random.default_rng(0))
    assert float(np.abs(worse - IMAGE).mean()) > 0.005


def test_what_it_was_is_what_is_to_be_learned() -> None:
    crop = Decoded("a", IMAGE, np.zeros(IMAGE.shape[1:], np.int32), None)
    puzzle = to_restore(crop, np.random.default_rng(0), config=DegradeConfig())
    assert puzzle.maps is IMAGE
    assert not np.array_equal(puzzle.image, IMAGE)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"factor": [0.5, 2]}, "factor needs two numbers from 1 on"),
        ({"factor": [3, 2]}, "the lower first"),
        ({"photons": [0, 10]}, r"photons needs two numbers above 0, the lower first, or \[0, 0\]"),
        ({"photons": [20, 10]}, "photons needs two numbers above 0"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse_recipe({"name": "x", "target": "image", "degrade": values})


def test_images_are_restored_only_by_recipes_that_say_how() -> None:
    with pytest.raises(ConfigError, match='degrade goes with target "image"'):
        parse_recipe({"name": "x", "degrade": {}})
    with pytest.raises(ConfigError, match='degrade goes with target "image"'):
        parse_recipe({"name": "x", "target": "image"})
    model = {"out_channels": 3}
    with pytest.raises(
        ConfigError, match=r"as many model\.out_channels as model\.in_channels, not 3"
    ):
        parse_recipe({"name": "x", "target": "image", "degrade": {}, "model": model})
