"""The verb that says whether a model will do for an image: doctor."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softlight.apps.options import (
    Axes,
    CellDiameter,
    Channel,
    Device,
    Model,
    PixelSizeUm,
    Rescale,
    Threshold,
)

if TYPE_CHECKING:
    from softlight.recipes.doctor import Diagnosis


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(doctor)


def doctor(
    images: Annotated[list[Path], typer.Argument(help="Images or movies; of a movie one frame.")],
    model: Model,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size_um: PixelSizeUm = None,
    threshold: Threshold = None,
    cell_diameter: CellDiameter = None,
    rescale: Rescale = True,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say whether an image is like those a model was trained on, if not why, and what to try."""
    from softlight.inference.predict import Segmenter
    from softlight.io.images import find_images
    from softlight.recipes.divide import Options
    from softlight.recipes.doctor import diagnose
    from softlight.recipes.segment import Reading

    segmenter = Segmenter.from_saved(model, device=device)
    found = [
        diagnose(
            path,
            segmenter,
            reading=Reading(axes, channel, pixel_size_um),
            options=Options(threshold=threshold, cell_diameter_px=cell_diameter, rescale=rescale),
        )
        for path in find_images(images)
    ]
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in found], indent=2))
        return
    for one in found:
        for line in one.lines():
            typer.echo(line)


def _plain(one: Diagnosis) -> dict[str, Any]:
    """The diagnosis as plain values, None for what is unknown."""
    names = ("value", "training_low", "training_high")
    return {
        "source": str(one.source),
        "cells": one.cells,
        "score": None if math.isnan(one.score) else one.score,
        "fine": one.fine,
        "faults": [fault._asdict() for fault in one.faults],
        "notes": list(one.notes),
        "traits": {
            trait: {
                name: None if math.isnan(value) else value
                for name, value in zip(names, values, strict=True)
            }
            for trait, values in one.traits.items()
        },
    }
