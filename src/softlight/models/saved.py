"""Saved models: a folder with weights, description and card, never a pickle."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from softlight.config import (
    ConfigError,
    ModelConfig,
    ModelSpec,
    parse_model_spec,
    read_toml,
    to_toml,
)
from softlight.models.registry import build_model

WEIGHTS, SPEC, CARD = "weights.safetensors", "model.toml", "card.md"
SHIPPED = Path(__file__).parent / "shipped"


class SavedModelError(ValueError):
    """A saved model is absent, incomplete, damaged or of another version."""


def save_model(folder: Path | str, model: nn.Module, spec: ModelSpec, *, card: str) -> ModelSpec:
    """The spec with the hash of its weights, after the whole model stands in the folder.

    All is written to a temporary folder first. Into a folder that already exists only the three
    files are moved, the description last: whatever else is there stays.
    """
    folder = Path(folder)
    state = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    check_weights(state, spec.model, where=f"the model to save as {folder.name}")
    weights = save(state)
    spec = spec.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}")
    temporary.mkdir()
    try:
        (temporary / WEIGHTS).write_bytes(weights)
        (temporary / CARD).write_text(card, encoding="utf-8")
        (temporary / SPEC).write_text(to_toml(spec), encoding="utf-8")
        if folder.exists():
            for name in (WEIGHTS, CARD, SPEC):
                (temporary / name).replace(folder / name)
        else:
            temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return spec


def load_model(
    name_or_folder: str | Path, *, folders: Iterable[Path | str] = ()
) -> tuple[nn.Module, ModelSpec]:
    """The network in eval mode, on the CPU, with its description.

    A folder of saved models may be given by its path; a name is looked for in ``folders``, then
    among the shipped models.
    """
    folder = find_model(name_or_folder, folders=folders)
    spec = read_spec(folder)
    weights = _read_weights(_existing(folder, WEIGHTS), spec.model)
    if hashlib.sha256(weights).hexdigest() != spec.weights_sha256:
        raise SavedModelError(
            f"{folder}: the weights are not those that model.toml describes (their SHA-256 "
            "differs); the file was changed or cut short. Copy the model again."
        )
    try:
        state = load(weights)
    except (SafetensorError, ValueError, KeyError) as error:
        raise SavedModelError(f"{folder}: {WEIGHTS} is not readable: {error}.") from None
    check_weights(state, spec.model, where=str(folder))
    model = _empty_network(spec.model, where=str(folder))
    floats = {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
    model.load_state_dict(floats, assign=True)
    return model.eval(), spec


def find_model(name_or_folder: str | Path, *, folders: Iterable[Path | str] = ()) -> Path:
    """The folder of this saved model: a path, a name in ``folders``, or a shipped name.

    A folder that holds a model goes before a shipped model of the same name; one that holds
    something else does not hide it.
    """
    name = str(name_or_folder)
    places: Sequence[Path] = [Path(name), *(Path(folder) / name for folder in folders)]
    for place in places:
        if (place / SPEC).is_file():
            return place
    if name in list_shipped():
        return SHIPPED / name
    for place in places:
        if place.is_dir():
            return place  # reading it will say which file is missing
    raise SavedModelError(
        f"{name} is neither a folder nor a shipped model. "
        f"Shipped: {', '.join(list_shipped()) or 'none'}."
    )


def list_shipped() -> list[str]:
    """The names of the models that come with Softlight."""
    return sorted(place.parent.name for place in SHIPPED.glob(f"*/{SPEC}"))


def read_spec(folder: Path) -> ModelSpec:
    """The description of the model in this folder, by the reader of its format version."""
    source = str(folder / SPEC)
    try:
        values = read_toml(_existing(folder, SPEC))
        version = values.get("format_version", 1)
        if type(version) is not int or version not in READERS:  # bool is an int, 1.0 == 1
            newest = max(READERS)
            advice = (
                "Upgrade Softlight (pip install -U softlight)"
                if type(version) is int and version > newest
                else "Save the model again"
            )
            raise SavedModelError(
                f"{source}: format_version is {version!r}; this Softlight reads 1 to {newest}. "
                f"{advice}."
            )
        return READERS[version](values, source)
    except ConfigError as error:
        raise SavedModelError(str(error)) from None


def read_card(folder: Path) -> str:
    """The card of the model in this folder, or an empty text where there is none."""
    card = folder / CARD
    return card.read_text(encoding="utf-8") if card.is_file() else ""


def check_weights(state: dict[str, Tensor], config: ModelConfig, *, where: str) -> None:
    """Raise unless these are finite weights of the network in the settings."""
    expected = _shapes(_empty_network(config, where=where).state_dict())
    found = _shapes(state)
    differing = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if differing:
        name = differing[0]
        raise SavedModelError(
            f"{where}: the weights do not fit the {config.name} of depth {config.depth} and width "
            f"{config.width}: {name} is {found.get(name, 'absent')}, needed is "
            f"{expected.get(name, 'nothing of this name')}."
        )
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise SavedModelError(f"{where}: {name} holds NaN or infinity; train the model again.")


def _empty_network(config: ModelConfig, *, where: str) -> nn.Module:
    """The network without its numbers: no memory is taken, even by a giant, nor a random draw."""
    try:
        with torch.device("meta"):
            return build_model(config)
    except ValueError as error:
        raise SavedModelError(f"{where}: {error}") from None


def adopt_weights(network: nn.Module, name_or_folder: str | Path) -> float:
    """The share of the network's weights that now come from a saved model: those that fit.

    A model for another task fits all but the last layer, and of one that restores images that layer
    is left out. A network that is made of several takes a single one into each of its parts. One
    that fits in less than half is of another shape, and an error.
    """
    model, spec = load_model(name_or_folder)
    own, given = network.state_dict(), model.state_dict()
    fitting = {}
    for name, tensor in own.items():
        source = name if name in given else name.partition(".")[2]  # of a part: without its name
        found = given.get(source)
        restores = spec.target == "image" and source.startswith("head.")
        if found is not None and found.shape == tensor.shape and not restores:
            fitting[name] = found
    share: float = sum(t.numel() for t in fitting.values()) / sum(t.numel() for t in own.values())
    if share < 0.5:
        raise SavedModelError(
            f"The model {name_or_folder} fits only {share:.0%} of this network. Start from a model "
            "of the same depth, width and stride, or set model.depth, model.width and model.stride "
            "to its own."
        )
    network.load_state_dict(fitting, strict=False)
    return share


def _read_weights(file: Path, config: ModelConfig) -> bytes:
    state = _empty_network(config, where=str(file)).state_dict()
    largest = sum(8 * tensor.numel() + 1000 for tensor in state.values()) + 1_000_000
    size = file.stat().st_size
    if size > largest:
        raise SavedModelError(
            f"{file} has {size} bytes; the network in {SPEC} takes at most {largest}. "
            "Copy the model again."
        )
    return file.read_bytes()


def _shapes(state: dict[str, Tensor]) -> dict[str, str]:
    """Each tensor's shape and kind of number, in words; float16, 32 and 64 are all one kind."""
    real = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    return {
        name: f"{tuple(t.shape)} of {'real' if t.dtype in real else t.dtype} numbers"
        for name, t in state.items()
    }


def _read_version_1(values: dict[str, Any], source: str) -> ModelSpec:
    """The description; of a setting that is no more, nothing is left."""
    if values.get("target") == "distance":
        raise SavedModelError(
            f"{source} is of a network of depths and nearness, by which cells are no longer "
            "divided. Train it anew (softlight train cells), or use the version that saved it."
        )
    if isinstance(values.get("split"), dict):
        split = {name: one for name, one in values["split"].items() if name != "seed_threshold"}
        values = {**values, "split": split}
    fingerprint = values.get("fingerprint")
    if isinstance(fingerprint, dict) and "score" in fingerprint.get("size", {}):
        # Sizes were told by another rule, whose figures say nothing by the present one.
        fingerprint = {name: one for name, one in fingerprint.items() if name != "size"}
        values = {**values, "fingerprint": fingerprint}
    return parse_model_spec(values, source=source)


READERS: dict[int, Callable[[dict[str, Any], str], ModelSpec]] = {1: _read_version_1}


def _existing(folder: Path, name: str) -> Path:
    file = folder / name
    if not file.is_file():
        raise SavedModelError(
            f"{folder} has no {name}; a saved model is a folder with {WEIGHTS}, {SPEC} and {CARD}."
        )
    return file
