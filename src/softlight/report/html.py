"""One self-contained HTML page: it opens anywhere, without a network, and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from softlight.io.files import replacing
from softlight.report.blocks import Section
from softlight.report.render import RenderError, render_section

_FEW_SECTIONS = 2  # a page this short needs no list of contents


def write_report(
    path: Path | str,
    *,
    title: str,
    summary: Sequence[tuple[str, object]] = (),
    sections: Sequence[Section] = (),
    subtitle: str = "",
    footer: str = "",
) -> Path:
    """The path of the page, written whole or not at all; a folder gets ``report.html`` in it.

    Args:
        path: Where the page goes.
        title: What was looked at.
        summary: The few numbers that matter most, as (label, value), shown large at the top.
        sections: What follows, in order.
        subtitle: One sentence under the title: when, with which model.
        footer: The last line, such as the version.
    """
    path = Path(path)
    if path.suffix.lower() not in {".html", ".htm"}:
        path = path / "report.html"
    page = render_page(
        title=title, summary=summary, sections=sections, subtitle=subtitle, footer=footer
    )
    with replacing(path) as temporary:
        # A file name that is not text has half characters in it; they are shown as "?".
        temporary.write_bytes(page.encode("utf-8", errors="replace"))
    return path


def render_page(
    *,
    title: str,
    summary: Sequence[tuple[str, object]] = (),
    sections: Sequence[Section] = (),
    subtitle: str = "",
    footer: str = "",
) -> str:
    """The page as HTML text.

    Its own policy forbids it to load anything and to run any script but the one inside it.
    """
    if not title.strip():
        raise RenderError("The report has no title; say what was looked at.")
    style, script = _asset("page.css"), _asset("page.js")
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{script_hash}'"
    )
    names = [f"section-{index}" for index in range(1, len(sections) + 1)]
    body = "\n".join(
        render_section(section, name) for section, name in zip(sections, names, strict=True)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header class="top">
<p class="brand">Softlight</p>
<h1>{escape(title)}</h1>
{_subtitle(subtitle)}
{_summary(summary)}
{_contents(sections, names)}
</header>
<main>
{body}
</main>
<footer>{escape(footer)}</footer>
<script>{script}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    return resources.files("softlight.report").joinpath(name).read_text(encoding="utf-8")


def _subtitle(subtitle: str) -> str:
    return f'<p class="subtitle">{escape(subtitle)}</p>' if subtitle else ""


def _summary(summary: Sequence[tuple[str, object]]) -> str:
    if not summary:
        return ""
    rows = (
        f"<div><dt>{escape(str(label))}</dt><dd>{escape(str(value))}</dd></div>"
        for label, value in summary
    )
    return f'<dl class="summary">{"".join(rows)}</dl>'


def _contents(sections: Sequence[Section], names: Sequence[str]) -> str:
    if len(sections) <= _FEW_SECTIONS:
        return ""
    links = (
        f'<li><a href="#{name}">{escape(section.title)}</a></li>'
        for section, name in zip(sections, names, strict=True)
    )
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'
