"""The card of a saved model: what it was trained on, how well it does, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from softlight.config import ModelSpec

TEMPLATE = Path(__file__).with_name("card_template.md")
UNSTATED = "Not stated."


@dataclass(frozen=True)
class CardText:
    """What only the person who trained the model can say; Markdown, ``Not stated.`` if left out."""

    summary: str = UNSTATED
    intended_use: str = UNSTATED
    data: str = UNSTATED
    licence: str = UNSTATED
    known_failures: str = UNSTATED


def model_card(
    spec: ModelSpec,
    text: CardText = CardText(),
    *,
    figures: Mapping[str, float] | None = None,
    split: str = UNSTATED,
) -> str:
    """The card in Markdown, filled from the description, the text and the figures.

    Args:
        spec: the description of the model.
        text: the words.
        figures: each measure and its value on images that the training never saw.
        split: which images these figures are of, and how many.
    """
    model = spec.model
    values = {
        "name": spec.name,
        "summary": text.summary,
        "network": f"{model.name}, depth {model.depth}, width {model.width}, {model.norm} norm",
        "input": _input(spec),
        "classes": ", ".join(spec.classes),
        "threshold": f"{spec.threshold:g}",
        "min_area": f"{spec.min_area_px} px",
        "pixel_size": _number(spec.pixel_size_um, "µm"),
        "cell_diameter": _number(spec.cell_diameter_px, "px on the network's grid"),
        "weights_sha256": spec.weights_sha256 or "in model.toml",
        "intended_use": text.intended_use,
        "data": text.data,
        "licence": text.licence,
        "figures": _figures(figures or {}, split=split),
        "known_failures": text.known_failures,
        "provenance": _table(spec.provenance) or UNSTATED,
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _input(spec: ModelSpec) -> str:
    preprocess = spec.preprocess
    stretch = {
        "percentile": f"{preprocess.low_percentile:g} % to {preprocess.high_percentile:g} % of the "
        "frame become 0 to 1",
        "zscore": "mean 0, standard deviation 1",
        "range": f"{preprocess.minimum:g} to {preprocess.maximum:g} become 0 to 1",
    }[preprocess.method]
    channels = spec.model.in_channels
    parts = [f"{channels} channel" + ("s" if channels > 1 else ""), stretch]
    if preprocess.resize_to is not None:
        parts.append(f"resized to {preprocess.resize_to[0]}×{preprocess.resize_to[1]} px")
    if preprocess.pixel_size_um is not None:
        parts.append(f"resized to {preprocess.pixel_size_um:g} µm a pixel where that is known")
    return "; ".join(parts)


def _figures(figures: Mapping[str, float], *, split: str) -> str:
    if not figures:
        return "None were measured."
    return f"On {split}\n\n" + _table({name: f"{value:.4g}" for name, value in figures.items()})


def _table(rows: Mapping[str, str]) -> str:
    if not rows:
        return ""
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    )


def _number(value: float | None, unit: str) -> str:
    return "not known" if value is None else f"{value:.3g} {unit}"
