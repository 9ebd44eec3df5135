from pathlib import Path

import pytest

from softlight.config import ConfigError
from softlight.recipes import library
from softlight.recipes.library import load_recipe

OWN = """
name = "mine"
title = "Mine"
description = "Of my cells."
extends = "cells"

[augment]
zoom = [0.9, 1.1]
"""


def test_a_recipe_takes_over_what_it_does_not_set(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(OWN)
    mine, cells = load_recipe(tmp_path / "mine.toml"), load_recipe("cells")
    assert mine.augment.zoom == (0.9, 1.1)
    assert mine.augment.rotate_degrees == cells.augment.rotate_degrees != 0
    same = cells.model_dump(exclude={"name", "title", "description", "augment"})
    assert mine.model_dump(exclude={"name", "title", "description", "augment"}) == same


def test_lists_are_replaced_and_the_paper_stays_behind(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(
        OWN.replace("cells", "autoprep") + "[[loss.terms]]\nname = 'dice'\n[model]\nwidth = 8\n"
    )
    mine, theirs = load_recipe(file), load_recipe("autoprep")
    assert [term.name for term in mine.loss.terms] == ["dice"]
    assert (mine.model.width, mine.model.name) == (8, theirs.model.name)
    assert theirs.paper is not None
    assert mine.paper is None


def test_what_it_extends_must_be_in_the_library(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(OWN.replace("cells", "../cells"))
    with pytest.raises(ConfigError, match=r"extends is '../cells'; it must be .* cells,"):
        load_recipe(tmp_path / "mine.toml")


def test_two_that_extend_each_other_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / f"{name}.toml").write_text(OWN.replace("cells", other))
    monkeypatch.setattr(library, "LIBRARY", tmp_path)
    with pytest.raises(ConfigError, match="two extends one, which extends it in turn"):
        load_recipe("one")
