import math

import numpy as np
import pytest

from softlight.measure.errors import MeasureError
from softlight.measure.photons import light_of

ROWS, COLUMNS = np.mgrid[:160, :200]
SMOOTH = 0.6 + 0.4 * np.sin(ROWS / 25) * np.cos(COLUMNS / 30)  # brightest 1


def taken(photons: float, *, gain: float = 1.0, seed: int = 0) -> np.ndarray:
    return gain * np.random.default_rng(seed).poisson(photons * SMOOTH)


@pytest.mark.parametrize("photons", [5, 20, 100, 1000])
@pytest.mark.parametrize("gain", [1.0, 0.25, 12.0])
def test_photons_are_counted_whatever_the_gain(photons: float, gain: float) -> None:
    light = light_of(taken(photons, gain=gain))
    assert light.photons == pytest.approx(photons, rel=0.4 if photons > 10 else 0.7)
    assert light.noise == pytest.approx(gain * math.sqrt(0.6 * photons), rel=0.2)


def test_a_camera_that_does_not_begin_at_0() -> None:
    image = taken(100) + 400
    assert light_of(image, no_light=400).photons == pytest.approx(100, rel=0.4)
    assert light_of(image).photons > 1000  # it cannot know


def test_structure_is_not_taken_for_noise() -> None:
    cells = np.where((ROWS // 20 + COLUMNS // 20) % 2, 1.0, 0.4)
    image = np.random.default_rng(0).poisson(200 * cells)
    assert light_of(image).photons == pytest.approx(200, rel=0.3)


def test_without_noise_there_is_no_limit() -> None:
    light = light_of((40 * SMOOTH).astype(np.uint8))
    assert light.photons > 1e3
    assert light.noise < 1
    assert light_of(np.full((64, 64), 7, np.uint8)).photons == math.inf


def test_where_nothing_can_be_told() -> None:
    assert math.isnan(light_of(np.zeros((64, 64))).photons)
    assert math.isnan(light_of(np.ones((8, 8))).photons)
    with pytest.raises(MeasureError, match="at least 8 x 8 pixels"):
        light_of(np.ones(100))
