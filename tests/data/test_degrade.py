import math

import numpy as np
import pytest
from tests.cases import discs

from softlight.config import ConfigError, DegradeConfig, PreprocessConfig, parse_recipe
from softlight.data.degradation import Degradation, degrade
from softlight.data.degrade import covered, drawn, worsened
from softlight.data.loader import Decoded
from softlight.data.normalize import Preprocessor, stretched_anew

IMAGE = discs(seed=3)[0][None]
NO_CELLS = np.zeros(IMAGE.shape[1:], np.int32)
WORSE = DegradeConfig(factor=(0.5, 1), blur_px=0.5, photons=(5, 200), covered=0.5, light="crop")
PERCENTILE = PreprocessConfig(clip=False)
# A phase-contrast image: grey everywhere, so that all of it is lit.
RAW = (60 + 150 * discs(side=160, count=12, seed=2)[0].clip(0, 1)).astype(np.uint8)


def crop_of(image: np.ndarray) -> Decoded:
    return Decoded("a", image, NO_CELLS, None)


def seen(raw: np.ndarray, preprocess: PreprocessConfig) -> Decoded:
    preprocessor = Preprocessor(preprocess)
    image = preprocessor.image(raw)
    return Decoded("a", image, NO_CELLS, None, levels=preprocessor.levels(raw))


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
    one, two, other = (
        worsened(crop_of(IMAGE), np.random.default_rng(seed), config=WORSE).image
        for seed in (5, 5, 6)
    )
    assert np.array_equal(one, two)
    assert np.array_equal(IMAGE, before)
    assert (one.shape, one.dtype) == (IMAGE.shape, np.float32)
    assert not np.array_equal(one, other)


def test_as_it_stands_nothing_is_made_worse() -> None:
    for light in ("crop", "image"):
        config = DegradeConfig(light=light)
        rng = np.random.default_rng(0)
        found = worsened(seen(RAW, PERCENTILE), rng, config=config, preprocess=PERCENTILE)
        assert found.clean is not None
        np.testing.assert_allclose(found.image, found.clean, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"blur_px": 3.0},
        {"factor": (0.25, 0.25)},
        {"photons": (20, 20)},
        {"covered": 1.0},
        {"bits": 2},
    ],
)
@pytest.mark.parametrize("light", ["crop", "image"])
def test_each_setting_makes_it_worse(settings: dict[str, object], light: str) -> None:
    config = DegradeConfig(light=light).model_copy(update=settings)  # type: ignore[arg-type]
    crop = worsened(seen(RAW, PERCENTILE), np.random.default_rng(1), config=config)
    assert float(np.abs(crop.image - crop.clean).mean()) > 0.005


def test_draws_stay_within_the_settings_and_leave_some_images_alone() -> None:
    config = DegradeConfig(factor=(0.125, 1), blur_px=2, photons=(5, 500), probability=0.6)
    rng = np.random.default_rng(0)
    draws = [drawn(config, rng) for _ in range(4000)]
    factors = np.array([how.factor for how in draws])
    assert (factors == 1).mean() == pytest.approx(0.4, abs=0.03)
    assert factors.min() > 0.125
    # Even in the logarithm: half of those drawn are below the geometric mean.
    assert np.median(factors[factors < 1]) == pytest.approx(math.sqrt(0.125), rel=0.05)
    noisy = [how.photons for how in draws if how.photons is not None]
    assert len(noisy) / 4000 == pytest.approx(0.6, abs=0.03)
    assert 5 < min(noisy) < 6
    assert 400 < max(noisy) < 500
    assert 1.9 < max(how.blur_px for how in draws) < 2
    assert np.mean([how.changes_nothing for how in draws]) == pytest.approx(0.4**3, abs=0.02)
    fixed = drawn(DegradeConfig(factor=(0.25, 0.25), photons=(9, 9), read_noise=1), rng)
    assert fixed.factor == pytest.approx(0.25)
    assert (fixed.photons, fixed.read_noise) == (pytest.approx(9), 1)


def test_light_of_a_crop_is_what_exceeds_its_darkest_pixel() -> None:
    image = np.full((1, 300, 300), 0.8, np.float32)
    image[0, :150] = -0.2  # the darkest part counts nothing
    config = DegradeConfig(photons=(50, 50), light="crop")
    found = worsened(crop_of(image), np.random.default_rng(0), config=config).image[0]
    assert np.array_equal(found[:150], image[0, :150])
    assert float(found[150:].mean()) == pytest.approx(0.8, abs=0.003)
    assert float(found[150:].std()) == pytest.approx(math.sqrt(1 / 50), rel=0.02)


