"""Ctrl-C: what is said, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

INTERRUPTED = 130  # the exit code that shells use: 128 + SIGINT


@contextmanager
def interruptible(advice: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C ends the program as the shell expects it to, and says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        typer.secho(f"\nInterrupted. {advice()}", fg="yellow", err=True)
        raise typer.Exit(INTERRUPTED) from None
