from pathlib import Path

import pytest
import torch

from softlight.config import DegradeConfig, ModelConfig, ModelSpec, PreprocessConfig
from softlight.inference.predict import Segmenter
from softlight.models.double_unet import DoubleUNet
from softlight.models.joined import join
from softlight.models.registry import build_model
from softlight.models.saved import SavedModelError, load_model, save_model

CONFIG = ModelConfig(name="double-unet", depth=1, width=4, out_channels=3)


def save(folder: Path, *, target: str = "classes", **model: object) -> Path:
    config = ModelConfig.model_validate({"depth": 1, "width": 4} | model)
    degrade = DegradeConfig(factor=(0.25, 0.25)) if target == "image" else None
    preprocess = PreprocessConfig(method="range", maximum=255)
    spec = ModelSpec(
        name=folder.name,
        model=config,
        target=target,  # type: ignore[arg-type]
        preprocess=preprocess,
        degrade=degrade,
        threshold=0.6,
    )
    torch.manual_seed(len(folder.name))
    save_model(folder, build_model(config), spec, card="")
    return folder


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (32, 48)])
def test_the_second_network_sees_what_the_first_one_made(size: tuple[int, int]) -> None:
    network = build_model(CONFIG).eval()
    assert isinstance(network, DoubleUNet)
    image = torch.rand(2, 1, *size)
    output = network(image)
    assert output.logits.shape == (2, 3, *size)
    restored = image + network.restorer(image).logits
    assert torch.allclose(output.restored, restored, atol=1e-6)
    assert torch.allclose(output.logits, network.segmenter(restored).logits, atol=1e-6)


def test_without_residual_the_first_network_says_the_whole_image() -> None:
    network = build_model(CONFIG.model_copy(update={"residual": False})).eval()
    image = torch.rand(1, 1, 8, 8)
    assert torch.equal(network(image).restored, network.restorer(image).logits)


def test_colour_is_restored_in_every_channel() -> None:
    network = build_model(CONFIG.model_copy(update={"in_channels": 3}))
    assert network(torch.rand(1, 3, 8, 8)).restored.shape == (1, 3, 8, 8)


def test_both_halves_learn_from_the_cells_alone() -> None:
    network = build_model(CONFIG)
    network(torch.rand(1, 1, 8, 8)).logits.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("residual", [True, False])
def test_two_models_become_one_that_is_saved_and_runs(tmp_path: Path, residual: bool) -> None:
    restorer = save(tmp_path / "restorer", target="image", residual=residual)
    segmenter = save(tmp_path / "seg")
    network, spec = join(restorer, segmenter)
    save_model(tmp_path / "one", network, spec, card="")
    again, read = load_model(tmp_path / "one")
    assert (read.threshold, read.target, read.model.name) == (0.6, "classes", "double-unet")
    assert read.degrade == DegradeConfig(factor=(0.25, 0.25))
    image = torch.rand(1, 1, 9, 12)
    first, second = load_model(restorer)[0], load_model(segmenter)[0]
    restored = first(image).logits + (image if residual else 0)
    assert torch.allclose(again(image).restored, restored, atol=1e-6)
    assert torch.allclose(again(image).logits, second(restored).logits, atol=1e-6)
    found = Segmenter.from_saved(tmp_path / "one").foreground(torch.rand(9, 12).numpy() * 255)
    assert found.shape == (9, 12)


def test_models_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    restorer, segmenter = save(tmp_path / "r", target="image"), save(tmp_path / "s")
    with pytest.raises(SavedModelError, match="must be a model that restores images"):
        join(segmenter, segmenter)
    with pytest.raises(SavedModelError, match='targets are "image" and "image"'):
        join(restorer, restorer)
    wide = save(tmp_path / "wide", width=8)
    with pytest.raises(SavedModelError, match=r"differ in width\. Train the restorer"):
        join(restorer, wide)
    double = save(tmp_path / "double", name="double-unet")
    with pytest.raises(SavedModelError, match="is a double-unet, which cannot be a part"):
        join(restorer, double)
