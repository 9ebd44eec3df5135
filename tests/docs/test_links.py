"""Links lead somewhere, and nothing in the repository tells of the machine it was written on."""

import re
import subprocess
from pathlib import Path

import pytest
from tests.docs.pages import PAGES, ROOT, name, prose

import softlight

LINK = re.compile(r"\]\(([^)\s]+)\)")
OF_A_MACHINE = re.compile(
    r"(?<![\w.}/])/(?:work|home|root|Users|mnt|opt)/\w"
    r"|(?:index-url|pythonhosted|://pypi\.|download\.pytorch\.org)"
)


def anchors(page: Path) -> set[str]:
    """What can follow a # in a link to the page, as the common hosts make it of headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, f"{name(page)}: {', '.join(broken)}"


def test_every_page_of_the_docs_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(prose(index))}
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs") and page != index}
    assert {name(page) for page in pages - linked} == set()


def tracked() -> list[Path]:
    """The files that git keeps, or a skip where this is no checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [path for part in listed.stdout.split("\0") if part and (path := ROOT / part).is_file()]


def test_no_tracked_file_names_a_path_or_a_registry_of_one_machine() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        hits = (hit.start() for hit in OF_A_MACHINE.finditer(text))
        found += [f"{name(path)}: {text[at : at + 40]!r}" for at in hits]
    assert not found, "\n".join(found)


def test_the_machine_patterns_would_find_one() -> None:
    assert OF_A_MACHINE.search("see /work/" + "x")
    assert OF_A_MACHINE.search("--index-url https://x")
    assert not OF_A_MACHINE.search("https://x.org/home/page and ../work/x")


def test_the_citation_names_the_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {softlight.__version__}\n" in text
