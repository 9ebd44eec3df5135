"""Verbs of gentle imaging: degrade, join."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from softlight.apps.options import Axes, Channel, PixelSizeUm


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(degrade)
    app.command()(join)


def degrade(
    inputs: Annotated[
        list[Path], typer.Argument(help="Images, movies, folders of them, or one data set.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the worse images.")],
    factor: Annotated[
        float, typer.Option(help="Share of the resolution kept along a line, as 0.25.")
    ] = 1.0,
    down: Annotated[
        Literal["area", "antialiased"],
        typer.Option(help="Coarse pixels: the mean of what they cover, or a bicubic filter."),
    ] = "area",
    up: Annotated[
        Literal["bicubic", "nearest", "none"],
        typer.Option(help="Back to the grid of the input, or none to stay on the coarse one."),
    ] = "bicubic",
    blur_px: Annotated[
        float, typer.Option(help="Gaussian sigma of the optics, in pixels of the input.")
    ] = 0.0,
    photons: Annotated[
        float | None,
        typer.Option(help="Photons per coarse pixel where it is brightest; no noise if not given."),
    ] = None,
    read_noise: Annotated[
        float, typer.Option(help="Standard deviation of the camera's noise, in photons.")
    ] = 0.0,
    bits: Annotated[
        int | None, typer.Option(help="Levels of the camera are 2 to the power of this.")
    ] = None,
    bleaching: Annotated[
        float, typer.Option(help="Share of the light that is lost from a frame to the next.")
    ] = 0.0,
    offset: Annotated[
        float, typer.Option(help="Value of the input where there is no light.")
    ] = 0.0,
    brightest: Annotated[
        float | None,
        typer.Option(
            help="Value of the input that is worth --photons; else the brightest of each image, or "
            "of a movie's first frame."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size_um: PixelSizeUm = None,
) -> None:
    """Write images and movies as gentler imaging would have given them; labels are kept."""
    from softlight.apps.progress import counting, say
    from softlight.data.degradation import Degradation
    from softlight.recipes.degrade import degrade_files
    from softlight.recipes.segment import Reading

    how = Degradation(
        factor, down, up, blur_px, photons, read_noise, bits, bleaching, offset, brightest
    )
    with counting("Writing") as progress:
        results = degrade_files(
            inputs,
            out,
            how,
            seed=seed,
            reading=Reading(axes, channel, pixel_size_um),
            progress=progress,
            note=say,
        )
    failed = [result for result in results if result.error]
    written = len(results) - len(failed)
    frames = sum(result.frames for result in results)
    typer.echo(f"{how}: {written} of {len(results)} inputs, {frames} frames: {out}")
    for result in failed:
        typer.secho(f"Failed: {result.source}: {result.error}", fg="red", err=True)
    if failed:
        raise typer.Exit(1)


def join(
    out: Annotated[Path, typer.Option("--out", help="Folder of the model to be.")],
    restorer: Annotated[str, typer.Option(help="A model that restores images, by name or folder.")],
    segmenter: Annotated[str, typer.Option(help="A model that finds cells, by name or folder.")],
) -> None:
    """Make one model of two: the first restores each image, the second finds the cells in it."""
    from softlight.recipes.joining import join_models

    spec = join_models(restorer, segmenter, out)
    typer.echo(f"Model: {out} ({spec.name})")
