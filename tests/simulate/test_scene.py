import dataclasses
import functools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from softlight.simulate.movie import simulate
from softlight.simulate.scene import Scene, SceneError, scene_values
from softlight.simulate.variety import random_scene

SMALL = Scene(frames=2, height=64, width=72, cells=6, pixel_size_um=2.0, interval_min=30.0)
FLUORESCENT = dataclasses.replace(SMALL, modality="fluorescence")
RICH = dataclasses.replace(SMALL, debris=30.0, cells=12)

CHANGED = {
    "modality": (SMALL, "fluorescence"),
    "morphology": (SMALL, "round"),
    "interval_min": (SMALL, 90.0),
    "pixel_size_um": (SMALL, 1.5),
    "cell_diameter_um": (SMALL, 50.0),
    "size_variation": (SMALL, 0.6),
    "clustering": (RICH, 1.0),
    "division_rate_per_h": (SMALL, 1.0),
    "death_rate_per_h": (SMALL, 2.0),
    "speed_um_per_min": (SMALL, 2.0),
    "polarity": (SMALL, "bright"),
    "contrast": (SMALL, 0.2),
    "thickness": (SMALL, 2.0),
    "granularity": (SMALL, 3.0),
    "granule_px": (SMALL, 3.0),
    "halo_px": (SMALL, 3.0),
    "defocus": (SMALL, 6.0),
    "blur_px": (SMALL, 3.0),
    "haze": (FLUORESCENT, 0.8),
    "bleaching_per_frame": (FLUORESCENT, 0.3),
    "illumination": (SMALL, 0.6),
    "background_removal_px": (SMALL, 4.0),
    "photons": (SMALL, 50.0),
    "read_noise": (SMALL, 200.0),
    "debris": (SMALL, 60.0),
    "out_of_focus": (SMALL, 1.0),
    "cells": (SMALL, 14),
    "seed": (SMALL, 5),
    "bit_depth": (SMALL, 16),
    "frames": (SMALL, 3),
    "height": (SMALL, 80),
    "width": (SMALL, 80),
}


def test_every_field_has_a_case_below() -> None:
    assert set(CHANGED) == {item.name for item in dataclasses.fields(Scene)}


@functools.cache
def _images(scene: Scene) -> NDArray[Any]:
    return simulate(scene).images


@pytest.mark.parametrize("name", CHANGED)
def test_each_field_changes_the_movie(name: str) -> None:
    scene, value = CHANGED[name]
    before = _images(scene)
    after = simulate(dataclasses.replace(scene, **{name: value})).images
    assert before.shape != after.shape or not np.array_equal(before, after)


def test_a_field_of_the_light_leaves_the_cells_where_they_are() -> None:
    before = simulate(SMALL).labels
    assert before.any()
    for name in ("contrast", "photons", "read_noise", "halo_px", "debris", "illumination"):
        after = simulate(dataclasses.replace(SMALL, **{name: CHANGED[name][1]})).labels
        assert np.array_equal(before, after), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"morphology": "square"}, "morphology is 'square'; it must be one of round, spindly"),
        ({"modality": "dic"}, "modality is 'dic'; it must be one of phase, fluorescence"),
        ({"polarity": "grey"}, "polarity is 'grey'; it must be one of dark, bright"),
        ({"frames": 0}, "frames is 0; it must be from 1 to"),
        ({"frames": 2.5}, "frames is 2.5; it must be a whole number"),
        ({"cells": True}, "cells is True; it must be a whole number"),
        ({"photons": -4}, "photons is -4; it must be from 1 to"),
        ({"photons": math.nan}, "photons is nan; it must be from"),
        ({"haze": "much"}, "haze is 'much'; it must be a number"),
        ({"bit_depth": 12}, "bit_depth is 12; it must be 8 or 16"),
        ({"cell_diameter_um": 900.0}, "is 725.8 pixels wide; choose the two so that it is 4 to"),
        ({"frames": 9000, "height": 999, "width": 999}, "too many pixels for one movie"),
    ],
)
def test_a_bad_setting_is_one_clear_error(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SceneError, match=message):
        Scene(**changes)  # type: ignore[arg-type]


def test_scene_values_make_the_scene_again() -> None:
    assert Scene(**scene_values(RICH)) == RICH  # type: ignore[arg-type]


def test_random_scenes_are_varied_and_reproducible() -> None:
    scenes = [random_scene(np.random.default_rng(seed)) for seed in range(60)]
    assert scenes == [random_scene(np.random.default_rng(seed)) for seed in range(60)]
    assert {scene.modality for scene in scenes} == {"phase", "fluorescence"}
    assert {scene.morphology for scene in scenes} == {"round", "spindly", "sheet", "neurites"}
    assert {scene.polarity for scene in scenes} == {"dark", "bright"}
    sizes = [scene.cell_diameter_px for scene in scenes]
    assert min(sizes) < 20 < 50 < max(sizes)


def test_random_scenes_obey_what_is_asked() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        scene = random_scene(rng, modality="phase", size=(96, 128), frames=3)
        assert (scene.modality, scene.height, scene.width, scene.frames) == ("phase", 96, 128, 3)
        nuclei = random_scene(rng, modality="fluorescence", morphology="round")
        assert (nuclei.modality, nuclei.morphology) == ("fluorescence", "round")
        assert 10 <= nuclei.cell_diameter_px <= 40
