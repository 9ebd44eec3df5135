"""The ``softlight`` program: one verb a file in ``commands``, errors as one sentence."""

from __future__ import annotations

import os
import sys

import typer

from softlight import __version__
from softlight.apps.commands import (
    analysis,
    datasets,
    doctor,
    exchange,
    gentle,
    predict,
    pretraining,
    storage,
    tracking,
    training,
)

app = typer.Typer(
    name="softlight",
    help="Measure live cells from gentle imaging.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    predict,
    analysis,
    tracking,
    training,
    pretraining,
    doctor,
    datasets,
    exchange,
    gentle,
    storage,
):
    room.register(app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"softlight {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Measure live cells from gentle imaging."""


def main() -> None:
    """Run the program; the user's mistakes and the machine's limits become one sentence."""
    try:
        app()
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        expected = not isinstance(error, RuntimeError) or _is_out_of_memory(error)
        if os.environ.get("SOFTLIGHT_DEBUG") or not expected:
            raise
        typer.secho(f"softlight: {_sentence(error)}", fg="red", err=True)
        sys.exit(1)


def _is_out_of_memory(error: Exception) -> bool:
    """Also torch's, which are RuntimeErrors: importing torch to ask would be slow."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def _sentence(error: Exception) -> str:
    """What went wrong, in words; a list of bad files keeps its lines."""
    if _is_out_of_memory(error):
        return (
            "There is not enough memory. Close other programs, use smaller images or tiles, or "
            "train with a smaller data.batch_size or data.patch_px."
        )
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}. Check the path, its permissions and the free space."
    return str(error).strip() or type(error).__name__
