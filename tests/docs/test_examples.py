"""Every Python example runs as it stands, and every command is one that the program takes."""

import shlex
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tifffile
import torch
import typer
from tests.docs.pages import PAGES, blocks, name

from softlight.apps.cli import app
from softlight.config import ModelConfig, ModelSpec, PreprocessConfig
from softlight.models.registry import build_model
from softlight.models.saved import save_model
from softlight.simulate.movie import simulate
from softlight.simulate.scene import Scene
from softlight.simulate.write import write_movie_tiff, write_paired

WITH_PYTHON = [page for page in PAGES if any(blocks(page, "python"))]
WITH_COMMANDS = [page for page in PAGES if any(blocks(page, "sh"))]
PROGRAM: Any = typer.main.get_command(app)


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the examples speak of: my-data, movie.tif, cells.ome.tif, my-model."""
    folder = tmp_path_factory.mktemp("things")
    for number in range(2):
        still = simulate(Scene(frames=1, height=96, width=96, cells=8, seed=number))
        write_paired(folder / "my-data", still, name=f"well{number}")
    scene = Scene(frames=2, height=96, width=96, cells=8, seed=2)
    write_movie_tiff(folder / "movie.tif", simulate(scene).images, scene)
    frames = np.zeros((2, 32, 40), np.uint16)
    tifffile.imwrite(folder / "cells.ome.tif", frames, metadata={"axes": "TYX"})
    torch.manual_seed(0)
    config = ModelConfig(width=4, depth=2)
    spec = ModelSpec(
        name="my-model", model=config, preprocess=PreprocessConfig(), cell_diameter_px=12.0
    )
    save_model(folder / "my-model", build_model(config), spec, card="A network that knows nothing.")
    return folder


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_the_python_examples_of_a_page_run_one_after_the_other(
    page: Path, things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for thing in things.iterdir():
        (tmp_path / thing.name).symlink_to(thing)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    try:
        for block in blocks(page, "python"):
            exec(compile(block, name(page), "exec"), names)
    finally:
        plt.close("all")


def _commands(page: Path) -> list[list[str]]:
    """The words of every call of softlight in the page's shell blocks."""
    found = []
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0].removeprefix(".venv/bin/") == "softlight":
                ends = (at for at, word in enumerate(words) if word in (">", "|", "||", "&&"))
                found.append(words[1 : next(ends, len(words))])
    return found


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_every_command_in_a_page_is_understood_by_the_program(page: Path) -> None:
    for verb, *words in _commands(page):
        assert verb in PROGRAM.commands, f"{name(page)}: softlight {verb}"
        PROGRAM.commands[verb].make_context(verb, list(words))  # exits where a flag is unknown


def test_commands_are_found_and_a_wrong_one_would_be_noticed() -> None:
    assert sum(len(_commands(page)) for page in WITH_COMMANDS) > 20
    with pytest.raises((SystemExit, Exception), match="nonsense"):
        PROGRAM.commands["fetch"].make_context("fetch", ["livecell", "--nonsense"])
