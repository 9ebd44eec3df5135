"""The recipes that Softlight knows by name, and how any recipe file is read."""

from __future__ import annotations

from pathlib import Path

from softlight.config import ConfigError, Recipe, parse_recipe, read_toml

LIBRARY = Path(__file__).parent / "toml"


def list_recipes() -> list[str]:
    """The names of the recipes in the library, in order."""
    return sorted(path.stem for path in LIBRARY.glob("*.toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """The recipe of this name, or of this TOML file."""
    named = LIBRARY / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix == ".toml":
        return parse_recipe(read_toml(path), source=str(path))
    if str(name_or_path) in list_recipes():
        return parse_recipe(read_toml(named), source=str(name_or_path))
    raise ConfigError(
        f"There is no recipe {str(name_or_path)!r}. Use one of {', '.join(list_recipes())}, "
        "or the path of a .toml file."
    )
