import csv
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.cases import decoded_discs, tiny_recipe, write_discs
from torch import nn

from softlight.config import ConfigError, Recipe, parse_recipe, read_toml, with_settings
from softlight.data.samples import DataError
from softlight.io.labels import read_labels, write_labels
from softlight.models.saved import CARD, SPEC, WEIGHTS, load_model
from softlight.recipes.train import Trained, _pixel_size, has_checkpoint
from softlight.recipes.train_folder import train_folder
from softlight.training.callbacks import Callback, Row, StepReport
from softlight.training.checkpoint import CheckpointError

NAMES = ("dish_a", "dish_b", "dish_c", "dish_d")
QUICK = {"train.epochs": 1, "data.samples_per_epoch": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("data"), NAMES)


@pytest.fixture(scope="module")
def notes() -> list[str]:
    return []


@pytest.fixture(scope="module")
def trained(data: Path, notes: list[str], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("models") / "model"
    return train_folder(tiny_recipe(), data, out, licence="CC0", note=notes.append)


class Interrupt(Callback):
    """Ctrl-C after so many epochs, or at the first batch."""

    def __init__(self, after_epochs: int) -> None:
        self.after_epochs = after_epochs

    def step(self, report: StepReport) -> None:
        if self.after_epochs == 0:
            raise KeyboardInterrupt

    def epoch(self, history: list[Row], network: nn.Module) -> None:
        if len(history) == self.after_epochs:
            raise KeyboardInterrupt


def names(samples: Sequence[object]) -> list[str]:
    return [sample.name for sample in samples]  # type: ignore[attr-defined]


def test_the_model_folder_is_whole(trained: Trained) -> None:
    run = trained.folder / "training"
    for path in (
        *(trained.folder / name for name in (WEIGHTS, SPEC, CARD, "report.html")),
        *(run / name for name in ("history.csv", "curves.png", "checkpoint.safetensors")),
        run / "previews" / "epoch_0001.png",
    ):
        assert path.stat().st_size > 100, path
    assert parse_recipe(read_toml(run / "recipe.toml")) == tiny_recipe()
    assert not [path for path in trained.folder.rglob("*") if path.name.startswith(".")]


def test_history_has_a_row_an_epoch(trained: Trained) -> None:
    with (trained.folder / "training" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_dice"]) == trained.result.history[1]["val_dice"]


def test_the_saved_model_says_what_it_was_made_of(trained: Trained) -> None:
    _, spec = load_model(trained.folder)
    assert spec == trained.spec
    assert spec.provenance["training_images"] == "3"
    assert spec.provenance["validation_images"] == "1"
    assert spec.provenance["licence_of_data"] == "CC0"
    assert spec.cell_diameter_px == pytest.approx(12, abs=2)  # discs of radius 6
    card = (trained.folder / CARD).read_text(encoding="utf-8")
    assert "CC0" in card
    assert "1 images held out of training" in card


def test_the_split_is_told(trained: Trained, notes: list[str]) -> None:
    assert "1 image of 4 validate" in " ".join(notes)
    assert set(names(trained.split.train)) | set(names(trained.split.validation)) == set(NAMES)


def test_a_run_goes_on_to_the_same_weights(data: Path, trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_folder(tiny_recipe(), data, tmp_path, callbacks=[Interrupt(1)])
    assert not (tmp_path / WEIGHTS).exists()
    resumed = train_folder(tiny_recipe(), data, tmp_path, resume=True)
    assert len(resumed.result.history) == 2
    assert resumed.spec.weights_sha256 == trained.spec.weights_sha256


def test_resuming_with_other_settings_is_refused(
    data: Path, trained: Trained, tmp_path: Path
) -> None:
    copy = shutil.copytree(trained.folder, tmp_path / "copy")
    with pytest.raises(ConfigError, match="was started with other settings"):
        train_folder(tiny_recipe(), data, copy, settings={"train.epochs": 3}, resume=True)
    assert parse_recipe(read_toml(copy / "training" / "recipe.toml")) == tiny_recipe()


def test_resuming_what_never_began_is_an_error(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="Train without --resume first"):
        train_folder(tiny_recipe(), data, tmp_path, resume=True)


def test_forgetting_to_resume_never_destroys_a_run(
    data: Path, trained: Trained, tmp_path: Path
) -> None:
    copy = shutil.copytree(trained.folder, tmp_path / "copy")
    with pytest.raises(ConfigError, match="holds a training run already"):
        train_folder(tiny_recipe(), data, copy)
    assert has_checkpoint(copy)


def test_a_run_cannot_go_on_with_other_images(data: Path, trained: Trained, tmp_path: Path) -> None:
    copy = shutil.copytree(trained.folder, tmp_path / "copy")
    other = shutil.copytree(data, tmp_path / "other")
    for folder in ("images", "labels"):
        sorted((other / folder).iterdir())[-1].unlink()
    with pytest.raises(ConfigError, match="was started with other images"):
        train_folder(tiny_recipe(), other, copy, resume=True)


def test_validation_by_name(data: Path, tmp_path: Path) -> None:
    one = train_folder(tiny_recipe(), data, tmp_path, settings=QUICK, validation=["dish_c.tif"])
    assert names(one.split.validation) == ["dish_c"]
    assert one.spec.provenance["validation_images"] == "1"
    with pytest.raises(DataError, match="Not in the data set: dish_x"):
        train_folder(tiny_recipe(), data, tmp_path / "x", validation=["dish_x"])


def test_without_a_recipe_settings_are_chosen_told_and_kept(data: Path, tmp_path: Path) -> None:
    told: list[str] = []
    small = {"model.width": 2, "model.depth": 1, "train.device": "cpu", "train.precision": "32"}
    train_folder(None, data, tmp_path, settings=QUICK | small, note=told.append)
    assert any("4 annotated images of type uint8" in line for line in told)
    assert any("Crops of 48 pixels" in line for line in told)
    kept = parse_recipe(read_toml(tmp_path / "training" / "recipe.toml"))
    assert (kept.name, kept.model.width, kept.data.patch_px) == ("chosen", 2, 48)
    again = train_folder(None, data, tmp_path, resume=True)  # with the settings that it kept
    assert again.result.stopped_by == "1 epochs are done"


@pytest.mark.parametrize("number", [1, 2])
def test_one_or_two_images_are_enough(number: int, tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", NAMES[:number])
    told: list[str] = []
    one = train_folder(tiny_recipe(), data, tmp_path / "model", settings=QUICK, note=told.append)
    page = (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert ("No image was held out" in page) == (number == 1)
    assert one.spec.provenance["validation_images"] == str(number - 1)
    assert any("not how good the model is" in line for line in told) == (number == 1)


def three_classes() -> Recipe:
    return tiny_recipe(
        classes=["background", "dead", "alive"],
        model={"depth": 1, "width": 2, "out_channels": 3},
        loss={"terms": [{"name": "cross_entropy"}], "class_weights": "auto"},
    )


def test_three_classes(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", NAMES[:2], classes=3)
    one = train_folder(three_classes(), data, tmp_path / "model", settings=QUICK)
    assert one.spec.classes == ("background", "dead", "alive")
    assert one.spec.cell_diameter_px == pytest.approx(12, abs=4)  # of discs, not of classes
    page = (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert "dice dead" in page


def test_a_label_beyond_the_classes_names_the_image(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", NAMES[:2], classes=3)
    write_labels(data / "labels" / "dish_b.tif", np.full((48, 48), 3))
    with pytest.raises(DataError, match=r"dish_b holds 3\. Correct the label image"):
        train_folder(three_classes(), data, tmp_path / "model")


def test_missing_partners_are_one_error_before_anything_is_written(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", NAMES)
    (data / "labels" / "dish_a.tif").unlink()
    (data / "images" / "dish_d.tif").unlink()
    with pytest.raises(DataError, match="has 2 problems") as told:
        train_folder(tiny_recipe(), data, tmp_path / "model")
    assert "dish_a.tif has no partner" in str(told.value)
    assert "dish_d.tif has no partner" in str(told.value)
    assert not (tmp_path / "model").exists()


def test_several_folders_train_one_model_that_names_them_all(data: Path, tmp_path: Path) -> None:
    masks = write_discs(tmp_path / "masks", ("m_a", "m_b"))
    for path in (masks / "labels").iterdir():
        write_labels(path, (read_labels(path) > 0).astype(np.int32))
    model = {"depth": 1, "width": 2, "out_channels": 3}
    recipe = tiny_recipe(target="flow", model=model)
    told: list[str] = []
    licences = ["CC0 1.0", "MIT"]
    one = train_folder(
        recipe, [data, masks], tmp_path / "m", settings=QUICK, licence=licences, note=told.append
    )
    assert one.spec.provenance["data"] == f"{data.name}, masks"
    assert one.spec.provenance["licence_of_data"] == f"{data.name}: CC0 1.0; masks: MIT"
    assert any("masks: its labels do not tell touching cells apart" in line for line in told)
    assert {s.tags["set"] for s in (*one.split.train, *one.split.validation)} == {
        data.name,
        "masks",
    }
    with pytest.raises(ConfigError, match="3 licences were given for 2 data sets"):
        train_folder(recipe, [data, masks], tmp_path / "n", licence=["a", "b", "c"])
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([0.5, 0.6, 1.0], 0.6),
        ([0.5, None, 0.7], 0.6),
        ([0.5, 0.6, 1.1], None),  # they differ: the network knows many scales
        ([0.5, None, None], None),
        ([None], None),
    ],
)
def test_a_pixel_size_is_kept_where_most_images_agree(
    sizes: list[float | None], expected: float | None
) -> None:
    items = [replace(decoded_discs(1)[0], pixel_size_um=size) for size in sizes]
    assert _pixel_size(items) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"augment.zoom": [2, 1]}, "Augmentation zoom"),
        ({"loss.terms": [{"name": "bse"}]}, "There is no loss 'bse'"),
        ({"model.name": "vnet"}, "There is no network 'vnet'"),
    ],
)
def test_parts_that_do_not_exist_are_told_before_images_are_decoded(
    data: Path, tmp_path: Path, settings: dict[str, object], told: str
) -> None:
    recipe = with_settings(tiny_recipe(), settings)
    with pytest.raises(ValueError, match=told):
        train_folder(recipe, data, tmp_path / "model")
    assert not (tmp_path / "model").exists()
