from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from tests.cases import tiny_recipe, write_discs
from torch import nn

from softlight.config import ConfigError
from softlight.data.samples import DataSet
from softlight.data.sets import open_dataset
from softlight.recipes.crossval import cross_validate
from softlight.training.callbacks import Callback, Row

NAMES = ("001", "002", "003", "004")  # that must stay text
RECIPE = tiny_recipe(
    data={"validation_fraction": 0.0, "batch_size": 2, "patch_px": 24, "samples_per_epoch": 4}
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return open_dataset(write_discs(tmp_path_factory.mktemp("data"), NAMES))


@pytest.fixture(scope="module")
def finished(dataset: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished")
    cross_validate(RECIPE, dataset, out, k=2)
    return out


class Interrupt(Callback):
    def epoch(self, history: list[Row], network: nn.Module) -> None:
        raise KeyboardInterrupt


def in_fold_two(name: str) -> Sequence[Callback]:
    return [Interrupt()] if name == "fold 2 of 2" else []


def read(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "metrics.csv", dtype={"image": str, "group": str})


def test_every_image_is_tested_once_and_names_stay_text(finished: Path) -> None:
    table = read(finished)
    assert sorted(table["image"]) == list(NAMES)
    assert sorted(table["fold"]) == [1, 1, 2, 2]


def test_no_fold_trains_on_what_it_tests(finished: Path, dataset: DataSet) -> None:
    for number in (1, 2):
        tested = (finished / f"fold-{number}" / "held-out.txt").read_text().split()
        assert tested == read(finished / f"fold-{number}")["image"].tolist()
        assert len(tested) == 2


def test_an_interrupted_one_ends_in_the_same_table(
    finished: Path, dataset: DataSet, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        cross_validate(RECIPE, dataset, tmp_path, k=2, watch=in_fold_two)
    assert (tmp_path / "fold-2" / "training" / "checkpoint.safetensors").is_file()
    assert not (tmp_path / "metrics.csv").exists()
    told: list[str] = []
    table = cross_validate(RECIPE, dataset, tmp_path, k=2, note=told.append)
    assert len(told) == 1  # the first fold was finished
    pd.testing.assert_frame_equal(read(tmp_path), read(finished))
    assert table["image"].tolist() == read(finished)["image"].tolist()


def test_folds_of_other_settings_or_images_are_not_mixed_in(
    finished: Path, dataset: DataSet
) -> None:
    with pytest.raises(ConfigError, match=r"fold-1 is of other settings \(see recipe\.toml"):
        cross_validate(RECIPE.model_copy(update={"title": "x"}), dataset, finished, k=2)
    with pytest.raises(ConfigError, match=r"fold-1 holds out other images"):
        cross_validate(RECIPE, dataset, finished, k=4)
