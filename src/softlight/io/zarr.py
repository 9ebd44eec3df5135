"""OME-Zarr 0.4 and 0.5: reading with every claim checked, and writing."""

from __future__ import annotations

from pathlib import Path

from softlight.io.errors import ImageError
from softlight.io.planes import Planes


def ZarrPlanes(path: Path) -> Planes:  # noqa: N802
    """The planes of an OME-Zarr."""
    raise ImageError(f"{path.name}: OME-Zarr cannot be read yet.")
