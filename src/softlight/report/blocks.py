"""What a page is made of: text, warnings, facts, tables, charts, pictures in layers, movies.

Plain data; `softlight.report.html` renders it and escapes every text in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

Files = bytes  # a PNG or JPEG file


@dataclass(frozen=True)
class Text:
    """Paragraphs, parted by empty lines."""

    text: str


@dataclass(frozen=True)
class Notice:
    """Something that the reader must know before trusting the numbers."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Names and values, such as versions."""

    items: Sequence[tuple[str, object]]


@dataclass(frozen=True)
class Settings:
    """Settings as TOML, folded away until asked for."""

    toml: str
    title: str = "All settings of this run (TOML)"


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows. Floats are rounded, nan is shown as it is."""

    table: pd.DataFrame
    caption: str = ""
    digits: int = 3
    most_rows: int = 200


@dataclass(frozen=True)
class Chart:
    """A chart as a PNG file for light pages and, if given, another for dark ones."""

    light: Files
    alt: str
    caption: str = ""
    dark: Files | None = None


@dataclass(frozen=True)
class Layer:
    """A transparent PNG file of the same proportions, drawn over an image."""

    name: str
    file: Files


@dataclass(frozen=True)
class Panel:
    """One view of a picture: a title and the layers that are on."""

    title: str
    layers: tuple[str, ...] = ()
    legend: tuple[tuple[tuple[int, int, int], str], ...] = ()  # colour and what it means


@dataclass(frozen=True)
class Picture:
    """An image, shown as panels side by side that differ in their layers.

    The image is stored once, however many panels show it. Enlarged, its layers can be switched.
    """

    title: str
    alt: str
    image: Files
    size: tuple[int, int]  # (height, width) in pixels of the shown image
    layers: tuple[Layer, ...] = ()
    panels: tuple[Panel, ...] = (Panel("Image"),)
    caption: str = ""
    sharp: bool = False  # whether to show the pixels of a small image as squares


@dataclass(frozen=True)
class Frame:
    """One frame of a movie and what is known of it."""

    image: Files
    outlines: Files
    note: str


@dataclass(frozen=True)
class Movie:
    """Frames under a slider; the first is shown where scripts are off."""

    title: str
    alt: str
    frames: Sequence[Frame]
    size: tuple[int, int]
    caption: str = ""


Block = Text | Notice | Facts | Settings | Table | Chart | Picture | Movie


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]
