import hashlib
import json
import tomllib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from softlight.config import ModelConfig, ModelSpec, PreprocessConfig, to_toml
from softlight.models import saved
from softlight.models.registry import build_model
from softlight.models.saved import (
    SavedModelError,
    adopt_weights,
    list_shipped,
    load_model,
    read_card,
    save_model,
)

SPEC = ModelSpec(
    name="tiny",
    model=ModelConfig(depth=1, width=3, out_channels=2),
    preprocess=PreprocessConfig(method="range", maximum=4095.0),
    threshold=0.35,
    provenance={"version": "0.1"},
)
FILES = ["card.md", "model.toml", "weights.safetensors"]


@pytest.fixture
def model():
    torch.manual_seed(2)
    network = build_model(SPEC.model)
    network(torch.rand(4, 1, 8, 8))  # moves the running means from their start
    return network


@pytest.fixture
def folder(tmp_path, model):
    save_model(tmp_path / "tiny", model, SPEC, card="# tiny\n")
    return tmp_path / "tiny"


def rewrite_spec(folder, **changes):
    values = tomllib.loads((folder / "model.toml").read_text()) | changes
    (folder / "model.toml").write_text(to_toml(ModelSpec.model_validate(values)))


def rewrite_weights(folder, content):
    (folder / "weights.safetensors").write_bytes(content)
    rewrite_spec(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def test_a_saved_model_comes_back_equal(folder, model):
    loaded, spec = load_model(folder)
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    assert spec == SPEC.model_copy(update={"weights_sha256": digest})
    assert not loaded.training
    assert model.training  # what the caller gave is as it was
    image = torch.rand(1, 1, 13, 11)
    with torch.inference_mode():
        assert torch.equal(loaded(image).logits, model.eval()(image).logits)
    assert read_card(folder) == "# tiny\n"


def test_a_loaded_model_can_be_trained(folder):
    loaded, _ = load_model(folder)
    loaded.train()(torch.rand(2, 1, 8, 8)).logits.sum().backward()
    assert all(p.requires_grad and p.grad is not None for p in loaded.parameters())


def test_loading_draws_no_random_number(folder):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load_model(folder)
    assert torch.equal(torch.rand(1), expected)


def test_nothing_is_pickled(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    content = (folder / "weights.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert "head.bias" in header


def test_saving_again_replaces_the_model_and_keeps_what_else_is_there(folder, model, tmp_path):
    (folder / "log.csv").write_text("kept")
    with torch.no_grad():
        model.head.bias += 1
    again = save_model(folder, model, SPEC.model_copy(update={"name": "second"}), card="new")
    loaded, spec = load_model(folder)
    assert spec == again
    assert spec.name == "second"
    assert torch.equal(loaded.head.bias, model.head.bias)
    assert read_card(folder) == "new"
    assert (folder / "log.csv").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]  # no temporary folder is left


@pytest.mark.parametrize("broken", ["write_text", "replace"])
def test_a_crash_while_saving_leaves_the_old_model(folder, model, tmp_path, monkeypatch, broken):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(saved.Path, broken, fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(folder, model, SPEC.model_copy(update={"name": "second"}), card="new")
    with pytest.raises(OSError, match="disk full"):
        save_model(tmp_path / "other", model, SPEC, card="new")
    monkeypatch.undo()
    assert load_model(folder)[1].name == "tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_name_is_found_in_the_given_folders(folder, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert load_model("tiny", folders=[tmp_path / "absent", tmp_path])[1].name == "tiny"


def test_a_shipped_model_is_found_by_name(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "SHIPPED", tmp_path)
    (tmp_path / "work" / "tiny").mkdir(parents=True)  # holds no model: does not hide it
    monkeypatch.chdir(tmp_path / "work")
    assert list_shipped() == ["tiny"]
    assert load_model("tiny")[1].name == "tiny"
    save_model("tiny", build_model(SPEC.model), SPEC.model_copy(update={"name": "mine"}), card="")
    assert load_model("tiny")[1].name == "mine"


def test_each_shipped_model_loads():
    for name in list_shipped():
        loaded, spec = load_model(name)
        with torch.inference_mode():
            logits = loaded(torch.rand(1, spec.model.in_channels, 40, 50)).logits
        assert logits.isfinite().all()
        assert spec.name == name
        assert "Not stated" not in read_card(saved.SHIPPED / name)


def test_half_precision_weights_become_float32(folder, model):
    state = load_file(folder / "weights.safetensors")
    save_file(
        {k: v.half() if v.is_floating_point() else v for k, v in state.items()},
        folder / "weights.safetensors",
    )
    rewrite_weights(folder, (folder / "weights.safetensors").read_bytes())
    loaded, _ = load_model(folder)
    assert loaded.head.weight.dtype == torch.float32
    torch.testing.assert_close(loaded.head.weight, model.head.weight, atol=1e-3, rtol=1e-3)


def test_an_unknown_name_lists_the_shipped_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SavedModelError, match=r"phaze is neither a folder nor a shipped model"):
        load_model("phaze")
    monkeypatch.setattr(saved, "list_shipped", lambda: ["phase", "sim"])
    with pytest.raises(SavedModelError, match=r"Shipped: phase, sim\."):
        load_model("phaze")


@pytest.mark.parametrize("name", ["model.toml", "weights.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(SavedModelError, match=f"has no {name}; a saved model is a folder with"):
        load_model(folder)


def test_a_missing_card_is_no_obstacle(folder):
    (folder / "card.md").unlink()
    assert load_model(folder)[1].name == "tiny"
    assert read_card(folder) == ""


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_a_truncated_file_does_not_match_its_hash(folder, length):
    file = folder / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(SavedModelError, match="changed or cut short"):
        load_model(folder)


def test_a_description_without_hash_is_refused(folder):
    rewrite_spec(folder, weights_sha256="")
    with pytest.raises(SavedModelError, match="SHA-256 differs"):
        load_model(folder)


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_a_corrupt_file_is_one_sentence(folder, length):
    rewrite_weights(folder, (folder / "weights.safetensors").read_bytes()[:length])
    with pytest.raises(SavedModelError, match=r"weights\.safetensors is not readable"):
        load_model(folder)


def test_random_bit_flips_are_never_a_traceback_of_another_kind(folder):
    content = (folder / "weights.safetensors").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        changed = bytearray(content)
        changed[rng.integers(0, 1500)] ^= 1 << rng.integers(0, 8)
        rewrite_weights(folder, bytes(changed))
        try:
            load_model(folder)
        except SavedModelError:
            refused += 1
    assert refused > 50


def test_a_pickle_is_refused(folder):
    torch.save({"head.bias": torch.zeros(2)}, folder / "weights.safetensors")
    rewrite_weights(folder, (folder / "weights.safetensors").read_bytes())
    with pytest.raises(SavedModelError, match="is not readable"):
        load_model(folder)


def test_a_newer_format_says_to_upgrade(folder):
    text = (folder / "model.toml").read_text()
    changed = text.replace("format_version = 1", 'format_version = 2\nflux = "x"')
    assert changed != text
    (folder / "model.toml").write_text(changed)
    with pytest.raises(SavedModelError, match=r"format_version is 2; .* reads 1 to 1.* Upgrade"):
        load_model(folder)


@pytest.mark.parametrize("version", ["0", '"1"', "[1]", "true", "1.0"])
def test_an_absurd_format_is_refused(folder, version):
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(
        text.replace("format_version = 1", f"format_version = {version}")
    )
    with pytest.raises(SavedModelError, match=r"format_version is .*Save the model again"):
        load_model(folder)


def test_a_wrong_setting_is_named(folder):
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace("depth = 1", "depht = 1"))
    with pytest.raises(SavedModelError, match=r"model\.depht is not a setting"):
        load_model(folder)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = ", b"a = " + b"[" * 100_000])
def test_an_unreadable_description_is_refused(folder, content):
    (folder / "model.toml").write_bytes(content)
    with pytest.raises(SavedModelError, match="is not readable TOML"):
        load_model(folder)


def test_a_setting_that_is_no_more_is_passed_by(folder):
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace("[split]\n", "[split]\nseed_threshold = 0.3\n"))
    _, spec = load_model(folder)
    assert spec.split == SPEC.split


def test_a_network_of_maps_that_are_no_more_says_what_to_do(folder):
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace('target = "classes"', 'target = "distance"'))
    with pytest.raises(SavedModelError, match=r"network of depths and nearness.* Train it anew"):
        load_model(folder)


def test_an_unknown_network_is_named(folder):
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace('name = "unet"', 'name = "vnet"'))
    with pytest.raises(SavedModelError, match="no network 'vnet'"):
        load_model(folder)


def test_other_shapes_are_named(folder):
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace("width = 3", "width = 512"))
    with pytest.raises(
        SavedModelError, match=r"do not fit the unet of depth 1 and width 512: .* needed is \("
    ):
        load_model(folder)


