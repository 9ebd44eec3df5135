"""The page is whole, loads nothing, and believes no text that it is given."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from softlight.report.blocks import (
    Chart,
    Facts,
    Frame,
    Layer,
    Movie,
    Notice,
    Panel,
    Picture,
    Section,
    Settings,
    Table,
    Text,
)
from softlight.report.charts import curves_figure
from softlight.report.figures import to_jpeg, to_png
from softlight.report.html import render_page, write_report
from softlight.report.pictures import movie_of_cells, picture_of_cells
from softlight.report.render import RenderError, render_block

EVIL = "\"><script>alert(1)</script>&'<img src=http://evil.example/x>"
PNG = to_png(np.zeros((2, 3, 4), dtype=np.uint8))
JPEG = to_jpeg(np.zeros((2, 3, 3), dtype=np.uint8))
VOID = {"meta", "img", "input", "source", "br", "link"}


class _Page(HTMLParser):
    """Every tag and attribute of a page; an unclosed or crossed tag is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _full_page(word: str) -> str:
    image = np.random.default_rng(0).integers(0, 255, size=(20, 30)).astype(np.uint8)
    labels = np.zeros((20, 30), dtype=np.int32)
    labels[3:9, 4:15] = 1
    chart = curves_figure([{"epoch": 1, "train_loss": 1.0}], panels=["loss"])
    legend = (((1, 2, 3), word),)
    blocks = [
        Text(f"{word}\n\nsecond"),
        Notice(word),
        Facts([(word, word)]),
        Settings(word, title=word),
        Table(pd.DataFrame({word: [word], "dice": [0.5]}), caption=word),
        Chart(chart, alt=word, caption=word, dark=chart),
        Chart(chart, alt=word),
        picture_of_cells(word, image, labels, truth=labels, caption=word),
        Picture(word, word, JPEG, (2, 3), (Layer(word, PNG),), (Panel(word, (word,), legend),)),
        movie_of_cells(word, [image, image], [labels, labels], notes=[word, word], caption=word),
    ]
    return render_page(
        title=word,
        summary=[(word, word)],
        sections=[Section(word, blocks), Section("b", []), Section("c", [])],
        subtitle=word,
        footer=word,
    )


def test_hostile_text_stays_text() -> None:
    page = _full_page(EVIL)
    parsed, harmless = _Page(page), _Page(_full_page("word"))
    assert [tag for tag, _ in parsed.tags] == [tag for tag, _ in harmless.tags]
    assert len(parsed.all("script")) == 1
    assert EVIL in parsed.text
    assert "<script>alert" not in page


def test_nothing_is_loaded_from_anywhere() -> None:
    parsed = _Page(_full_page("word"))
    addresses = [
        value
        for _, attributes in parsed.tags
        for key, value in attributes.items()
        if key in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert len(addresses) > 10
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"url\(|@import", _full_page("word"))


def test_its_policy_allows_its_own_script_and_no_other() -> None:
    page = _full_page("word")
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    (policy,) = [meta["content"] for meta in _Page(page).all("meta") if "http-equiv" in meta]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_it_can_be_read_by_phones_and_screen_readers() -> None:
    parsed = _Page(_full_page("word"))
    names = {meta.get("name"): meta.get("content") for meta in parsed.all("meta")}
    assert "width=device-width" in str(names["viewport"])
    assert parsed.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in parsed.all("img"))
    shown = [svg for svg in parsed.all("svg") if "aria-hidden" not in svg]
    assert len(shown) == 6
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in shown)
    assert all(heading.get("scope") in {"col", "row"} for heading in parsed.all("th"))


def test_ids_are_unique_and_references_resolve() -> None:
    parsed = _Page(_full_page("word"))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 5
    targets = [use["href"] for use in parsed.all("use")] + [a["href"] for a in parsed.all("a")]
    assert targets
    assert all(target.removeprefix("#") in ids for target in targets)


def test_an_image_is_stored_once_for_all_its_panels() -> None:
    picture = Picture("a", "b", JPEG, (2, 3), panels=(Panel("1"), Panel("2"), Panel("3")))
    html = render_block(picture, "x")
    assert html.count("data:image/jpeg") == 1
    assert html.count('<use href="#x"/>') == 3


def test_without_scripts_the_first_frame_shows_and_controls_hide() -> None:
    frames = [Frame(JPEG, PNG, f"frame {n}") for n in (1, 2)]
    parsed = _Page(render_block(Movie("m", "a movie", frames, (2, 3)), "x"))
    classes = [div["class"] for div in parsed.all("div") if div["class"].startswith("frame")]
    assert classes == ["frame on", "frame"]
    (controls,) = [div for div in parsed.all("div") if div["class"] == "controls"]
    assert "hidden" in controls


def test_numbers_in_tables_are_rounded_but_sorted_exactly() -> None:
    table = pd.DataFrame(
        {"image": ["a", "b"], "dice": [0.12349, np.nan], "cells": [1234, 5], "ok": [True, False]}
    )
    html = render_block(Table(table, caption="Scores"), "x")
    assert '<td class="n" data-v="0.12349">0.123</td>' in html
    assert '<td class="n" data-v="nan">nan</td>' in html
    assert '<td class="n" data-v="1234">1,234</td>' in html
    assert "<td>True</td>" in html
    assert '<th scope="row">a</th>' in html


def test_a_long_table_says_how_much_it_shows() -> None:
    table = pd.DataFrame({"n": range(1000)})
    html = render_block(Table(table, caption="All.", most_rows=20), "x")
    assert html.count("<tr>") == 21
    assert "All. 20 of 1000 rows are shown." in html


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    path = write_report(tmp_path / "run", title="cells \udcff of a name that is not text")
    assert path == tmp_path / "run" / "report.html"
    assert path.read_bytes().startswith(b"<!doctype html>")
    assert b"cells ? of" in path.read_bytes()
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]
    assert write_report(tmp_path / "a.html", title="x") == tmp_path / "a.html"


def test_a_report_needs_a_title() -> None:
    with pytest.raises(RenderError, match="no title; say what was looked at"):
        render_page(title=" ")


def test_what_is_no_picture_is_an_error() -> None:
    with pytest.raises(RenderError, match="give the bytes of a PNG or JPEG file"):
        render_block(Chart(b"<svg onload=alert(1)>", alt="x"), "x")


def test_a_panel_with_an_unknown_layer_is_an_error() -> None:
    picture = Picture("a", "b", JPEG, (2, 3), panels=(Panel("1", ("ghost",)),))
    with pytest.raises(RenderError, match="asks for layer 'ghost'; the picture has none"):
        render_block(picture, "x")


def test_a_movie_without_frames_is_an_error() -> None:
    with pytest.raises(RenderError, match="Movie 'm' has no frames"):
        render_block(Movie("m", "alt", [], (2, 3)), "x")
