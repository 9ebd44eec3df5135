import dataclasses

import numpy as np
import pytest
from scipy import stats

from softlight.simulate.camera import grey_per_photon, poisson, record
from softlight.simulate.scene import Scene

PHASE = Scene(bit_depth=16, photons=400.0, read_noise=0.0)


@pytest.mark.parametrize("mean", [0.3, 4.0, 29.0, 31.0, 500.0])
def test_poisson_numbers_have_the_moments_of_the_distribution(mean: float) -> None:
    counts = poisson(np.full((400, 400), mean), np.random.default_rng(0))
    assert np.array_equal(counts, np.rint(counts))
    assert counts.min() >= 0
    assert counts.mean() == pytest.approx(mean, rel=0.01)
    assert counts.var() == pytest.approx(mean, rel=0.02)
    assert stats.skew(counts.ravel()) == pytest.approx(mean**-0.5, abs=0.03)


def test_few_photons_follow_the_exact_distribution() -> None:
    counts = poisson(np.full(200_000, 2.5), np.random.default_rng(1))
    shares = np.bincount(counts.astype(int), minlength=9)[:9] / counts.size
    assert shares == pytest.approx(stats.poisson.pmf(np.arange(9), 2.5), abs=0.004)


@pytest.mark.parametrize("photons", [100.0, 2000.0])
@pytest.mark.parametrize("read_noise", [0.0, 12.0])
def test_noise_is_what_the_settings_say(photons: float, read_noise: float) -> None:
    scene = dataclasses.replace(PHASE, photons=photons, read_noise=read_noise)
    image = record(np.ones((300, 300)), scene, np.random.default_rng(2))
    counts = image / grey_per_photon(scene)
    assert counts.mean() == pytest.approx(photons, rel=0.01)
    assert counts.var() == pytest.approx(photons + read_noise**2, rel=0.03)


def test_more_light_gives_proportionally_more_grey() -> None:
    rng = np.random.default_rng(3)
    one = record(np.full((200, 200), 0.5), PHASE, rng).mean()
    two = record(np.full((200, 200), 1.5), PHASE, rng).mean()
    assert two / one == pytest.approx(3.0, rel=0.01)


def test_eight_and_sixteen_bits_show_the_same_picture() -> None:
    light = np.linspace(0.2, 1.8, 90_000).reshape(300, 300)
    scene = dataclasses.replace(PHASE, photons=1e5)
    wide = record(light, scene, np.random.default_rng(4))
    small = record(light, dataclasses.replace(scene, bit_depth=8), np.random.default_rng(4))
    assert (wide.dtype, small.dtype) == (np.uint16, np.uint8)
    assert small == pytest.approx(wide / 257.0, abs=0.51)


def test_too_much_light_saturates() -> None:
    image = record(np.full((50, 50), 10.0), PHASE, np.random.default_rng(5))
    assert (image == 65535).all()


def test_background_removal_takes_the_slope_out() -> None:
    light = np.linspace(0.6, 1.4, 200)[None].repeat(200, axis=0)
    raw = dataclasses.replace(PHASE, photons=1e5)
    flat = dataclasses.replace(raw, background_removal_px=5.0)

    def slope(scene: Scene) -> float:
        columns = record(light, scene, np.random.default_rng(6)).mean(axis=0)
        return float(columns[150] / columns[50])

    assert slope(raw) > 1.3
    assert slope(flat) == pytest.approx(1.0, abs=0.01)


def test_each_pixel_has_noise_of_its_own() -> None:
    light = np.ones((64, 64))
    other = light.copy()
    other[0, 0] = 0.01
    one = record(light, PHASE, np.random.default_rng(7))
    two = record(other, PHASE, np.random.default_rng(7))
    assert one[0, 0] != two[0, 0]
    assert np.array_equal(one.ravel()[1:], two.ravel()[1:])
