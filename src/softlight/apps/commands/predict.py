"""Verbs that use a model: demo, segment, evaluate, models."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from softlight.apps.options import (
    Axes,
    CellDiameter,
    Channel,
    Device,
    Grid,
    MinAreaPx,
    Model,
    ModelOrNone,
    PixelSizeUm,
    Rescale,
    Threshold,
)


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(demo)
    app.command()(segment)
    app.command()(evaluate)
    app.command()(models)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for labels and report.")] = Path(
        "demo"
    ),
) -> None:
    """Segment the embedded sample movie with the shipped model and write a report."""
    from softlight.apps.progress import counting
    from softlight.recipes.demo import run_demo

    with counting("Segmenting the sample movie") as progress:
        found = run_demo(out, progress=progress)
    for line in found.lines:
        typer.echo(line)
    typer.echo(f"Report: {found.report}")


def segment(
    inputs: Annotated[list[Path], typer.Argument(help="Images, movies or folders of them.")],
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="Folder for labels, table and report.")],
    as_movies: Annotated[
        bool, typer.Option("--movie", help="Each folder is one movie, its files the frames.")
    ] = False,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size_um: PixelSizeUm = None,
    interval_min: Annotated[float | None, typer.Option(help="Time between frames in min.")] = None,
    threshold: Threshold = None,
    min_area_px: MinAreaPx = None,
    touching: Annotated[
        bool, typer.Option("--split/--no-split", help="Cut cells that touch, or leave pieces.")
    ] = True,
    flips: Annotated[
        bool, typer.Option("--flips", help="Average over mirror images: better, four times slower.")
    ] = False,
    cell_diameter: CellDiameter = None,
    rescale: Rescale = True,
    grid: Grid = "input",
    ome_zarr: Annotated[
        Literal["0.4", "0.5"] | None,
        typer.Option("--ome-zarr", help="Also write OME-Zarr of this version."),
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Find the cells in images and movies; one bad file does not stop the rest."""
    from softlight.apps.progress import counting, say
    from softlight.inference.predict import Segmenter
    from softlight.recipes.divide import Options
    from softlight.recipes.pages import run_page
    from softlight.recipes.segment import Reading, summary
    from softlight.recipes.segment import segment as run

    segmenter = Segmenter.from_saved(model, device=device)
    say(f"Model {segmenter.spec.name} on {segmenter.device}")
    with counting("Segmenting") as progress:
        results = run(
            inputs,
            segmenter,
            out,
            reading=Reading(axes, channel, pixel_size_um, interval_min),
            options=Options(
                threshold, min_area_px, touching, flips, ome_zarr, cell_diameter, rescale, grid
            ),
            as_movies=as_movies,
            progress=lambda _, done, total: progress(done, total),
        )
    report = run_page(results, segmenter, out)
    if as_json:
        typer.echo(json.dumps(summary(results), indent=2))
    else:
        for result in results:
            typer.echo(result.line())
            for note in result.notes:
                typer.echo(f"  {note}")
        typer.echo(f"Report: {report}")
    for result in results:
        for warning in result.warnings:
            typer.secho(f"Warning: {warning}", fg="yellow", err=True)
    failed = [result for result in results if result.error]
    for result in failed:
        typer.secho(f"Failed: {result.source}: {result.error}", fg="red", err=True)
    if failed:
        typer.secho(f"{len(failed)} of {len(results)} files failed.", fg="red", err=True)
        raise typer.Exit(1)


