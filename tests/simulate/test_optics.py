import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from softlight.simulate.optics import (
    RING_TRANSMISSION,
    fluorescence,
    illumination_field,
    phase_contrast,
)
from softlight.simulate.scene import Scene

SCENE = Scene(halo_px=6.0, blur_px=0.5, defocus=0.0)


def disc(radius: float, height: float) -> np.ndarray:
    y, x = np.mgrid[-64:64, -64:64]
    return np.where(np.hypot(y, x) < radius, height, 0.0)


def test_an_empty_field_is_the_background() -> None:
    image = phase_contrast(np.zeros((60, 80)), SCENE, defocus=0.0)
    assert image == pytest.approx(np.ones((60, 80)), abs=1e-9)


def test_a_thin_cell_is_dark_with_a_bright_halo_and_shades_off() -> None:
    image = phase_contrast(disc(24, 0.2), SCENE, defocus=0.0)
    assert image[64, 64 + 20] < 0.95  # dark just within the edge
    assert image[64, 64 + 27] > 1.05  # halo just outside
    assert abs(image[64, 64] - 1) < abs(image[64, 64 + 20] - 1) / 2  # shade-off at the centre


def test_negative_contrast_is_the_other_way_round() -> None:
    bright = dataclasses.replace(SCENE, polarity="bright")
    image = phase_contrast(disc(24, 0.2), bright, defocus=0.0)
    assert image[64, 64 + 20] > 1.05
    assert image[64, 64 + 27] < 0.95


def test_a_thin_object_obeys_the_linear_formula() -> None:
    thickness = ndimage.gaussian_filter(disc(10, 0.01), 2)
    image = phase_contrast(thickness, dataclasses.replace(SCENE, blur_px=0.0), defocus=0.0)
    # I = 1 - 2 (phi - G * phi) / t to first order, with t the amplitude behind the ring.
    expected = (
        1
        - 2 * (thickness - ndimage.gaussian_filter(thickness, 6.0, truncate=8)) / RING_TRANSMISSION
    )
    assert image[20:-20, 20:-20] == pytest.approx(expected[20:-20, 20:-20], abs=2e-4)


def test_a_thick_ball_is_bright_inside() -> None:
    image = phase_contrast(ndimage.gaussian_filter(disc(5, 3.0), 1.5), SCENE, defocus=0.0)
    assert image[64, 64] > 1.5


def test_the_halo_reaches_as_far_as_asked() -> None:
    near = phase_contrast(disc(16, 0.2), dataclasses.replace(SCENE, halo_px=3.0), defocus=0.0)
    far = phase_contrast(disc(16, 0.2), dataclasses.replace(SCENE, halo_px=12.0), defocus=0.0)
    assert far[64, 64 + 26] - 1 > 3 * abs(near[64, 64 + 26] - 1)


def test_fluorescence_keeps_the_light_and_haze_spreads_it() -> None:
    stain = disc(10, 1.0)
    scene = Scene(modality="fluorescence", haze=0.0, blur_px=1.5)
    sharp = fluorescence(stain, scene)
    hazy = fluorescence(stain, dataclasses.replace(scene, haze=0.6))
    assert sharp.sum() == pytest.approx(stain.sum(), rel=1e-6)
    assert hazy.sum() == pytest.approx(stain.sum(), rel=1e-3)
    assert hazy[64, 64 + 20] > 5 * sharp[64, 64 + 20]


@pytest.mark.parametrize("shape", [(16, 16), (37, 91), (256, 320)])
def test_illumination_is_as_uneven_as_asked(shape: tuple[int, int]) -> None:
    field = illumination_field(np.random.default_rng(0), shape, 0.3)
    assert field.shape == shape
    assert np.ptp(field) == pytest.approx(0.3)
    assert field.mean() == pytest.approx(1.0)
    assert (illumination_field(np.random.default_rng(0), shape, 0.0) == 1).all()
