"""The verb that takes movies to numbers: analyze."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from softlight.apps.interrupts import interruptible
from softlight.apps.options import (
    Axes,
    CellDiameter,
    Channel,
    Device,
    Divisions,
    Grid,
    MaxDistancePx,
    MaxGapFrames,
    MinAreaPx,
    ModelOrNone,
    PixelSizeUm,
    Repair,
    Rescale,
    Threshold,
)

if TYPE_CHECKING:
    from softlight.inference.predict import Segmenter
    from softlight.recipes.analysis.analyze import Analysis


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(analyze)


def analyze(
    inputs: Annotated[
        list[Path], typer.Argument(help="Movies, images, folders of frames, or folders of these.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The run folder: tables, labels, report.")],
    model: ModelOrNone = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Labels in place of a model: file or folder.")
    ] = None,
    interval_min: Annotated[
        float | None, typer.Option(help="Time between frames in min, if files do not tell.")
    ] = None,
    pixel_size_um: PixelSizeUm = None,
    axes: Axes = None,
    channel: Channel = None,
    separate: Annotated[
        bool, typer.Option("--separate", help="Each file by itself; names tell no time.")
    ] = False,
    plate_map: Annotated[
        Path | None,
        typer.Option("--plate-map", help="CSV with well and condition or dose, or both."),
    ] = None,
    threshold: Threshold = None,
    min_area_px: MinAreaPx = None,
    cell_diameter: CellDiameter = None,
    rescale: Rescale = True,
    grid: Grid = "input",
    max_distance_px: MaxDistancePx = None,
    max_gap_frames: MaxGapFrames = 3,
    divisions: Divisions = True,
    repair: Repair = True,
    ome_zarr: Annotated[
        Literal["0.4", "0.5", "none"],
        typer.Option("--ome-zarr", help="Version of the OME-Zarr of images and labels."),
    ] = "0.5",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run; finished positions are kept.")
    ] = False,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Find cells, follow them, and tell how they move and grow: tables and a report."""
    from softlight.apps.progress import counting, say
    from softlight.recipes.analysis.analyze import analyze as run
    from softlight.recipes.analysis.settings import AnalyzeSettings
    from softlight.recipes.divide import Options
    from softlight.recipes.segment import Reading
    from softlight.track.settings import LinkSettings

    version = None if ome_zarr == "none" else ome_zarr
    settings = AnalyzeSettings(
        reading=Reading(axes, channel, pixel_size_um, interval_min),
        options=Options(
            threshold=threshold,
            min_area_px=min_area_px,
            ome_zarr=version,
            cell_diameter_px=cell_diameter,
            rescale=rescale,
            grid=grid,
        ),
        link=LinkSettings(
            max_gap_frames=max_gap_frames, max_distance_px=max_distance_px, divisions=divisions
        ),
        repair=repair,
        separate=separate,
    )
    cells = _cells(model, labels, device)
    with interruptible(_how_to_resume(out)), counting("Finding cells") as progress:
        found = run(
            inputs,
            cells,
            out,
            settings=settings,
            plate_map=plate_map,
            resume=resume,
            progress=lambda _, done, total: progress(done, total),
            note=say,
        )
    _tell(found, as_json=as_json)


def _cells(model: str | None, labels: Path | None, device: str) -> Segmenter | Path:
    """The model, or where the labels lie: one of the two."""
    from softlight.apps.progress import say
    from softlight.inference.predict import Segmenter

    if model is not None and labels is not None:
        raise ValueError("--model finds the cells, --labels has them already: give one of the two.")
    if labels is not None:
        return labels
    if model is None:
        raise ValueError("Give --model to find the cells, or --labels to start from labels.")
    segmenter = Segmenter.from_saved(model, device=device)
    say(f"Model {segmenter.spec.name} on {segmenter.device}")
    return segmenter


def _how_to_resume(out: Path) -> Callable[[], str]:
    def advice() -> str:
        from softlight.data.samples import counted
        from softlight.recipes.analysis.state import count_finished

        done, frames = count_finished(out)
        begun = f", and {counted(frames, 'frame')} of the next" if frames else ""
        what = f"{counted(done, 'position')} finished and kept{begun}"
        return f"{what}; give the same command with --resume to go on."

    return advice


def _tell(found: Analysis, *, as_json: bool) -> None:
    """What was found on standard output; warnings and failures on standard error."""
    if as_json:
        typer.echo(json.dumps(json.loads(found.table.to_json(orient="records")), indent=2))
    else:
        for one in found.positions:
            typer.echo(one.line())
        typer.echo(f"Report: {found.report}")
    for one in found.positions:
        for warning in one.record.get("warnings", []):
            typer.secho(f"Warning: {warning}", fg="yellow", err=True)
    for one in found.failed:
        typer.secho(f"Failed: {one.name}: {one.error}", fg="red", err=True)
    if found.failed:
        count = f"{len(found.failed)} of {len(found.positions)} positions failed."
        typer.secho(count, fg="red", err=True)
        raise typer.Exit(1)
