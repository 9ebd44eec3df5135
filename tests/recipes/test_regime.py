import numpy as np
import pytest
from tests.cases import bright_spec

from softlight.config import DegradeConfig
from softlight.data.degradation import Degradation, degrade
from softlight.recipes.regime import Seen, look_at, regime_of

ROWS, COLUMNS = np.mgrid[:192, :192]
SHARP = np.random.default_rng(0).poisson(
    3000 * (0.7 + 0.3 * np.sin(ROWS / 20) * np.cos(COLUMNS / 17))
)


def test_what_the_pixels_tell() -> None:
    seen = look_at(SHARP)
    assert seen.resolution == 1
    assert seen.photons == pytest.approx(3000, rel=0.3)
    assert seen.noise == pytest.approx(np.sqrt(2100), rel=0.3)
    enlarged = degrade(SHARP, Degradation(factor=0.25, photons=50), seed=0)
    seen = look_at(enlarged)
    assert seen.resolution == pytest.approx(0.25, rel=0.25)
    assert seen.photons == pytest.approx(50, rel=0.7)
    assert look_at(np.stack([SHARP] * 3, axis=2)).resolution == 1
    assert look_at(np.zeros((9, 9))) == look_at(np.full((64, 64), 3)) == Seen()


def test_a_good_image_needs_no_word() -> None:
    assert regime_of(Seen(1.0, 3000.0, 1.0), bright_spec()) == ""
    assert regime_of(Seen(), bright_spec()) == ""


def test_a_model_that_never_saw_such_images() -> None:
    said = regime_of(Seen(0.25, 40.0, 1.0), bright_spec())
    assert said.startswith(
        "The image has 0.25 of the resolution that the model's grid can show and about 40 photons"
    )
    assert "was not trained on images that were made worse" in said
    assert "softlight plan" in said


def test_a_model_that_was_trained_on_such_images() -> None:
    spec = bright_spec(degrade=DegradeConfig(factor=(0.125, 1.0), photons=(20.0, 1000.0)))
    said = regime_of(Seen(0.25, 40.0, 1.0), spec)
    assert "trained on such images (down to 0.12 of the resolution and 20 photons)" in said
    assert "less than the model was trained on" in regime_of(Seen(0.05, None, 1.0), spec)
    assert "less than the model was trained on" in regime_of(Seen(1.0, 5.0, 1.0), spec)
    clean = bright_spec(degrade=DegradeConfig(factor=(0.125, 1.0)))
    assert "less than the model was trained on" in regime_of(Seen(0.25, 40.0, 1.0), clean)


def test_resolution_counts_on_the_grid_of_the_model() -> None:
    assert "0.25 of the resolution" in regime_of(Seen(1.0, None, 1.0), bright_spec(), zoom=4.0)
    assert regime_of(Seen(0.5, None, 1.0), bright_spec(), zoom=0.5) == ""
