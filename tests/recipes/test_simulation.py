from dataclasses import replace

import numpy as np
import pytest

from softlight.config import ConfigError
from softlight.data.sets import open_dataset
from softlight.recipes.simulation import simulate_classes, simulate_movie, simulate_varied
from softlight.simulate.scene import Scene

SCENE = Scene(frames=2, height=48, width=64, cells=3, seed=5)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_movie_again_gives_the_same_bytes(tmp_path):
    simulate_movie(tmp_path, SCENE)
    before = contents(tmp_path)
    simulate_movie(tmp_path, SCENE)
    assert contents(tmp_path) == before
    assert "images/sim_t001.tif" in before


def test_a_shorter_movie_does_not_keep_the_frames_of_a_longer_one(tmp_path):
    simulate_movie(tmp_path, SCENE)
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match=r"images holds sim_t001\.tif, which is not of this"):
        simulate_movie(tmp_path, replace(SCENE, frames=1))
    assert contents(tmp_path) == before


def test_varied_scenes_do_not_mix_with_a_movie_or_with_more_scenes(tmp_path):
    simulate_movie(tmp_path / "movie", SCENE)
    with pytest.raises(ConfigError, match=r"holds sim_t000\.tif.*Choose another folder"):
        simulate_varied(tmp_path / "movie", count=1, modality="phase", size=(48, 64))
    simulate_varied(tmp_path / "varied", count=2, modality="phase", size=(48, 64))
    simulate_varied(tmp_path / "varied", count=2, modality="phase", size=(48, 64))
    with pytest.raises(ConfigError, match=r"holds scene1_t000\.tif"):
        simulate_varied(tmp_path / "varied", count=1, modality="phase", size=(48, 64))


def test_tissue_of_several_classes_opens_as_a_data_set(tmp_path):
    names = simulate_classes("three-class", tmp_path / "two", images=2, seed=3, size=(64, 64))
    simulate_classes("three-class", tmp_path / "one", images=1, seed=3, size=(64, 64))
    assert names == ("cytoplasm", "membrane", "nucleus")
    dataset = open_dataset(tmp_path / "two")
    assert [sample.group for sample in dataset.samples] == ["tissue00", "tissue01"]
    assert set(np.unique(dataset.samples[1].read().labels)) == {0, 1, 2}
    two, one = contents(tmp_path / "two"), contents(tmp_path / "one")
    assert {name: two[name] for name in one} == one


def test_tissue_does_not_mix_with_more_of_it_and_needs_an_image(tmp_path):
    simulate_classes("membrane", tmp_path, images=2, size=(48, 64))
    with pytest.raises(ConfigError, match=r"holds tissue01\.tif, which is not of this"):
        simulate_classes("membrane", tmp_path, images=1, size=(48, 64))
    with pytest.raises(ConfigError, match="0 images were asked for"):
        simulate_classes("membrane", tmp_path, images=0)
