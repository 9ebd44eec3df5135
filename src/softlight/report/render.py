"""Blocks of a page as HTML text; every text that comes from outside is escaped here."""

from __future__ import annotations

import base64
import json
import re
from html import escape
from itertools import groupby

import numpy as np
import pandas as pd

from softlight.report.blocks import (
    Block,
    Chart,
    Facts,
    Files,
    Movie,
    Notice,
    Panel,
    Picture,
    Section,
    Settings,
    Table,
    Text,
)

_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class RenderError(ValueError):
    """A block cannot be put on the page."""


def render_section(section: Section, name: str) -> str:
    """The section as HTML, with ``name`` as its anchor."""
    parts = []
    numbered = enumerate(section.blocks)
    for kind, run in groupby(numbered, key=lambda pair: type(pair[1])):
        blocks = [render_block(block, f"{name}-{index}") for index, block in run]
        inside = "\n".join(blocks)
        css_class = {Chart: "charts", Picture: "gallery"}.get(kind)
        parts.append(f'<div class="{css_class}">\n{inside}\n</div>' if css_class else inside)
    body = "\n".join(parts)
    heading = f'<h2 id="{name}-title">{escape(section.title)}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">\n{heading}\n{body}\n</section>'


def render_block(block: Block, name: str) -> str:
    """One block as HTML; ``name`` makes the ids in it unique on the page."""
    match block:
        case Text():
            return _paragraphs(block.text)
        case Notice():
            inside = f"<strong>Note</strong>{_paragraphs(block.text)}"
            return f'<div class="notice" role="note">{inside}</div>'
        case Facts():
            rows = (f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in block.items)
            return f'<dl class="facts">{"".join(rows)}</dl>'
        case Settings():
            inside = f"<summary>{_text(block.title)}</summary><pre>{_text(block.toml)}</pre>"
            return f"<details>{inside}</details>"
        case Table():
            return _table(block)
        case Chart():
            return _chart(block)
        case Picture():
            return _picture(block, name)
        case Movie():
            return _movie(block)


def data_uri(file: Files) -> str:
    """The PNG or JPEG file as an address that holds all of it."""
    for magic, media_type in _MAGIC.items():
        if file.startswith(magic):
            return f"data:{media_type};base64,{base64.b64encode(file).decode('ascii')}"
    raise RenderError(f"A picture begins with {file[:8]!r}; give the bytes of a PNG or JPEG file.")


def _text(value: object) -> str:
    return escape(str(value))


def _paragraphs(text: str) -> str:
    parts = re.split(r"\n\s*\n", text.strip())
    return "".join(f"<p>{escape(part)}</p>" for part in parts)


def _caption(caption: str, title: str = "") -> str:
    bold = f"<b>{escape(title)}</b>" if title else ""
    gap = " · " if title and caption else ""
    return f"<figcaption>{bold}{gap}{escape(caption)}</figcaption>" if bold or caption else ""


def _chart(chart: Chart) -> str:
    image = f'<img src="{data_uri(chart.light)}" alt="{_text(chart.alt)}">'
    if chart.dark is not None:
        dark = data_uri(chart.dark)
        image = (
            "<picture>"
            f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
            f"{image}</picture>"
        )
    return f"<figure>{image}{_caption(chart.caption)}</figure>"


def _picture(picture: Picture, name: str) -> str:
    height, width = picture.size
    size = f'width="{width}" height="{height}"'
    ids = {layer.name: f"{name}-layer-{i}" for i, layer in enumerate(picture.layers)}
    stored = [f'<image id="{name}" href="{data_uri(picture.image)}" {size}/>']
    stored += [
        f'<image id="{ids[layer.name]}" href="{data_uri(layer.file)}" {size}/>'
        for layer in picture.layers
    ]
    box = f'viewBox="0 0 {width} {height}"'
    panels = "".join(_panel(panel, picture, name, ids, box) for panel in picture.panels)
    layers = json.dumps([{"id": ids[layer.name], "name": layer.name} for layer in picture.layers])
    css_class = "panels one" if len(picture.panels) == 1 else "panels"
    sharp = ' class="sharp"' if picture.sharp else ""
    return (
        f'<figure{sharp} data-title="{_text(picture.title)}" data-layers="{_text(layers)}">'
        f'<svg width="0" height="0" style="position:absolute" aria-hidden="true">'
        f"<defs>{''.join(stored)}</defs></svg>"
        f'<div class="{css_class}">{panels}</div>'
        f"{_caption(picture.caption, picture.title)}</figure>"
    )