def test_a_giant_network_takes_no_memory(folder):
    text = (folder / "model.toml").read_text()
    giant = text.replace("width = 3", "width = 512").replace("depth = 1", "depth = 7")
    (folder / "model.toml").write_text(giant)  # 77 thousand million parameters
    with pytest.raises(SavedModelError, match="do not fit"):
        load_model(folder)


def test_a_file_that_is_far_too_large_is_not_read(folder):
    with (folder / "weights.safetensors").open("r+b") as file:
        file.truncate(2**40)  # a sparse file: a terabyte that takes no room
    with pytest.raises(SavedModelError, match=r"1099511627776 bytes; .* takes at most"):
        load_model(folder)


def test_extra_weights_are_named(folder):
    state = load_file(folder / "weights.safetensors") | {"tail": torch.zeros(3)}
    save_file(state, folder / "weights.safetensors")
    rewrite_weights(folder, (folder / "weights.safetensors").read_bytes())
    with pytest.raises(
        SavedModelError, match=r"tail is \(3,\) of real numbers, needed is nothing of this name"
    ):
        load_model(folder)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float8_e4m3fn])
def test_weights_of_another_kind_are_refused(folder, dtype):
    state = {name: t.to(dtype) for name, t in load_file(folder / FILES[2]).items()}
    save_file(state, folder / "weights.safetensors")
    rewrite_weights(folder, (folder / "weights.safetensors").read_bytes())
    with pytest.raises(SavedModelError, match=rf"of {dtype} numbers, needed is .* of "):
        load_model(folder)