def evaluate(
    data: Annotated[Path, typer.Option("--data", help="Folder of annotated images.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for metrics and report.")],
    model: ModelOrNone = None,
    predicted: Annotated[
        Path | None, typer.Option("--predicted", help="Label images to score in place of a model.")
    ] = None,
    annotation: Annotated[
        str,
        typer.Option("--annotation", help="Challenge folders: auto, gold, silver or complete."),
    ] = "auto",
    classes: Annotated[
        str | None,
        typer.Option(
            help="With --predicted: names of the values 0, 1 and on, joined by commas; "
            "background,cell if not given."
        ),
    ] = None,
    ignore_value: Annotated[
        int | None, typer.Option(min=0, help="Labels of this value are left out of all scores.")
    ] = None,
    boundary_tolerance_px: Annotated[
        float, typer.Option(min=0, help="How far a boundary may be off.")
    ] = 2.0,
    instances: Annotated[
        Literal["auto", "yes", "no"],
        typer.Option(help="Score single cells too; auto: where truth and predictions have them."),
    ] = "auto",
    degrade: Annotated[
        float | None,
        typer.Option(
            "--degrade",
            help="Score on images that keep this share of their resolution, as 0.25.",
        ),
    ] = None,
    photons: Annotated[
        float | None,
        typer.Option(help="Score on images of so many photons per pixel at the brightest."),
    ] = None,
    cell_diameter: CellDiameter = None,
    rescale: Rescale = True,
    border_px: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Of tracks: cells wholly this near to the edges are left out; "
            "what the Challenge publishes of the set if not given.",
        ),
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the means as JSON.")] = False,
) -> None:
    """Score a model, finished label images, or Challenge tracks, against the truth."""
    from softlight.apps.progress import counting, say
    from softlight.config import ConfigError
    from softlight.data.degradation import Degradation
    from softlight.evaluate.instance import MEASURES
    from softlight.evaluate.table import format_summary, markdown_table
    from softlight.recipes.divide import Options
    from softlight.recipes.evaluate import evaluate as run
    from softlight.recipes.evaluate_tracking import holds_tracks
    from softlight.recipes.pages import SHOWN_CELLS

    if predicted is not None and model is None and holds_tracks(predicted):
        given = (annotation, classes, boundary_tolerance_px, instances, degrade, photons, device)
        if given != ("auto", None, 2.0, "auto", None, None, "auto") or ignore_value is not None:
            raise ConfigError(
                f"{predicted} holds tracks (res_track.txt), which are scored by --data, --out and "
                "--border-px alone; leave the other flags out."
            )
        _evaluate_tracks(data, out, predicted, border_px, as_json=as_json)
        return
    if border_px is not None:
        raise ConfigError(
            "--border-px is for tracks: give a --predicted folder with res_track.txt, or leave "
            "it out."
        )
    worse = degrade is not None or photons is not None
    how = Degradation(factor=1.0 if degrade is None else degrade, photons=photons)
    with counting("Scoring") as progress:
        result = run(
            data,
            out,
            model=model,
            predicted=predicted,
            annotation=annotation,
            classes=None if classes is None else classes.split(","),
            ignore_value=ignore_value,
            boundary_tolerance_px=boundary_tolerance_px,
            instances=instances,
            degrade=how if worse else None,
            sizing=Options(cell_diameter_px=cell_diameter, rescale=rescale),
            device=device,
            progress=progress,
            note=say,
        )
    if as_json:
        every = result.summary[result.summary["group"] == "all"]
        means = every.set_index("measure")["mean"].dropna().to_dict()
        if result.coco is not None:
            means |= result.coco.iloc[-1].drop(["group", "images"]).dropna().to_dict()
        typer.echo(json.dumps(means, indent=2))
    else:
        known = list(dict.fromkeys(result.summary["measure"]))
        of_pixels = [measure for measure in known if measure not in MEASURES]
        typer.echo(markdown_table(format_summary(result.summary, measures=of_pixels)))
        if result.classes is not None:
            typer.echo(markdown_table(result.classes))
        if result.coco is not None:
            typer.echo(markdown_table(format_summary(result.summary, measures=SHOWN_CELLS)))
        typer.echo(f"Report: {result.report}")


def _evaluate_tracks(
    data: Path, out: Path, predicted: Path, border_px: int | None, *, as_json: bool
) -> None:
    from softlight.apps.progress import counting, say
    from softlight.evaluate.table import markdown_table
    from softlight.recipes.evaluate_tracking import evaluate_tracking
    from softlight.recipes.tracking_page import SHOWN

    with counting("Scoring tracks") as progress:
        result = evaluate_tracking(
            data, out, predicted=predicted, border_px=border_px, progress=progress, note=say
        )
    if as_json:
        rows = {row.pop("sequence"): row for row in result.sequences.to_dict("records")}
        known = {
            name: {key: value for key, value in row.items() if not math.isnan(value)}
            for name, row in rows.items()
        }
        typer.echo(json.dumps(known, indent=2))
        return
    shown = ["sequence", *SHOWN, "division_F1(1)"]
    typer.echo(markdown_table(result.sequences[shown]))
    typer.echo(f"Errors: {out / 'errors.csv'} ({len(result.errors)})")
    typer.echo(f"Report: {result.report}")


def models() -> None:
    """List the shipped models."""
    from softlight.models.saved import find_model, list_shipped, read_spec

    for name in list_shipped():
        spec = read_spec(find_model(name))
        licence = spec.provenance.get("licence", "see card")
        size = "unknown" if spec.cell_diameter_px is None else f"{spec.cell_diameter_px:g} px"
        typer.echo(f"{name:20} cells about {size} wide; licence: {licence}")
