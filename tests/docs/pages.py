"""The pages of the documentation, and what is in them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOT_RUN = "<!-- not run: "

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    """The page's path from the root of the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of this language, without those that are said not to be run."""
    text = page.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(text):
        before = text[: fence.start()].rstrip("\n").rpartition("\n")[2]
        if fence.group(1) == language and not before.startswith(NOT_RUN):
            # Lines are kept where they are, so that a traceback names the line of the page.
            yield "\n" * text[: fence.start(2)].count("\n") + fence.group(2)


def prose(page: Path) -> str:
    """The page without its fenced blocks and code in lines."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`", "", text)


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """The rows of each table, by the heads of its columns."""
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            for line in table.splitlines()
        ]
        yield [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]
