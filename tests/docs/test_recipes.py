"""Every shipped recipe loads, and the page of recipes has every key with its default."""

import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from tests.docs.pages import ROOT, blocks, tables

from softlight.config import Recipe, parse_recipe, read_toml, to_toml
from softlight.recipes.library import LIBRARY, list_recipes, load_recipe

PAGE = ROOT / "docs" / "reference" / "recipes.md"
RECIPES = sorted(LIBRARY.glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_loads_and_says_what_it_is_for(path: Path) -> None:
    recipe = load_recipe(path.stem)
    assert recipe.name == path.stem
    assert recipe.title
    assert recipe.description
    assert parse_recipe(tomllib.loads(to_toml(recipe))) == recipe


def test_every_toml_file_of_the_package_can_be_read() -> None:
    files = sorted((ROOT / "src").rglob("*.toml"))
    assert set(RECIPES) < set(files)
    for path in files:
        assert read_toml(path)
    assert sorted(path.stem for path in RECIPES) == list_recipes()


def _sections(model: type[BaseModel], name: str = "") -> dict[str, type[BaseModel]]:
    """The settings models by their dotted place, "" for the recipe itself."""
    found = {name: model}
    for key, field in model.model_fields.items():
        for inner in _models(field.annotation):
            found |= _sections(inner, f"{name}.{key}".strip("."))
    return found


def _models(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    if get_origin(kind) in (Union, UnionType, tuple):
        return [model for part in get_args(kind) for model in _models(part)]
    return []


def _documented() -> dict[str, list[dict[str, str]]]:
    """The table under each heading, by the dotted place that the heading names."""
    parts = re.split(r"^##+ (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    named = dict(zip(parts[::2], parts[1::2], strict=True))
    return {
        "" if head == "The recipe itself" else head: next(tables(text + "\n"))
        for head, text in named.items()
    }


SECTIONS = _sections(Recipe)
IN_WORDS = {"loss.terms", "paper.figures"}  # lists of tables: their default is told in words


def test_every_section_and_key_is_documented_and_no_other() -> None:
    documented = _documented()
    assert set(documented) == set(SECTIONS)
    for section, model in SECTIONS.items():
        keys = [row["key"].strip("`") for row in documented[section]]
        inner = {key for key, field in model.model_fields.items() if _models(field.annotation)}
        plain = [key for key in model.model_fields if section or key not in inner]
        assert sorted(keys) == sorted(plain), section


@pytest.mark.parametrize("section", SECTIONS)
def test_every_default_on_the_page_is_the_default_of_the_program(section: str) -> None:
    for row in _documented()[section]:
        key = row["key"].strip("`")
        field, told = SECTIONS[section].model_fields[key], row["default"]
        assert row["meaning"], key
        if f"{section}.{key}" in IN_WORDS:
            assert "`" not in told or "bce" in told
        elif field.is_required():
            assert told == "required", key
        elif field.default is None:
            assert told == "none", key
        else:
            value = tomllib.loads(f"value = {told.strip('`')}")["value"]
            plain = list(field.default) if isinstance(field.default, tuple) else field.default
            assert (value, type(value)) == (plain, type(plain)), f"{section}.{key}"


def test_recipes_in_the_docs_load(tmp_path: Path) -> None:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for block in blocks(page, "toml"):
            named = "" if "name" in tomllib.loads(block) else 'name = "example"\n'
            file = tmp_path / "recipe.toml"
            file.write_text(named + block, encoding="utf-8")
            load_recipe(file)
