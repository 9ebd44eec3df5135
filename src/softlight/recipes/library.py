"""The recipes that Softlight knows by name, and how any recipe file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from softlight.config import ConfigError, Recipe, parse_recipe, read_toml

LIBRARY = Path(__file__).parent / "toml"
NOT_INHERITED = ("name", "title", "description", "paper")


def list_recipes() -> list[str]:
    """The names of the recipes in the library, in order."""
    return sorted(path.stem for path in LIBRARY.glob("*.toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """The recipe of this name, or of this TOML file.

    With ``extends = NAME`` a file takes over the settings of that recipe of the library, and its
    own replace them one by one.
    """
    return parse_recipe(_settings(name_or_path, ()), source=str(name_or_path))


def _settings(name_or_path: str | Path, extended_by: tuple[str, ...]) -> dict[str, Any]:
    """The settings of a recipe with those of the one that it extends."""
    values = read_toml(_file(name_or_path))
    extended = values.pop("extends", None)
    if extended is None:
        return values
    if extended not in list_recipes():
        raise ConfigError(
            f"{name_or_path}: extends is {extended!r}; it must be the name of one of the recipes "
            f"{', '.join(list_recipes())}."
        )
    if extended in (*extended_by, str(name_or_path)):
        raise ConfigError(f"{name_or_path} extends {extended}, which extends it in turn.")
    taken = _settings(extended, (*extended_by, str(name_or_path)))
    return _merged({k: v for k, v in taken.items() if k not in NOT_INHERITED}, values)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old settings, replaced by the new ones; of tables, those within."""
    merged = dict(old)
    for key, value in new.items():
        tables = isinstance(value, dict) and isinstance(old.get(key), dict)
        merged[key] = _merged(old[key], value) if tables else value
    return merged


def _file(name_or_path: str | Path) -> Path:
    """Where the recipe of this name, or path, is read."""
    if Path(name_or_path).suffix == ".toml":
        return Path(name_or_path)
    if str(name_or_path) in list_recipes():
        return LIBRARY / f"{name_or_path}.toml"
    raise ConfigError(
        f"There is no recipe {str(name_or_path)!r}. Use one of {', '.join(list_recipes())}, "
        "or the path of a .toml file."
    )
