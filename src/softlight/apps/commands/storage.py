"""Verbs that plan gentle imaging and keep movies small: plan, shrink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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

_PERCENT = "in percent; 0 does not judge it."


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(plan)
    app.command()(shrink)


def plan(
    inputs: Annotated[
        list[Path], typer.Argument(help="A few good images, or movies, as you take them now.")
    ],
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="Folder for the tables and the page.")],
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="True labels: file or folder; else the model's own answer."),
    ] = None,
    tolerance_count: Annotated[
        float, typer.Option(help=f"Tolerated error of the number of cells, {_PERCENT}")
    ] = 5.0,
    tolerance_confluence: Annotated[
        float, typer.Option(help=f"Tolerated error of the covered share of the image, {_PERCENT}")
    ] = 2.0,
    tolerance_area: Annotated[
        float, typer.Option(help=f"Tolerated error of the median area of cells, {_PERCENT}")
    ] = 0.0,
    tolerance_dice: Annotated[
        float, typer.Option(help=f"How far foreground Dice may be below 1, {_PERCENT}")
    ] = 0.0,
    tolerance_speed: Annotated[
        float, typer.Option(help=f"Of movies, tolerated error of the mean speed, {_PERCENT}")
    ] = 10.0,
    factors: Annotated[
        str, typer.Option(help="Shares of the resolution to try, with commas.")
    ] = "1,0.5,0.25,0.125",
    photons: Annotated[
        str, typer.Option(help="Photons a pixel where it is brightest to try, with commas.")
    ] = "3000,1000,300,100,30,10,5",
    every: Annotated[
        str, typer.Option(help="Of movies, one frame in so many to try, with commas.")
    ] = "1,2,4,8",
    images: Annotated[int, typer.Option(min=1, help="Look at so many images, at most.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Times that noise is drawn per image.")] = 2,
    photons_now: Annotated[
        float | None,
        typer.Option(help="Photons a pixel of the images as they are; else told from their noise."),
    ] = None,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size_um: PixelSizeUm = None,
    threshold: Threshold = None,
    cell_diameter: CellDiameter = None,
    rescale: Rescale = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Say how gently these cells may be imaged so that what is measured stays within tolerance."""
    from softlight.apps.progress import counting, say
    from softlight.inference.predict import Segmenter
    from softlight.recipes.divide import Options
    from softlight.recipes.plan.plan import plan as run
    from softlight.recipes.plan.settings import PlanSettings, Tolerances
    from softlight.recipes.segment import Reading

    shares = {
        "count": tolerance_count,
        "confluence": tolerance_confluence,
        "area": tolerance_area,
        "dice": tolerance_dice,
        "speed": tolerance_speed,
    }
    settings = PlanSettings(
        tolerances=Tolerances(**{name: v / 100 if v else None for name, v in shares.items()}),
        factors=_numbers("--factors", factors),
        photons=_numbers("--photons", photons),
        every=tuple(int(number) for number in _numbers("--every", every)),
        images=images,
        repeats=repeats,
        photons_now=photons_now,
        seed=seed,
        reading=Reading(axes, channel, pixel_size_um),
        options=Options(threshold=threshold, cell_diameter_px=cell_diameter, rescale=rescale),
    )
    segmenter = Segmenter.from_saved(model, device=device)
    say(f"Model {segmenter.spec.name} on {segmenter.device}")
    with counting("Planning") as progress:
        found = run(
            inputs,
            segmenter,
            out,
            labels=labels,
            settings=settings,
            progress=lambda _, done, total: progress(done, total),
        )
    if as_json:
        typer.echo((out / "plan.json").read_text(encoding="utf-8"))
        return
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"Report: {found.report}")


def _numbers(flag: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"{flag} is {text!r}; give numbers with commas, as 1,0.5,0.25.") from None


def shrink(
    inputs: Annotated[list[Path], typer.Argument(help="Images, movies or folders of them.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the smaller movies.")],
    factor: Annotated[
        float, typer.Option(help="Share of the resolution kept along a line.")
    ] = 0.25,
    bits: Annotated[
        int, typer.Option(min=1, max=16, help="Grey levels are 2 to the power of this.")
    ] = 8,
    compression: Annotated[
        Literal["deflate", "zstd", "none"],
        typer.Option(help="Of the pixels, without loss; every program reads deflate."),
    ] = "deflate",
    as_movies: Annotated[
        bool, typer.Option("--movie", help="Each folder is one movie, its files the frames.")
    ] = False,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size_um: PixelSizeUm = None,
    interval_min: Annotated[float | None, typer.Option(help="Time between frames in min.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Keep movies small: fewer pixels and bits, with the way back to the grid they came from."""
    from softlight.apps.progress import counting
    from softlight.recipes.segment import Reading
    from softlight.recipes.shrink import shrink as run

    with counting("Shrinking") as progress:
        results = run(
            inputs,
            out,
            factor=factor,
            bits=bits,
            compression=compression,
            reading=Reading(axes, channel, pixel_size_um, interval_min),
            as_movies=as_movies,
            progress=lambda _, done, total: progress(done, total),
        )
    if as_json:
        typer.echo((out / "shrunk.json").read_text(encoding="utf-8"))
    else:
        for result in results:
            typer.echo(result.line())
            for note in result.notes:
                typer.echo(f"  {note}")
    failed = [result for result in results if result.error]
    for result in failed:
        typer.secho(f"Failed: {result.source}: {result.error}", fg="red", err=True)
    if failed:
        typer.secho(f"{len(failed)} of {len(results)} files failed.", fg="red", err=True)
        raise typer.Exit(1)
