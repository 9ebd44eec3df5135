"""The verb that hands cells and tracks to other programs: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

FormatName = Literal[
    "ctc",
    "geff",
    "trackmate",
    "napari",
    "geojson",
    "roi",
    "coco",
    "ome-zarr",
    "csv",
    "parquet",
]


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(export)


def export(
    source: Annotated[
        Path, typer.Argument(help="A run folder, label images, or a file of any format below.")
    ],
    to: Annotated[FormatName, typer.Option("--to", help="The format to write.")],
    out: Annotated[
        Path,
        typer.Option("--out", help="File or folder to write; of several movies, a folder of them."),
    ],
    from_format: Annotated[
        FormatName | None,
        typer.Option("--from", help="The format of the source, if it is not to be recognised."),
    ] = None,
    movie: Annotated[
        str | None, typer.Option("--movie", help="The one movie of a run folder to take.")
    ] = None,
    pixel_size_um: Annotated[
        float | None, typer.Option(help="Side of a pixel in µm, if the source is wrong.")
    ] = None,
    interval_min: Annotated[
        float | None, typer.Option(help="Time between frames in min, if it is wrong.")
    ] = None,
    ome_zarr: Annotated[
        Literal["0.4", "0.5"], typer.Option("--ome-zarr", help="The version of OME-Zarr.")
    ] = "0.5",
) -> None:
    """Write cells and tracks in a format of another program, or bring its file back as csv."""
    from softlight.recipes.export import export as run

    written = run(
        source,
        to,
        out,
        source_format=from_format,
        movie=movie,
        pixel_size_um=pixel_size_um,
        frame_interval_min=interval_min,
        ome_zarr=ome_zarr,
    )
    for item in written:
        typer.echo(item.line())
        for note in item.notes:
            typer.secho(f"Note: {note}", err=True)
