"""Verbs that make or bring images: simulate, expand, fetch, info."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import typer

from softlight.apps.options import Channel

TISSUES = 20  # images of --classes where --varied does not say how many


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(simulate)
    app.command()(expand)
    app.command()(fetch)
    app.command()(info)


def simulate(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder for the images and the truth.")],
    modality: Annotated[str, typer.Option(help="phase or fluorescence.")] = "phase",
    morphology: Annotated[
        str,
        typer.Option(help="round, spindly, sheet or neurites; with --varied all, if not given."),
    ] = "spindly",
    frames: Annotated[int, typer.Option(help="Images in the movie.")] = 12,
    height: Annotated[int, typer.Option(help="Rows, in pixels.")] = 256,
    width: Annotated[int, typer.Option(help="Columns, in pixels.")] = 256,
    cells: Annotated[int, typer.Option(help="Cells in view at the start.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    varied: Annotated[
        int,
        typer.Option(help="So many random scenes of one frame instead of a movie; 0 = a movie."),
    ] = 0,
    classes: Annotated[
        Literal["three-class", "membrane"] | None,
        typer.Option(
            help="Tissue with a class in each pixel instead: cytoplasm, membrane and nucleus, or "
            "membrane alone; as many images as --varied says."
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another field, as photons=50."),
    ] = None,
) -> None:
    """Make a movie with exact masks, tracks and lineage, or varied images to train on."""
    from softlight.apps.commands.training import parse_assignments
    from softlight.apps.progress import counting
    from softlight.recipes.simulation import simulate_classes, simulate_movie, simulate_varied
    from softlight.simulate.scene import MODALITIES, MORPHOLOGIES, Scene, SceneError

    of_movies = [f"--{name}" for name in ("frames", "cells") if _given(context, name)]
    if classes is not None:
        of_scenes = [f"--{name}" for name in ("modality", "morphology") if _given(context, name)]
        of_movies = of_scenes + of_movies
        if of_movies or sets:
            raise SceneError(
                f"{', '.join([*of_movies, *(['--set'] if sets else [])])} would change nothing: "
                "--classes draws all but the size and the seed at random. Leave it out."
            )
        with counting("Simulating") as progress:
            names = simulate_classes(
                classes,
                out,
                images=varied or TISSUES,
                seed=seed,
                size=(height, width),
                progress=progress,
            )
        named = ", ".join(f"{value} {name}" for value, name in enumerate(names))
        typer.echo(f"Images and classes ({named}): {out}")
        return
    if varied and (of_movies or sets):
        raise SceneError(
            f"{', '.join([*of_movies, *(['--set'] if sets else [])])} would change nothing: "
            "--varied draws all but modality, morphology, size and seed at random. Leave it out."
        )
    fields = {field.name for field in dataclasses.fields(Scene)}
    others = parse_assignments(sets)
    if unknown := sorted(set(others) - fields):
        raise SceneError(
            f"A scene has no {', '.join(unknown)}. Its fields are {', '.join(sorted(fields))}."
        )
    if modality not in MODALITIES:
        raise SceneError(f"modality is {modality!r}; it must be one of {', '.join(MODALITIES)}.")
    if morphology not in MORPHOLOGIES:
        raise SceneError(
            f"morphology is {morphology!r}; it must be one of {', '.join(MORPHOLOGIES)}."
        )
    with counting("Simulating") as progress:
        if varied:
            simulate_varied(
                out,
                count=varied,
                modality=modality,
                morphology=morphology if _given(context, "morphology") else None,
                size=(height, width),
                seed=seed,
                progress=progress,
            )
        else:
            scene = Scene(
                **{
                    "modality": modality,
                    "morphology": morphology,
                    "frames": frames,
                    "height": height,
                    "width": width,
                    "cells": cells,
                    "seed": seed,
                    **others,
                }
            )
            simulate_movie(out, scene, progress=progress)
    typer.echo(f"Images and truth: {out}")


def _given(context: typer.Context, name: str) -> bool:
    """Whether the user gave this option, rather than its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def expand(
    data: Annotated[Path, typer.Option("--data", help="Folder of annotated images.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for images/ and labels/.")],
    total: Annotated[int, typer.Option(help="Pairs to write in all.")] = 1773,
    recipe: Annotated[str, typer.Option(help="Whose augmentation is used.")] = "is-this-cell-alive",
    seed: Annotated[int, typer.Option(help="Seed of every random change.")] = 0,
) -> None:
    """Write augmented copies of annotated images, as the three-image system does."""
    from softlight.apps.progress import counting
    from softlight.data.expand import expand as write
    from softlight.data.sets import open_dataset
    from softlight.recipes.library import load_recipe

    dataset = open_dataset(data)
    pairs = ((s.name, (a := s.read()).image, a.labels) for s in dataset.samples)
    with counting("Expanding") as progress:
        written = write(
            pairs,
            total=total,
            augment=load_recipe(recipe).augment,
            out=out,
            seed=seed,
            progress=progress,
        )
    typer.echo(f"{written} pairs: {out}")


def fetch(
    name: Annotated[str, typer.Argument(help="livecell, or ctc:NAME as ctc:PhC-C2DL-PSC.")],
    to: Annotated[Path, typer.Option("--to", help="Folder for the data set.")] = Path("data"),
    addresses: Annotated[
        Path | None,
        typer.Option("--addresses", help="A corrected copy of addresses.toml."),
    ] = None,
) -> None:
    """Download a public data set: resumed, checked, unpacked safely."""
    from softlight.apps.progress import counting
    from softlight.data.fetch import fetch as download

    with counting(f"Fetching {name}", of_bytes=True) as progress:
        folder = download(name, to, addresses=addresses, progress=progress)
    typer.echo(f"Data: {folder}")


def info(
    inputs: Annotated[list[Path], typer.Argument(help="Images, movies or folders of them.")],
    axes: Annotated[str | None, typer.Option(help="Axes of the file, as TCYX.")] = None,
    channel: Channel = None,
    as_movies: Annotated[
        bool, typer.Option("--movie", help="Each folder is one movie, its files the frames.")
    ] = False,
) -> None:
    """Say how files are read: axes, size, type, pixel size, interval."""
    from softlight.io.images import ImageError, find_images, open_movie

    failed = False
    for path in inputs if as_movies else find_images(inputs):
        try:
            movie = open_movie(path, axes=axes, channel=channel)
        except ImageError as error:
            failed = True
            typer.secho(f"{path.name}: {error}", fg="red", err=True)
            continue
        size = "unknown" if movie.pixel_size_um is None else f"{movie.pixel_size_um:g} µm"
        interval = movie.frame_interval_min
        every = "unknown" if interval is None else f"{interval:g} min"
        shape = " x ".join(str(n) for n in movie.shape)
        typer.echo(
            f"{path.name}: {shape} {movie.dtype}, axes {movie.axes}, pixel {size}, "
            f"interval {every}. {movie.axes_note}"
        )
    if failed:
        raise typer.Exit(1)
