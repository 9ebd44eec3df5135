import math

import numpy as np
import pytest

from softlight.evaluate.restored import RestoredError, restored_scores

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 256, (32, 40)).astype(np.uint8)


def test_psnr_against_arithmetic_by_hand() -> None:
    found = restored_scores(TRUTH.astype(np.float32) + 5, TRUTH)
    assert found["psnr"] == pytest.approx(20 * math.log10(255 / 5), abs=1e-4)
    ranged = restored_scores(TRUTH.astype(float) + 5, TRUTH.astype(float))
    assert ranged["psnr"] == pytest.approx(20 * math.log10(np.ptp(TRUTH) / 5), abs=1e-3)
    assert restored_scores(TRUTH + 5.0, TRUTH, peak=5)["psnr"] == pytest.approx(0, abs=1e-4)


def test_the_same_image_is_as_good_as_can_be_and_noise_is_worse() -> None:
    assert restored_scores(TRUTH, TRUTH) == {"psnr": 100, "ssim": pytest.approx(1)}
    noisy = restored_scores(TRUTH + RNG.normal(0, 30, TRUTH.shape), TRUTH)
    noisier = restored_scores(TRUTH + RNG.normal(0, 90, TRUTH.shape), TRUTH)
    assert noisier["psnr"] < noisy["psnr"] < 20
    assert noisier["ssim"] < noisy["ssim"] < 1


def test_a_small_image_has_no_structure_to_compare() -> None:
    found = restored_scores(TRUTH[:8, :8] + 1.0, TRUTH[:8, :8])
    assert math.isnan(found["ssim"])
    assert math.isfinite(found["psnr"])


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(RestoredError, match="both must be"):
        restored_scores(TRUTH, TRUTH[1:])
    with pytest.raises(RestoredError, match="The true image is even"):
        restored_scores(np.ones((12, 12)), np.zeros((12, 12)))
