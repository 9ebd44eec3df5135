import subprocess
import sys
from importlib.util import find_spec

import pytest

import softlight


@pytest.mark.parametrize("name", softlight.__all__)
def test_every_public_name_resolves(name: str) -> None:
    thing = getattr(softlight, name)
    assert isinstance(thing, str) if name == "__version__" else callable(thing)


@pytest.mark.parametrize("name", softlight.__all__)
def test_no_public_name_is_hidden_by_a_module(name: str) -> None:
    """``import softlight.evaluate.pixel`` binds ``softlight.evaluate`` for everyone."""
    assert find_spec(f"softlight.{name}") is None


def test_dir_is_what_is_public() -> None:
    assert dir(softlight) == sorted(softlight.__all__)
    assert "train" in dir(softlight)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"softlight has no 'trian'; it has .*train"):
        _ = softlight.trian


def test_names_that_differ_at_home() -> None:
    from softlight.models.saved import list_shipped
    from softlight.recipes.evaluate import evaluate
    from softlight.recipes.train_folder import train_folder
    from softlight.simulate.movie import simulate

    assert softlight.train is train_folder
    assert softlight.list_models is list_shipped
    assert softlight.evaluate_folder is evaluate
    assert softlight.simulate_movie is simulate


def test_importing_softlight_is_light() -> None:
    code = "import softlight, sys; print([m for m in ('numpy', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
