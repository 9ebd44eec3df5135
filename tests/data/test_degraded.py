import numpy as np
import pytest
from tests.cases import discs

from softlight.config import DegradeConfig
from softlight.data.degradation import Degradation, DegradationError, degrade
from softlight.data.degraded import degraded_samples
from softlight.data.samples import Annotated, Sample

GREY = (255 * discs(seed=3)[0].clip(0, 1)).astype(np.uint8)
LABELS = discs(seed=3)[1]
SAMPLES = [Sample(str(i), "g", lambda: Annotated(GREY, LABELS)) for i in range(3)]


def test_the_image_is_worse_and_the_annotation_as_it_was() -> None:
    how = Degradation(factor=0.25, photons=50)
    worse = degraded_samples(SAMPLES, how, seed=9)
    assert [sample.name for sample in worse] == ["0", "1", "2"]
    one, other = worse[0].read(), worse[1].read()
    assert np.array_equal(one.labels, LABELS)
    assert np.array_equal(one.image, degrade(GREY, how, seed=9))
    assert np.array_equal(one.image, worse[0].read().image)
    assert not np.array_equal(one.image, other.image)  # noise of its own
    assert np.array_equal(SAMPLES[0].read().image, GREY)


def test_each_sample_draws_its_own_within_settings() -> None:
    config = DegradeConfig(factor=(0.1, 0.9))
    one, other = (s.read().image for s in degraded_samples(SAMPLES[:2], config))
    assert not np.array_equal(one, other)
    again = degraded_samples(SAMPLES[:2], config)[0].read().image
    assert np.array_equal(one, again)


def test_nothing_is_done_where_nothing_is_asked() -> None:
    (same,) = degraded_samples(SAMPLES[:1], Degradation())
    assert same.read().image is GREY


def test_images_must_come_back_to_the_grid_of_their_labels() -> None:
    with pytest.raises(DegradationError, match="must come back to the grid of their labels"):
        degraded_samples(SAMPLES, Degradation(factor=0.5, up="none"))
