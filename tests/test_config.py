import math
import tomllib
from pathlib import Path

import pytest

from softlight.config import (
    ConfigError,
    ModelConfig,
    ModelSpec,
    PreprocessConfig,
    parse_model_spec,
    parse_recipe,
    read_toml,
    to_toml,
    with_settings,
)
from softlight.recipes.library import LIBRARY, list_recipes, load_recipe
from tests.cases import tiny_recipe


def test_every_wrong_setting_is_named_at_once() -> None:
    wrong = {
        "name": "wrong",
        "train": {"epochs": 0, "device": "tpu"},
        "model": {"widht": 3},
        "preprocess": {"low_percentile": 90, "high_percentile": 10},
        "typo": 1,
    }
    with pytest.raises(ConfigError, match=r"^my\.toml: ") as told:
        parse_recipe(wrong, source="my.toml")
    text = str(told.value)
    for part in (
        "train.epochs: ",
        "train.device: ",
        "model.widht is not a setting",
        "preprocess: low_percentile must be below high_percentile",
        "typo is not a setting",
    ):
        assert part in text
    assert "got {" not in text  # a whole section is no answer to which setting is wrong


@pytest.mark.parametrize(
    ("section", "values", "told"),
    [
        ("preprocess", {"resize_to": [0, 64]}, "preprocess.resize_to.0"),
        ("preprocess", {"pixel_size_um": -1}, "preprocess.pixel_size_um"),
        ("preprocess", {"minimum": 5, "maximum": 5}, "minimum must be below maximum"),
        ("preprocess", {"resize_to": [64, 64], "pixel_size_um": 1}, "not both"),
        ("classes", ["cell"], "classes"),
        ("classes", ["background", "dead", "alive"], "model.out_channels is 1 for 3 classes"),
        (
            "model",
            {"out_channels": 3},
            r"model.out_channels is 3 for 2 classes; it must be 2, or 1",
        ),
    ],
)
def test_settings_that_cannot_work(section: str, values: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        tiny_recipe(**{section: values})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("key", ["train.minutes", "optimizer.learning_rate", "augment.zoom"])
def test_numbers_must_be_finite(key: str, value: float) -> None:
    given = (value, 1.0) if key == "augment.zoom" else value
    with pytest.raises(ConfigError, match=key):
        with_settings(tiny_recipe(), {key: given})


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_loads_and_survives_toml(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.description
    assert parse_recipe(tomllib.loads(to_toml(recipe))) == recipe


def test_shipped_recipes_are_all_listed() -> None:
    assert len(list_recipes()) == len(list(LIBRARY.glob("*.toml"))) >= 7


def test_a_model_description_survives_toml() -> None:
    spec = ModelSpec(
        name="m",
        classes=("background", "dead", "alive"),
        model=ModelConfig(out_channels=3),
        preprocess=PreprocessConfig(resize_to=(64, 96)),
        provenance={"data": "dishes"},
    )
    assert parse_model_spec(tomllib.loads(to_toml(spec))) == spec


def test_a_wrong_model_description_names_its_file() -> None:
    with pytest.raises(ConfigError, match=r"^there/model\.toml: model: Field required"):
        parse_model_spec({"name": "m", "preprocess": {}}, source="there/model.toml")


def test_settings_replace_what_they_name_and_nothing_else() -> None:
    recipe = tiny_recipe()
    changed = with_settings(recipe, {"train.epochs": 7, "model.width": 5, "name": "other"})
    assert (changed.train.epochs, changed.model.width, changed.name) == (7, 5, "other")
    assert (recipe.train.epochs, recipe.model.width, recipe.name) == (2, 2, "tiny")
    back = with_settings(changed, {"train.epochs": 2, "model.width": 2, "name": "tiny"})
    assert back == recipe


def test_none_takes_an_optional_setting_away() -> None:
    timed = with_settings(tiny_recipe(), {"train.minutes": 3})
    assert timed.train.minutes == 3
    assert with_settings(timed, {"train.minutes": None}).train.minutes is None


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("trian.epochs", "trian is not a setting"),
        ("train.epochs.more", "epochs is not a section"),
        ("train.epoch", "train.epoch is not a setting"),
        ("epochs", "epochs is not a setting"),
    ],
)
def test_unknown_settings_are_named(key: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        with_settings(tiny_recipe(), {key: 1})


def test_toml_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml does not exist"):
        read_toml(tmp_path / "none.toml")
    path = tmp_path / "bad.toml"
    path.write_text("a = = 1")
    with pytest.raises(ConfigError, match=r"bad\.toml is not readable TOML"):
        read_toml(path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match=r"bad\.toml is not readable TOML"):
        read_toml(path)


def test_an_unknown_recipe_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe 'unet'.*ctc-unet.*livecell-unet-modern"):
        load_recipe("unet")
    mine = tmp_path / "mine.toml"
    mine.write_text(to_toml(tiny_recipe()))
    assert load_recipe(mine) == tiny_recipe()
    assert load_recipe(str(mine)) == tiny_recipe()


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, -2.0)])
def test_class_weights_are_above_zero(weights: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match=r"class_weights.*greater than 0"):
        parse_recipe({"name": "x", "loss": {"class_weights": list(weights)}})


def test_a_precision_may_be_written_as_a_number() -> None:
    recipe = parse_recipe({"name": "x", "train": {"precision": 32}})
    assert recipe.train.precision == "32"
    with pytest.raises(ConfigError, match=r"train\.precision"):
        parse_recipe({"name": "x", "train": {"precision": 16}})
