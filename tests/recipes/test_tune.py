"""Networks of single cells: their maps divided, their thresholds tuned, their run whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cases import discs, tiny_recipe, write_discs

from softlight.config import (
    ConfigError,
    ModelConfig,
    ModelSpec,
    PreprocessConfig,
    parse_recipe,
)
from softlight.data.loader import Decoded
from softlight.data.targets import flow_targets
from softlight.inference.predict import Segmenter
from softlight.recipes.divide import Options, divide_cells, label_cells
from softlight.recipes.train_folder import train_folder
from softlight.recipes.tune import _as_good_as_the_best, tune

IMAGE, LABELS = discs(count=5, seed=3)


def spec_of(**values: Any) -> ModelSpec:
    model = ModelConfig(depth=1, width=2, out_channels=3)
    return ModelSpec(
        name="cells", model=model, preprocess=PreprocessConfig(), target="flow", **values
    )


def true_maps() -> np.ndarray:
    return np.concatenate([(LABELS > 0)[None].astype(np.float32), flow_targets(LABELS)])


def decoded(labels: np.ndarray) -> Decoded:
    return Decoded("a", IMAGE[None], (labels > 0).astype(np.int32), None, labels=labels)


class Knowing(Segmenter):
    """Gives the true maps, whatever it is shown."""

    def __init__(self, spec: ModelSpec, maps: np.ndarray) -> None:
        self.spec = spec
        self._maps = maps

    def prepared(self, *_: Any, **__: Any) -> np.ndarray:
        return self._maps


def test_true_maps_give_the_true_cells() -> None:
    cells = divide_cells(true_maps(), spec_of(), Options())
    assert cells.max() == len(np.unique(LABELS)) - 1
    np.testing.assert_array_equal(cells > 0, LABELS > 0)


def test_undivided_cells_are_connected_pieces() -> None:
    cells = divide_cells(true_maps(), spec_of(), Options(touching=False))
    np.testing.assert_array_equal(cells > 0, LABELS > 0)


def test_tuning_finds_the_threshold_that_the_maps_need() -> None:
    maps = true_maps()
    maps[0] = np.where(LABELS > 0, 0.7, 0.55)  # at 0.5 everything would be cell
    item = decoded(LABELS)
    seen: list[tuple[int, int]] = []
    spec = tune(Knowing(spec_of(), maps), [item], progress=lambda *done: seen.append(done))
    assert spec.threshold == 0.6
    assert seen == [(1, 1)]


def test_what_chance_may_have_made_best_does_not_count() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(0.5, 0.2, (6, 1))  # images differ much, columns little
    scores = np.hstack([level, level + 0.001 * rng.normal(size=(6, 1)), level - 0.1])
    assert _as_good_as_the_best(scores).tolist() == [True, True, False]
    assert _as_good_as_the_best(scores[:1]).sum() == 1


def test_of_equally_good_thresholds_the_usual_ones_are_taken() -> None:
    spec = spec_of()
    tuned = tune(Knowing(spec, true_maps()), [decoded(LABELS)])
    assert (tuned.threshold, tuned.split) == (spec.threshold, spec.split)


def test_images_without_cells_tune_nothing() -> None:
    empty = decoded(np.zeros_like(LABELS))
    spec = spec_of(threshold=0.37)
    assert tune(Knowing(spec, true_maps()), [empty]) == spec


def test_a_network_of_cells_is_trained_and_used(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", ("dish_a", "dish_b", "dish_c", "dish_d"))
    model = {"depth": 1, "width": 2, "out_channels": 3}
    recipe = tiny_recipe(target="flow", model=model)
    trained = train_folder(recipe, data, tmp_path / "model")
    assert trained.spec.target == "flow"
    again = Segmenter.from_saved(tmp_path / "model")
    assert again.spec.split == trained.spec.split
    assert again.probability(IMAGE).shape == (1, *IMAGE.shape)
    assert again.maps(IMAGE, flips=True).shape == (3, *IMAGE.shape)
    assert label_cells(IMAGE, again, Options()).shape == IMAGE.shape


def test_cells_need_their_outputs() -> None:
    with pytest.raises(ConfigError, match=r"needs two classes and model\.out_channels = 3"):
        parse_recipe({"name": "x", "target": "flow"})


def test_where_nothing_is_held_out_the_weights_of_the_end_are_kept(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", ("dish_a", "dish_b"))
    recipe = tiny_recipe(data={"validation_fraction": 0.0, "patch_px": 32}, train={"epochs": 3})
    trained = train_folder(recipe, data, tmp_path / "model")
    assert trained.result.best_epoch == 3
