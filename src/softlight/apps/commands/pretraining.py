"""The verb that learns from images without annotation: pretrain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from softlight.apps.commands.training import (
    Device,
    Epochs,
    Init,
    Licence,
    Minutes,
    Seed,
    Sets,
    chosen_settings,
    how_to_resume,
    tell_trained,
)
from softlight.apps.interrupts import interruptible
from softlight.apps.options import Axes, Channel, PixelSizeUm


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(pretrain)


def pretrain(
    inputs: Annotated[
        list[Path], typer.Argument(help="Images, movies or folders of them; labels are passed by.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the model to be.")],
    recipe: Annotated[
        str, typer.Option("--recipe", help="Name or .toml file of the training to come.")
    ] = "cells",
    minutes: Minutes = None,
    epochs: Epochs = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False,
    sets: Sets = None,
    init: Init = None,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size_um: PixelSizeUm = None,
    licence: Licence = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Learn from images without annotation; then train --init with a few annotated ones."""
    from softlight.apps.progress import TrainingLines, counting, say
    from softlight.recipes.pretrain import pretrain as run
    from softlight.recipes.segment import Reading

    settings = chosen_settings(
        sets, minutes=minutes, epochs=epochs, device=device, seed=seed, init=init
    )
    with interruptible(how_to_resume(out)), counting("Reading images") as progress:
        trained = run(
            inputs,
            out,
            recipe=recipe,
            settings=settings,
            reading=Reading(axes, channel, pixel_size_um),
            licence=licence or "",
            resume=resume,
            callbacks=[TrainingLines(f"{recipe}, to restore images")],
            decoding=progress,
            note=say,
        )
    tell_trained(trained)
    say(
        f"Train from it: softlight train {recipe} --data FOLDER --out MODEL --init {trained.folder}"
    )