def test_nan_is_neither_saved_nor_loaded(folder, model, tmp_path):
    with torch.no_grad():
        model.head.bias[0] = torch.nan
    with pytest.raises(SavedModelError, match=r"head\.bias holds NaN or infinity"):
        save_model(tmp_path / "bad", model, SPEC, card="")
    assert not (tmp_path / "bad").exists()
    save_file(dict(model.state_dict()), folder / "weights.safetensors")
    rewrite_weights(folder, (folder / "weights.safetensors").read_bytes())
    with pytest.raises(SavedModelError, match=r"head\.bias holds NaN or infinity"):
        load_model(folder)


def test_a_model_of_other_settings_is_not_saved(model, tmp_path):
    other = SPEC.model_copy(update={"model": ModelConfig(depth=1, width=4, out_channels=2)})
    with pytest.raises(SavedModelError, match="do not fit the unet of depth 1 and width 4"):
        save_model(tmp_path / "bad", model, other, card="")


def test_weights_that_fit_are_taken_from_a_saved_model(tmp_path):
    config = SPEC.model.model_copy(update={"width": 16})
    model, folder = build_model(config), tmp_path / "wide"
    save_model(folder, model, SPEC.model_copy(update={"model": config}), card="")
    other = build_model(SPEC.model.model_copy(update={"width": 16, "out_channels": 3}))
    share = adopt_weights(other, folder)
    assert 0.9 < share < 1
    taken, own = model.state_dict(), other.state_dict()
    same = [name for name in own if own[name].shape == taken[name].shape]
    assert all(torch.equal(own[name], taken[name]) for name in same)
    assert set(own) - set(same) == {"head.weight", "head.bias"}


def test_each_part_of_a_network_begins_with_the_weights_of_a_single_one(tmp_path):
    config = ModelConfig(depth=2, width=16, out_channels=3)
    single = build_model(config)
    save_model(tmp_path / "m", single, SPEC.model_copy(update={"model": config}), card="")
    whole = build_model(config.model_copy(update={"name": "autoprep"}))
    assert adopt_weights(whole, tmp_path / "m") > 0.99
    for name, tensor in single.state_dict().items():
        assert torch.equal(whole.state_dict()[f"first.{name}"], tensor)
        assert torch.equal(whole.state_dict()[f"second.{name}"], tensor)
    assert not torch.equal(whole.head.weight, single.head.weight[:, :3])


def test_a_model_of_another_shape_is_no_start(folder):
    wide = build_model(SPEC.model.model_copy(update={"width": 8}))
    with pytest.raises(SavedModelError, match="fits only"):
        adopt_weights(wide, folder)
