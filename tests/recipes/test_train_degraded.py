"""Training on images that are made worse, and the networks that restore."""

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.cases import decoded_discs, discs, tiny_recipe, write_discs

from softlight.config import ConfigError, Recipe, parse_recipe
from softlight.data.splits import Split
from softlight.inference.predict import Segmenter
from softlight.inference.restored import Restorer
from softlight.models.saved import load_model, read_card
from softlight.recipes.joining import join_models
from softlight.recipes.train import train, worse_copies
from softlight.recipes.train_folder import train_folder

RAW = (255 * discs(seed=1)[0].clip(0, 1)).astype(np.uint8)
QUARTER = {"factor": (0.25, 0.25)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("data"), ("a", "b", "c", "d"))


def trained(recipe: Recipe, data: Path, out: Path) -> Path:
    return train_folder(recipe, data, out).folder


def restoring(**sections: object) -> Recipe:
    given = {
        "target": "image",
        "degrade": QUARTER,
        "train": {"epochs": 1, "precision": "32", "device": "cpu", "monitor": "psnr"},
    }
    return tiny_recipe(**(given | sections))


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "training" / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("target", ["classes", "flow"])
def test_cells_are_learned_from_worse_images(data: Path, tmp_path: Path, target: str) -> None:
    channels = 1 if target == "classes" else 3
    model = {"depth": 1, "width": 2, "out_channels": channels}
    recipe = tiny_recipe(
        target=target,
        model=model,
        degrade=QUARTER | {"photons": (20, 100), "probability": 0.5},
        train={"epochs": 1, "precision": "32", "device": "cpu", "trust": False},
    )
    _, spec = load_model(trained(recipe, data, tmp_path / "m"))
    assert spec.degrade == recipe.degrade
    assert spec.trust is None


def test_validation_is_on_the_same_worse_copies_each_time() -> None:
    recipe = tiny_recipe(degrade=QUARTER | {"photons": (10, 10)})
    images = decoded_discs(2)
    one, other = worse_copies(images, recipe), worse_copies(images, recipe)
    for first, second, clean in zip(one, other, images, strict=True):
        assert np.array_equal(first.image, second.image)
        assert np.abs(first.image - clean.image).mean() > 0.02
        assert np.array_equal(first.classes, clean.classes)
    assert worse_copies(images, tiny_recipe()) == tuple(images)


def test_the_joint_network_is_told_the_clean_image(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        model={"name": "double-unet", "depth": 1, "width": 2},
        degrade=QUARTER,
        loss={"restored": "mse", "restored_weight": 2.0},
        train={"epochs": 2, "precision": "32", "device": "cpu", "trust": False},
    )
    folder = trained(recipe, data, tmp_path / "m")
    first = history(folder)[0]
    total = float(first["train_bce"]) + 2 * float(first["train_restored"])
    assert float(first["train_loss"]) == pytest.approx(total, rel=1e-4)
    restored = Restorer.from_saved(folder).image(RAW)
    assert (restored.shape, restored.dtype) == (RAW.shape, np.float32)


def test_a_weight_of_nothing_leaves_the_restored_image_alone(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        model={"name": "double-unet", "depth": 1, "width": 2},
        degrade=QUARTER,
        loss={"restored_weight": 0.0},
        train={"epochs": 1, "precision": "32", "device": "cpu", "trust": False},
    )
    assert "train_restored" not in history(trained(recipe, data, tmp_path / "m"))[0]


@pytest.mark.parametrize("loss", ["l1", "mse", "ssim"])
@pytest.mark.parametrize("residual", [True, False])
def test_images_are_restored_by_any_loss(
    data: Path, tmp_path: Path, loss: str, residual: bool
) -> None:
    from softlight.data.sets import open_dataset

    recipe = restoring(
        loss={"restored": loss}, model={"depth": 1, "width": 2, "residual": residual}
    )
    samples = open_dataset(data).samples
    folder = train(recipe, Split(samples[:3], samples[3:], ""), tmp_path / "m").folder
    last = history(folder)[-1]
    assert {"val_psnr", "val_psnr_degraded", "val_ssim", "val_ssim_degraded"} <= set(last)
    assert Restorer.from_saved(folder).image(RAW).shape == RAW.shape


def test_two_models_are_joined_by_name(data: Path, tmp_path: Path) -> None:
    from softlight.data.sets import open_dataset

    samples = open_dataset(data).samples
    split = Split(samples[:3], samples[3:], "")
    restorer = train(restoring(), split, tmp_path / "restorer").folder
    segmenter = trained(tiny_recipe(), data, tmp_path / "segmenter")
    spec = join_models(restorer, segmenter, tmp_path / "one")
    assert spec.model.name == "double-unet"
    assert spec.provenance["restorer"] == "tiny"
    assert "which restores images" in read_card(tmp_path / "one")
    assert Segmenter.from_saved(tmp_path / "one").foreground(RAW).shape == RAW.shape
    with pytest.raises(ConfigError, match="holds a model already"):
        join_models(restorer, segmenter, tmp_path / "one")


def test_a_restored_image_is_in_raw_values(data: Path, tmp_path: Path) -> None:
    """A network that adds nothing gives the image back, in pieces too."""
    import torch

    from softlight.models.registry import build_model

    _, spec = load_model(trained(tiny_recipe(), data, tmp_path / "m"))
    spec = spec.model_copy(update={"target": "image", "model": spec.model})
    network = build_model(spec.model)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    restorer = Restorer(network, spec, device="cpu")
    inner = RAW.clip(*np.percentile(RAW, (1, 99)))
    np.testing.assert_allclose(restorer.image(RAW), inner, atol=0.01)
    like = (RAW * 0.5).astype(np.uint8)
    assert restorer.image(RAW, like=like).max() == pytest.approx(np.percentile(like, 99), abs=1)


def test_what_cannot_restore_is_refused(data: Path, tmp_path: Path) -> None:
    folder = trained(tiny_recipe(), data, tmp_path / "m")
    with pytest.raises(ValueError, match="restores no images"):
        Restorer.from_saved(folder)


def test_impossible_losses_of_restoring_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"loss\.restored"):
        parse_recipe({"name": "x", "loss": {"restored": "bce"}})


def test_the_report_shows_worse_images(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        degrade={"photons": (5, 5)},
        train={"epochs": 1, "precision": "32", "device": "cpu", "trust": False},
    )
    page = (trained(recipe, data, tmp_path / "m") / "report.html").read_text(encoding="utf-8")
    assert "The images below were made worse" in page
