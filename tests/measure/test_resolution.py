from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from softlight.data.degradation import Degradation, degrade
from softlight.measure.errors import MeasureError
from softlight.measure.resolution import decorrelation_resolution, effective_resolution

ESTIMATES = (effective_resolution, decorrelation_resolution)


def natural(side: int = 256, seed: int = 0, power: float = -1.0) -> np.ndarray:
    """An image whose amplitude falls with this power of the frequency, as those of scenes do."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = 1
    image = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * frequency**power)
    return 1000 + 200 * image / image.std()


@pytest.mark.parametrize("estimate", ESTIMATES)
@pytest.mark.parametrize("factor", [0.5, 0.25, 0.125])
def test_what_was_enlarged_is_told(estimate, factor: float) -> None:  # type: ignore[no-untyped-def]
    image = degrade(natural(), Degradation(factor=factor), seed=0)
    assert 0.75 * factor < estimate(image) < 1.35 * factor


@pytest.mark.parametrize("power", [0.0, -0.5, -1.0])
def test_a_sharp_image_uses_its_grid(power: float) -> None:
    assert effective_resolution(natural(power=power)) == 1
    noise = np.random.default_rng(0).poisson(30, (100, 130))
    assert effective_resolution(noise) == decorrelation_resolution(noise) == 1


def test_the_coarse_grid_itself_is_used_whole() -> None:
    small = degrade(natural(), Degradation(factor=0.25, up="none"), seed=0)
    assert small.shape == (64, 64)
    assert effective_resolution(small) == 1


def test_noise_before_enlarging_changes_nothing() -> None:
    image = degrade(natural(), Degradation(factor=0.25, photons=50), seed=0)
    assert 0.2 < effective_resolution(image) < 0.3


def test_blur_is_less_resolution() -> None:
    found = [effective_resolution(ndimage.gaussian_filter(natural(), s)) for s in (1.5, 3.0, 6.0)]
    assert 1 > found[0] > found[1] > found[2] > 0


def test_rounding_to_whole_numbers_is_no_detail() -> None:
    image = degrade(natural(), Degradation(factor=0.25), seed=0)
    assert 0.2 < effective_resolution(np.rint(image).astype(np.uint16)) < 0.3


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_without_detail_it_is_unknown(estimate) -> None:  # type: ignore[no-untyped-def]
    assert np.isnan(estimate(np.full((64, 64), 7, np.uint8)))
    with pytest.raises(MeasureError, match="at least 32 x 32 pixels"):
        estimate(np.zeros((20, 300)))


def test_real_images(real_data: Path) -> None:
    for file in sorted((real_data / "livecell" / "images").glob("*.tif"))[::4]:
        image = tifffile.imread(file)
        assert effective_resolution(image) == 1
        for factor in (0.5, 0.25, 0.125):
            worse = np.rint(degrade(image, Degradation(factor=factor), seed=0)).astype(np.uint8)
            assert effective_resolution(worse) == pytest.approx(factor, rel=0.3)
