"""The reference pages say what the program does."""

import importlib.util
from types import ModuleType

from tests.docs.pages import ROOT, blocks

import softlight


def _maker() -> ModuleType:
    path = ROOT / "docs" / "make_cli_reference.py"
    spec = importlib.util.spec_from_file_location("make_cli_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    maker = _maker()
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), (
        "The command line has changed; run: .venv/bin/python docs/make_cli_reference.py"
    )


def test_every_public_name_is_on_its_page_with_an_example() -> None:
    page = ROOT / "docs" / "reference" / "api.md"
    text = page.read_text(encoding="utf-8")
    code = text.split("```")[1::2]
    missing = [n for n in softlight.__all__ if not any(f"softlight.{n}" in part for part in code)]
    assert missing == []
    assert list(blocks(page, "python"))