@pytest.mark.parametrize(
    "preprocess",
    [PERCENTILE, PreprocessConfig(method="zscore"), PreprocessConfig(method="range", maximum=255)],
    ids=lambda config: config.method,
)
@pytest.mark.parametrize(
    "how",
    [Degradation(factor=0.25), Degradation(photons=30), Degradation(factor=0.5, photons=300)],
    ids=str,
)
def test_a_crop_is_what_the_network_would_see_of_the_image(
    preprocess: PreprocessConfig, how: Degradation
) -> None:
    """Degrading the whole image as the network sees it, or its raw values first: it is the same."""
    config = DegradeConfig(
        factor=(how.factor, how.factor), photons=(how.photons or 0, how.photons or 0)
    )
    crop = seen(RAW, preprocess)
    found = worsened(crop, np.random.default_rng(0), config=config, preprocess=preprocess)
    expected = Preprocessor(preprocess).image(degrade(RAW, how, seed=0))
    for measure in (np.mean, np.std):
        assert measure(found.image) == pytest.approx(measure(expected), abs=0.03)
    if how.photons is None:
        np.testing.assert_allclose(found.image, expected, atol=0.02)


@pytest.mark.parametrize(
    "how",
    [Degradation(photons=200), Degradation(factor=0.25), Degradation(factor=0.125, photons=5000)],
    ids=str,
)
@pytest.mark.parametrize("corner", [(0, 0), (96, 40)])
def test_the_stretch_is_that_of_the_whole_image(how: Degradation, corner: tuple[int, int]) -> None:
    """Also where the crop is of a part that is unlike the rest."""
    preprocessor = Preprocessor(PERCENTILE)
    part = (slice(None), *(slice(start, start + 64) for start in corner))
    clean, levels = preprocessor.image(RAW), preprocessor.levels(RAW)
    crop = Decoded("a", clean[part], NO_CELLS, None, levels=levels, whole=clean)
    config = DegradeConfig(factor=(how.factor,) * 2, photons=(how.photons or 0,) * 2)
    found = worsened(crop, np.random.default_rng(0), config=config, preprocess=PERCENTILE).image
    expected = preprocessor.image(degrade(RAW, how, seed=0))[part]
    assert found.std() == pytest.approx(expected.std(), rel=0.1)
    assert found.mean() == pytest.approx(expected.mean(), abs=0.05)


def test_stretching_anew_cuts_what_the_settings_cut() -> None:
    clean = IMAGE.clip(0, 1)
    worse = clean.copy()
    worse[0, 0, :2] = 5, -3
    found = stretched_anew(worse, clean, clean, PreprocessConfig())
    assert (found.min(), found.max()) == (0, 1)
    assert stretched_anew(worse, clean, clean, PERCENTILE).max() > 4


def test_what_it_was_is_kept() -> None:
    puzzle = worsened(crop_of(IMAGE), np.random.default_rng(0), config=WORSE)
    assert puzzle.clean is IMAGE
    assert not np.array_equal(puzzle.image, IMAGE)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"factor": [0.5, 2]}, "factor needs two numbers above 0 and at most 1"),
        ({"factor": [0.9, 0.5]}, "the lower first"),
        ({"photons": [0, 10]}, r"photons needs two numbers above 0, the lower first, or \[0, 0\]"),
        ({"photons": [20, 10]}, "photons needs two numbers above 0"),
        ({"read_noise": 1}, "read_noise is in photons; give photons too"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse_recipe({"name": "x", "target": "image", "degrade": values})


def test_images_are_restored_only_by_recipes_that_say_how() -> None:
    with pytest.raises(ConfigError, match='target "image" needs degrade'):
        parse_recipe({"name": "x", "target": "image"})
    assert parse_recipe({"name": "x", "degrade": {}}).degrade == DegradeConfig()
    model = {"out_channels": 3}
    with pytest.raises(
        ConfigError, match=r"as many model\.out_channels as model\.in_channels, not 3"
    ):
        parse_recipe({"name": "x", "target": "image", "degrade": {}, "model": model})
