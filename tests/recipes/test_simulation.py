from dataclasses import replace

import pytest

from softlight.config import ConfigError
from softlight.recipes.simulation import simulate_movie, simulate_varied
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