def _panel(panel: Panel, picture: Picture, name: str, ids: dict[str, str], box: str) -> str:
    unknown = [layer for layer in panel.layers if layer not in ids]
    if unknown:
        raise RenderError(
            f"Panel {panel.title!r} asks for layer {unknown[0]!r}; the picture has "
            f"{', '.join(ids) or 'none'}."
        )
    uses = "".join(f'<use href="#{use}"/>' for use in [name, *(ids[x] for x in panel.layers)])
    keys = "".join(
        f'<span class="key"><i style="background:rgb({r} {g} {b})"></i>{_text(meaning)}</span>'
        for (r, g, b), meaning in panel.legend
    )
    alt = _text(f"{panel.title}: {picture.alt}")
    return (
        f'<div><p class="panel-title"><b>{_text(panel.title)}</b>{keys}</p>'
        f'<button type="button" class="open" aria-label="Enlarge. {alt}">'
        f'<svg {box} role="img" aria-label="{alt}">{uses}</svg></button></div>'
    )


def _movie(movie: Movie) -> str:
    if not movie.frames:
        raise RenderError(f"Movie {movie.title!r} has no frames; give at least one.")
    height, width = movie.size
    size = f'width="{width}" height="{height}"'
    frames = []
    for index, frame in enumerate(movie.frames):
        on = " on" if index == 0 else ""
        alt = _text(f"{movie.alt}, {frame.note}")
        frames.append(
            f'<div class="frame{on}" data-note="{_text(frame.note)}">'
            f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{alt}">'
            f'<image href="{data_uri(frame.image)}" {size}/>'
            f'<image class="outlines" href="{data_uri(frame.outlines)}" {size}/></svg></div>'
        )
    controls = (
        '<div class="controls" hidden><button type="button" class="plain">Play</button>'
        f'<input type="range" min="0" max="{len(frames) - 1}" value="0" aria-label="Frame">'
        '<label><input type="checkbox" checked> Outlines</label><output></output></div>'
    )
    return (
        f'<figure class="movie"><div class="stage">{"".join(frames)}</div>{controls}'
        f"{_caption(movie.caption, movie.title)}</figure>"
    )


def _table(block: Table) -> str:
    table = block.table
    shown = table.head(block.most_rows)
    some = f" {len(shown)} of {len(table)} rows are shown." if len(shown) < len(table) else ""
    caption = f"{block.caption}{some}".strip()
    numeric = [_is_numeric(table.iloc[:, place]) for place in range(table.shape[1])]
    heads = "".join(
        f'<th scope="col"{_align(number)}>{_text(str(column).replace("_", " "))}</th>'
        for column, number in zip(table.columns, numeric, strict=True)
    )
    rows = []
    for values in shown.itertuples(index=False):
        cells = [
            _cell(value, number=number, first=place == 0, digits=block.digits)
            for place, (value, number) in enumerate(zip(values, numeric, strict=True))
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    label = _text(block.caption or "Table")
    above = f"<caption><span>{_text(caption)}</span></caption>" if caption else ""
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table>{above}'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _is_numeric(column: pd.Series[float]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _align(number: bool) -> str:
    return ' class="n"' if number else ""


def _cell(value: object, *, number: bool, first: bool, digits: int) -> str:
    exact = ""
    if isinstance(value, float | np.floating):
        exact = f' data-v="{value!s}"'
        text = f"{value:.{digits}f}"
    elif isinstance(value, int | np.integer) and not isinstance(value, bool):
        exact = f' data-v="{value}"'
        text = f"{value:,}"
    else:
        text = "" if value is None or value is pd.NA else str(value)
    tag = 'th scope="row"' if first else "td"
    return f"<{tag}{_align(number)}{exact}>{escape(text)}</{tag.split()[0]}>"
