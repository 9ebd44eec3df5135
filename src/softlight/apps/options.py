"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Model = Annotated[str, typer.Option("--model", help="Name of a shipped model, or a folder.")]
ModelOrNone = Annotated[
    str | None, typer.Option("--model", help="Name of a shipped model, or a folder.")
]
Axes = Annotated[
    str | None, typer.Option(help="Axes of the files, as TCYX, where the guess is wrong.")
]
Channel = Annotated[int | None, typer.Option(help="Channel to take, from 0.")]
PixelSizeUm = Annotated[float | None, typer.Option(help="Side of a pixel in µm.")]
Threshold = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Foreground probability of a cell; else the model's."),
]
MinAreaPx = Annotated[
    int | None, typer.Option(min=0, help="Smaller pieces are dropped; else the model's.")
]
CellDiameter = Annotated[
    float | None,
    typer.Option(
        "--cell-diameter", help="Width of a cell in pixels of the image; found out if not given."
    ),
]
Rescale = Annotated[
    bool,
    typer.Option(
        "--rescale/--no-rescale",
        help="Bring cells to the size that the model was trained at, or leave images as they are.",
    ),
]
Grid = Annotated[
    Literal["input", "fine"],
    typer.Option(
        "--grid",
        help="Masks on the image's own grid, or on the finer one before it was shrunk or that the "
        "model needs.",
    ),
]
MaxDistancePx = Annotated[
    float | None, typer.Option(help="Longest way of a cell between frames; else learned.")
]
MaxGapFrames = Annotated[int, typer.Option(help="A cell may be missed in so many frames in a row.")]
Repair = Annotated[
    bool,
    typer.Option(
        "--repair/--no-repair", help="Mend cells merged or split in one frame only, with a log."
    ),
]
Divisions = Annotated[
    bool, typer.Option("--divisions/--no-divisions", help="Whether cells may divide.")
]
Device = Annotated[
    str, typer.Option("--device", help="cpu, cuda or mps; auto takes the fastest there is.")
]
