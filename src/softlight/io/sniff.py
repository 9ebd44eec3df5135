"""Which reader a file needs: by its first bytes, since names lie."""

from __future__ import annotations

from pathlib import Path

from softlight.io.errors import ImageError, reading
from softlight.io.formats import FORMAT_SUFFIXES as FORMAT_SUFFIXES
from softlight.io.formats import open_format
from softlight.io.planes import Planes
from softlight.io.stills import StillPlanes
from softlight.io.tiff import TiffPlanes

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STILL = (b"\x89PNG", b"\xff\xd8\xff")
_ZARR_FILES = (".zattrs", ".zgroup", "zarr.json")


def is_zarr(path: Path) -> bool:
    """Whether this folder is a zarr group."""
    return path.is_dir() and any((path / name).is_file() for name in _ZARR_FILES)


def open_planes(path: Path) -> Planes:
    """The planes of a file or OME-Zarr, by the reader that its content needs."""
    if is_zarr(path):
        from softlight.io.zarr_planes import ZarrPlanes  # zarr takes a third of a second to import

        return ZarrPlanes(path)
    with reading(path):
        if path.is_dir():
            raise ImageError(f"{path} is a folder, not an image file; give the files in it.")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path} is a device or pipe, not an image file.")
        with path.open("rb") as handle:
            head = handle.read(8)
    if not head:
        raise ImageError(f"{path.name} is empty (0 bytes); copy it again from the source.")
    if head.startswith(_TIFF):
        return TiffPlanes(path)
    if head.startswith(_STILL):
        return StillPlanes(path)
    if path.suffix.lower() in FORMAT_SUFFIXES:
        return open_format(path)
    raise ImageError(
        f"{path.name} is not an image that can be read; "
        "give TIFF, PNG, JPEG, OME-Zarr, CZI, ND2 or LIF."
    )
