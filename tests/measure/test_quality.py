import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from softlight.measure.quality import blurred_frames, count_jumps, frame_quality

RNG = np.random.default_rng(0)
SCENE = gaussian_filter(RNG.normal(size=(128, 128)), 1.5) * 300 + 1000


def test_mean_and_spread():
    found = frame_quality(np.array([[1, 3], [1, 3]], np.uint8))
    assert (found["mean_grey"], found["sd_grey"]) == (2, 1)


def test_blur_costs_sharpness_and_light_does_not():
    sharp = frame_quality(SCENE)["sharpness"]
    assert frame_quality(3 * SCENE + 50)["sharpness"] == pytest.approx(sharp)
    assert frame_quality(gaussian_filter(SCENE, 3))["sharpness"] < 0.5 * sharp


def test_a_flat_frame_has_no_sharpness():
    assert np.isnan(frame_quality(np.full((9, 9), 7))["sharpness"])


def test_blurred_frames():
    values = [1.0, 0.95, 0.3, 0.9, 0.85, 0.8, 0.75]
    assert blurred_frames(values) == [2]
    assert blurred_frames([1, 1, 1, np.nan, 1]) == []
    assert blurred_frames([1.0]) == []
    assert blurred_frames([]) == []
    assert blurred_frames(list(np.linspace(1, 0.3, 20))) == []  # slow change is no loss
    assert blurred_frames([0.2, 1, 1, 1]) == [0]


def test_count_jumps():
    assert count_jumps([100, 104, 40, 103, 110]) == [2, 3]
    assert count_jumps([100 * 2 ** (t / 5) for t in range(20)]) == []  # doubling in five frames
    assert count_jumps([2, 5, 1, 4]) == []  # so few cells come and go by chance
    assert count_jumps([100, np.nan, 101, 20]) == [3]
    assert count_jumps([]) == []
    assert count_jumps([0, 0, 100]) == [2]
