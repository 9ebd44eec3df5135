"""The command that makes shipped models: what trains, what judges, what the card says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.ship import DSB2018, MODELS, Scenes, folders_of, means_of, parts_of
from tests.cases import write_discs

from benchmarks import ship
from softlight.config import with_settings
from softlight.data.sets import open_dataset
from softlight.io.labels import read_labels, write_labels
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


def test_a_model_is_made_judged_and_carded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = write_discs(tmp_path / "shared" / "cells", tuple(f"c{i}" for i in range(6)), side=48)
    masks = write_discs(tmp_path / "shared" / "masks", ("m0", "m1"), count=6, side=48)
    for path in (masks / "labels").iterdir():
        write_labels(path, (read_labels(path) > 0).astype(np.int32))
    well = "A172_Phase_C7_1_00d20h00m_{}"
    write_discs(tmp_path / "shared" / "other", tuple(well.format(i) for i in (1, 2)), side=48)
    sets = tuple(ship.Source(path.name, licence) for path, licence in ((cells, "CC0"), (masks, "")))
    tiny = ship.Shipped(
        "nuclei", sets, (ship.Source("other", "x"),), Scenes(1, "phase", None, 48), CardText()
    )
    monkeypatch.setitem(MODELS, "nuclei", tiny)
    settings = ["model.depth=1", "model.width=2", "data.patch_px=32", "data.samples_per_epoch=4"]
    out = tmp_path / "out"
    words = ["nuclei", "--shared", str(tmp_path / "shared"), "--minutes", "0.01", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["ship.py", *words, "--set", *settings])
    ship.main()
    table = capsys.readouterr().out
    card = (out / "nuclei" / "card.md").read_text(encoding="utf-8")
    assert table.strip() in card
    assert "| other (never trained on) | A172 |" in card
    assert "cells: CC0; masks: not stated; simulated: made by this program" in card
    assert "softlight simulate --varied 1 --modality phase --height 48" in card
    assert "--set model.depth=1" in card
    images = pd.read_csv(out / "nuclei" / "test" / "metrics.csv")
    assert set(images["set"]) >= {"cells", "masks", "other (never trained on)"}
    assert images[images["set"] == "masks"]["ap50"].isna().all()
