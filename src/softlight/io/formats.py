"""Vendors' formats, each through an optional package that is imported when such a file comes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.errors import ImageError, reading
from softlight.io.planes import Layout, Planes

FORMAT_SUFFIXES = {".czi": "czi", ".nd2": "nd2", ".lif": "lif"}
_PACKAGES = {"czi": "pylibCZIrw.czi", "nd2": "nd2", "lif": "readlif.reader"}

# Opens a file and returns its layout with a function that reads one plane.
Opener = Callable[[ModuleType, Path], tuple[Layout, Callable[[int], NDArray[Any]]]]


class FormatPlanes:
    """The planes of a vendor's file; each read opens the file anew, as for every other format."""

    def __init__(self, path: Path, extra: str) -> None:
        with reading(path, f"{extra.upper()} file"):
            if path.stat().st_size == 0:
                raise ImageError(f"{path.name} is empty (0 bytes); copy it again from the source.")
            self.path, self._extra = path, extra
            self.layout, self._read = _open(path, extra)

    def __getstate__(self) -> tuple[Path, str, Layout]:
        return self.path, self._extra, self.layout

    def __setstate__(self, state: tuple[Path, str, Layout]) -> None:
        self.path, self._extra, self.layout = state
        self._read = _open(self.path, self._extra)[1]

    def plane(self, number: int) -> NDArray[np.generic]:
        """One raw (Y, X[, C]) plane."""
        with reading(self.path, f"{self._extra.upper()} file"):
            plane = self._read(number)
            if not plane.any():
                # The libraries give zeros for a frame that is not in the file; cameras never do.
                raise ImageError(
                    f"{self.path.name}: plane {number} is all zero, so it is missing; "
                    "export the file again."
                )
            return plane


def open_format(path: Path) -> Planes:
    """The planes of a CZI, ND2 or LIF file; an ImageError that names the extra to install."""
    return FormatPlanes(path, FORMAT_SUFFIXES[path.suffix.lower()])


def _open(path: Path, extra: str) -> tuple[Layout, Callable[[int], NDArray[Any]]]:
    try:
        package = import_module(_PACKAGES[extra])
    except ImportError:
        raise ImageError(
            f"{path.name} needs a package that is not installed: pip install 'softlight[{extra}]'."
        ) from None
    opener: Opener = import_module(f"softlight.io.{extra}").open_file
    return opener(package, path)
