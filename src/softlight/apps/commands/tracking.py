"""The verb that follows cells whose labels are there already: track."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from softlight.apps.options import Divisions, MaxDistancePx, MaxGapFrames, PixelSizeUm, Repair


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(track)


def track(
    labels: Annotated[
        Path,
        typer.Option("--labels", help="Stack of label images, folder of them, or 01_RES, 01_GT."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for tables, labels and 01_RES.")],
    interval_min: Annotated[
        float | None, typer.Option(help="Time between frames in min, if names do not tell.")
    ] = None,
    pixel_size_um: PixelSizeUm = None,
    max_distance_px: MaxDistancePx = None,
    max_gap_frames: MaxGapFrames = 3,
    divisions: Divisions = True,
    drift: Annotated[
        bool, typer.Option("--drift/--no-drift", help="Whether shifts of the field are corrected.")
    ] = True,
    repair: Repair = True,
    tracker: Annotated[
        Literal["softlight", "trackastra", "motile"],
        typer.Option(help="Who links the cells; the others where they are installed."),
    ] = "softlight",
    images: Annotated[
        Path | None, typer.Option("--images", help="The movie of the labels, for trackastra.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Follow labelled cells through time: tracks, divisions, repairs, a Challenge result."""
    from softlight.apps.progress import counting
    from softlight.config import ConfigError
    from softlight.recipes.track_folder import track_folder
    from softlight.recipes.trackers import Other
    from softlight.track.settings import LinkSettings

    settings = LinkSettings(
        max_gap_frames=max_gap_frames,
        max_distance_px=max_distance_px,
        divisions=divisions,
        drift=drift,
    )
    if images is not None and tracker != "trackastra":
        raise ConfigError("--images is for --tracker trackastra alone; leave it out.")
    other = None if tracker == "softlight" else Other(tracker, images)
    with counting("Measuring cells") as progress:
        found = track_folder(
            labels,
            out,
            settings=settings,
            mend=repair,
            pixel_size_um=pixel_size_um,
            frame_interval_min=interval_min,
            other=other,
            progress=progress,
        )
    if as_json:
        counts = {
            "movie": found.name,
            "frames": found.frames,
            "cells": len(found.tracked.objects),
            "tracks": len(found.tracked.tracks),
            "divisions": len(found.divisions),
            "repairs": len(found.edits),
            "learned": found.tracked.learned,
            "notes": list(found.notes),
        }
        typer.echo(json.dumps(counts, indent=2))
    else:
        typer.echo(found.line())
        typer.echo(f"Tables, labels and 01_RES: {out}")
    for note in found.notes:
        typer.secho(f"Note: {note}", fg="yellow", err=True)
