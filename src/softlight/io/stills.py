"""PNG and JPEG, by Pillow, with the claimed size checked before any pixel is decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from softlight.io.errors import ImageError, reading
from softlight.io.planes import Layout, check_claim

_DTYPES = {"1": "bool", "L": "u1", "P": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4"}
_SAMPLES = {"RGB": 3, "RGBA": 4, "LA": 2}
_MOST_GAIN = {"PNG": 1050.0, "JPEG": 1100.0}
_FORMATS = ("PNG", "JPEG")
_PNG = b"\x89PNG\r\n\x1a\n"


class StillPlanes:
    """The one plane of a PNG or JPEG file."""

    def __init__(self, path: Path) -> None:
        with reading(path, "PNG or JPEG"):
            self.path = path
            _check_png_end(path)
            with _opened(path) as image:
                self.has_colour_table = image.mode == "P"
                self.layout = self._lay_out(image)

    def _lay_out(self, image: Image.Image) -> Layout:
        mode, (width, height) = image.mode, image.size
        samples = _SAMPLES.get(mode, 1)
        if mode not in _DTYPES and mode not in _SAMPLES:
            raise ImageError(
                f"{self.path.name} has colours of kind {mode}; convert it to grey or RGB."
            )
        dtype = np.dtype(_DTYPES.get(mode, "u1"))
        claimed = check_claim(
            self.path.name, height, width, samples=samples, item_bytes=dtype.itemsize
        )
        stored = self.path.stat().st_size
        packed = claimed / 8 if mode == "1" else claimed
        if packed > stored * _MOST_GAIN[str(image.format)] + 2000:
            raise ImageError(
                f"{self.path.name} claims {height}×{width} pixels but stores {stored:,} bytes; "
                "the header is wrong or the file is truncated."
            )
        notes: tuple[str, ...] = ()
        if mode == "P":
            notes = ("Its colour table is for display and was not applied.",)
            if image.palette is not None and not _is_grey(image):
                samples, notes = 3, ()
        if mode == "LA":
            samples, notes = 1, ("Its transparency was dropped.",)
        colour = samples > 1
        return Layout(
            axes="YXC" if colour else "YX",
            sizes=(height, width, samples) if colour else (height, width),
            dtype=np.dtype("u2") if mode == "I" else dtype,
            how="a single picture",
            colour=colour,
            notes=notes,
        )

    def plane(self, number: int) -> NDArray[np.generic]:
        """The raw (Y, X[, C]) plane, a colour table applied where it holds colours."""
        assert number == 0
        with reading(self.path, "PNG or JPEG"), _opened(self.path) as image:
            image.load()
            coloured = image.mode == "P" and self.layout.colour
            array = np.asarray(image.convert("RGB") if coloured else image)
        if array.ndim == 3 and not self.layout.colour:
            array = array[..., 0]
        return array.astype(self.layout.dtype)

    def indices(self) -> NDArray[np.generic]:
        """The stored numbers of a picture with a colour table, which for labels are the labels."""
        with reading(self.path, "PNG or JPEG"), _opened(self.path) as image:
            image.load()
            return np.asarray(image)


def _is_grey(image: Image.Image) -> bool:
    table = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return bool((table == table[:, :1]).all())


def _opened(path: Path) -> Image.Image:
    """The picture, its header read; an ImageError where it claims more than Pillow would decode."""
    try:
        return Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError:
        raise ImageError(
            f"{path.name} claims more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, the limit "
            "for PNG and JPEG; save it as a TIFF."
        ) from None


def _check_png_end(path: Path) -> None:
    """An ImageError where a PNG ends before its last chunk does; decoders let that pass."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8) != _PNG:
            return
        at, kind = 8, b""
        while kind != b"IEND":
            file.seek(at)
            head = file.read(8)
            at += 12 + int.from_bytes(head[:4], "big")
            kind = head[4:]
            if len(head) < 8 or at > size:
                raise ImageError(f"{path.name} is truncated; copy it again from the source.")
