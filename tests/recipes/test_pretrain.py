from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from tests.cases import discs, tiny_recipe, write_discs
from torch import nn

from softlight.config import ConfigError, Recipe, parse_recipe, read_toml, with_settings
from softlight.data.samples import DataError
from softlight.data.sets import open_dataset
from softlight.inference.predict import Segmenter
from softlight.models.saved import CARD, SavedModelError, load_model
from softlight.recipes.beginning import with_beginning
from softlight.recipes.crossval import cross_validate
from softlight.recipes.library import list_recipes, load_recipe
from softlight.recipes.pretrain import pretrain, pretraining
from softlight.recipes.train import Trained, has_checkpoint
from softlight.recipes.train_folder import train_folder
from softlight.training.callbacks import Callback, Row

QUICK = {"train.epochs": 1, "data.samples_per_epoch": 2}
NAMES = ("dish_a", "dish_b", "dish_c", "dish_d")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four annotated images, and a movie without annotation."""
    folder = write_discs(tmp_path_factory.mktemp("data"), NAMES)
    frames = np.stack([discs(seed=seed)[0] for seed in (7, 8)])
    (folder / "unlabelled").mkdir()
    film = folder / "unlabelled" / "film.tif"
    tifffile.imwrite(film, frames, imagej=True, metadata={"axes": "TYX"})
    return folder


@pytest.fixture(scope="module")
def notes() -> list[str]:
    return []


@pytest.fixture(scope="module")
def learned(data: Path, notes: list[str], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("models") / "learned"
    return pretrain(data, out, recipe=tiny_recipe(), licence="CC0", note=notes.append)


class Interrupt(Callback):
    def epoch(self, history: list[Row], network: nn.Module) -> None:
        raise KeyboardInterrupt


def test_it_learns_from_all_images_and_says_so(learned: Trained, notes: list[str]) -> None:
    assert notes[0] == "Learning from 6 frames of 5 images, wells or movies, without annotation."
    assert len(learned.split.train) + len(learned.split.validation) == 6
    history = learned.result.history
    assert learned.result.best_value == max(row["val_psnr"] for row in history)
    assert history[0]["val_psnr_degraded"] == history[1]["val_psnr_degraded"]


def test_the_model_folder_is_whole(learned: Trained) -> None:
    run = learned.folder / "training"
    recipe = parse_recipe(read_toml(run / "recipe.toml"))
    assert recipe == pretraining(tiny_recipe())
    for name in ("history.csv", "curves.png", "checkpoint.safetensors", "images.txt"):
        assert (run / name).stat().st_size > 50, name
    with Image.open(run / "previews" / "epoch_0001.png") as preview:
        assert preview.width > 3 * 300
    page = (learned.folder / "report.html").read_text(encoding="utf-8")
    assert "Pre-training of tiny-pretraining" in page
    assert "Peak signal-to-noise" in page or "signal-to-noise ratio" in page
    assert " dB" in page


def test_the_card_says_what_it_is_for(learned: Trained) -> None:
    _, spec = load_model(learned.folder)
    assert spec.target == "image"
    assert spec.cell_diameter_px is None
    card = (learned.folder / CARD).read_text(encoding="utf-8")
    for words in ("It finds no cells", "softlight train --init", "CC0", "psnr"):
        assert words in card


def test_it_cannot_segment(learned: Trained) -> None:
    with pytest.raises(ValueError, match="'tiny-pretraining' restores images and finds no cells"):
        Segmenter.from_saved(learned.folder)


@pytest.mark.parametrize("channels", [1, 3])
def test_training_begins_from_all_but_its_last_layer(
    data: Path, learned: Trained, tmp_path: Path, channels: int
) -> None:
    recipe = tiny_recipe()
    if channels == 3:
        model = {"depth": 1, "width": 2, "out_channels": 3}
        recipe = tiny_recipe(target="flow", model=model)
    still = {"optimizer.learning_rate": 1e-30, "optimizer.name": "sgd"}  # nothing is learned
    settings = {**QUICK, **still, "train.init": str(learned.folder)}
    begun = train_folder(recipe, data, tmp_path / "on", settings=settings)
    before, after = learned.result.network.state_dict(), begun.result.network.state_dict()
    learnable = [name for name, _ in begun.result.network.named_parameters()]
    same = [name for name in learnable if torch.equal(before[name].cpu(), after[name])]
    assert same == [name for name in learnable if not name.startswith("head.")]
    assert begun.spec.provenance["started_from"] == learned.folder.name
    assert "The weights began as those of" in (begun.folder / CARD).read_text(encoding="utf-8")


def test_a_model_to_begin_from_that_is_not_there_is_told_before_anything_is_read(
    data: Path, tmp_path: Path
) -> None:
    settings = {**QUICK, "train.init": "nowhere"}
    with pytest.raises(SavedModelError, match="nowhere is neither a folder nor a shipped model"):
        train_folder(tiny_recipe(), data, tmp_path, settings=settings)
    assert not has_checkpoint(tmp_path)


def test_a_network_of_another_shape_is_refused(
    data: Path, learned: Trained, tmp_path: Path
) -> None:
    settings = {**QUICK, "train.init": str(learned.folder), "model.width": 8}
    with pytest.raises(
        SavedModelError, match="Start from a model of the same depth, width and stride"
    ):
        train_folder(tiny_recipe(), data, tmp_path, settings=settings)


def test_the_network_has_the_shape_of_the_one_that_it_begins_from(learned: Trained) -> None:
    other = with_settings(tiny_recipe(), {"model.width": 5, "model.stride": 2, "model.depth": 1})
    begun = {"train.init": str(learned.folder)}
    own = learned.spec.model
    chosen = with_beginning(other, begun).model
    assert (chosen.width, chosen.stride, chosen.depth) == (own.width, own.stride, own.depth)
    assert chosen.out_channels == other.model.out_channels
    assert with_beginning(other, begun | {"model.width": 8}).model.width == 8  # as it was asked for
    assert with_beginning(other, {}).model == other.model
    of_another_kind = with_settings(other, {"model.name": "unetpp"})
    assert with_beginning(of_another_kind, begun).model == of_another_kind.model


def test_a_run_goes_on_to_the_same_weights(data: Path, learned: Trained, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pretrain(data, tmp_path, recipe=tiny_recipe(), callbacks=[Interrupt()])
    assert has_checkpoint(tmp_path)
    with pytest.raises(ConfigError, match="holds a training run already"):
        pretrain(data, tmp_path, recipe=tiny_recipe())
    resumed = pretrain(data, tmp_path, recipe=tiny_recipe(), resume=True)
    assert resumed.spec.weights_sha256 == learned.spec.weights_sha256


def test_one_image_alone_is_enough(data: Path, tmp_path: Path) -> None:
    image = data / "images" / "dish_a.tif"
    one = pretrain([image], tmp_path, recipe=tiny_recipe(), settings=QUICK)
    assert "No image was held out" in (one.folder / "report.html").read_text(encoding="utf-8")


def test_only_so_many_frames_are_taken(data: Path, tmp_path: Path) -> None:
    told: list[str] = []
    settings = {**QUICK, "data.images": 3}
    few = pretrain(data, tmp_path, recipe=tiny_recipe(), settings=settings, note=told.append)
    assert len({*few.split.train, *few.split.validation}) == 3
    assert "There are 6" in told[1]


def test_nothing_to_learn_from_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image"):
        pretrain(tmp_path, tmp_path / "out")


def test_a_recipe_of_restoring_is_not_for_annotated_images(data: Path, tmp_path: Path) -> None:
    recipe = pretraining(tiny_recipe())
    with pytest.raises(ConfigError, match="learned from by softlight pretrain"):
        train_folder(recipe, data, tmp_path)
    with pytest.raises(ConfigError, match="learned from by softlight pretrain"):
        cross_validate(recipe, open_dataset(data), tmp_path, k=2)
    assert pretraining(recipe, {"train.epochs": 9}) == with_settings(recipe, {"train.epochs": 9})


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_of_a_network_can_be_prepared_for(name: str) -> None:
    recipe = load_recipe(name)
    before: Recipe = pretraining(recipe)
    assert before.target == "image"
    assert before.preprocess == recipe.preprocess
    same = {"out_channels": recipe.model.in_channels}
    assert before.model == recipe.model.model_copy(update=same)
