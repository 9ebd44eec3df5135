"""The demo's sample movie is what its scene makes."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from softlight.io.images import open_movie
from softlight.io.labels import open_label_movie
from softlight.simulate.movie import simulate
from softlight.simulate.variety import DEMO_SCENE

SAMPLE = Path(str(resources.files("softlight") / "recipes" / "sample"))


def test_the_sample_files_are_the_demo_scene() -> None:
    made = simulate(DEMO_SCENE)
    shipped = open_movie(SAMPLE / "demo_movie.tif")
    images = np.stack([shipped.frame(t) for t in range(len(shipped))])
    assert images.dtype == np.uint8
    assert np.array_equal(list(open_label_movie(SAMPLE / "demo_labels.tif")), made.labels)
    # Another processor may round a sine another way: then a few pixels differ by one grey value.
    assert images == pytest.approx(made.images.astype(int), abs=1)
    assert (images != made.images).mean() < 1e-3
    assert shipped.pixel_size_um == pytest.approx(DEMO_SCENE.pixel_size_um)
    assert shipped.frame_interval_min == pytest.approx(DEMO_SCENE.interval_min)


def test_the_sample_is_small_and_shows_growth() -> None:
    files = [SAMPLE / "demo_movie.tif", SAMPLE / "demo_labels.tif"]
    assert sum(path.stat().st_size for path in files) < 1_500_000
    labels = open_label_movie(files[1])
    cells = [len(np.unique(frame)) - 1 for frame in labels]
    assert cells[-1] > cells[0] > 10
    assert (labels[-1] > 0).mean() > (labels[0] > 0).mean()
