"""The command that makes shipped models: what trains, what judges, what the card says."""

from pathlib import Path

import pandas as pd
import pytest
from benchmarks.ship import DSB2018, MODELS, Scenes, folders_of, means_of, parts_of
from tests.cases import write_discs

from softlight.config import with_settings
from softlight.data.sets import open_dataset
from softlight.models.card import CardText
from softlight.recipes.library import load_recipe


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_recipe_of_single_cells(name: str) -> None:
    recipe = load_recipe(MODELS[name].recipe)
    assert recipe.target == "flow"
    assert with_settings(recipe, {"name": name, "train.minutes": 1}).name == name


def test_what_is_open_learns_from_nothing_else() -> None:
    for name in ("phase-open", "nuclei"):
        assert all("NC" not in source.licence for source in MODELS[name].sets)


def test_each_set_is_trained_validated_and_tested(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_discs(tmp_path / name, tuple(f"{name}{i}" for i in range(10)), side=32)
    samples = open_dataset([tmp_path / "one", tmp_path / "two"]).samples
    split, test = parts_of(samples, load_recipe("nuclei"), 0.2)
    parts = {"train": split.train, "validation": split.validation, "test": test}
    names = [sample.name for part in parts.values() for sample in part]
    assert len(names) == len(set(names)) == 20
    assert all({s.tags["set"] for s in part} == {"one", "two"} for part in parts.values())
    everything, nothing = parts_of(samples, load_recipe("nuclei"), 0)
    assert len(everything.train) + len(everything.validation) == 20
    assert nothing == ()


def test_scenes_are_made_beside_the_real_images(tmp_path: Path) -> None:
    from dataclasses import replace

    few = replace(MODELS["nuclei"], scenes=Scenes(2, "fluorescence", "round", 48))
    folders = folders_of(few, Path("shared"), tmp_path)
    assert list(folders) == [Path("shared") / DSB2018.folder, tmp_path / "simulated"]
    assert len(open_dataset(tmp_path / "simulated")) == 2
    assert few.scenes is not None
    assert "--varied 2 --modality fluorescence --morphology round" in few.scenes.command
    assert few.text.summary != CardText().summary


def test_means_by_set_and_cell_type() -> None:
    images = pd.DataFrame(
        {
            "set": ["a", "a", "b"],
            "cell_type": ["x", "y", None],
            "ap50": [0.2, 0.4, float("nan")],
            "dice": [0.5, 0.7, 0.9],
        }
    )
    means = means_of(images)
    assert means["set"].tolist() == ["a", "a", "b"]
    assert means["cell type"].tolist() == ["x", "y", ""]
    assert means["images"].tolist() == [1, 1, 1]
    assert means["Dice"].tolist() == [0.5, 0.7, 0.9]
