"""Opening images and movies of any supported format, lazily and with every claim checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softlight.io.axes import Plan, plan_frames
from softlight.io.errors import ImageError as ImageError
from softlight.io.errors import reading
from softlight.io.folder import FRAME_SUFFIXES, FramePlanes, natural_key, open_folder_or_file
from softlight.io.grey import to_grey as to_grey
from softlight.io.planes import Planes, check_claim
from softlight.io.sniff import FORMAT_SUFFIXES, is_zarr

_PIXELS = ("bool", "uint8", "uint16", "float32", "float64")


@dataclass(frozen=True, kw_only=True, eq=False)
class Movie:
    """Frames (T, Y, X[, C]) that are read when asked for; a still is a movie of one frame."""

    name: str
    source: Path
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    axes: str
    axes_note: str
    pixel_size_um: float | None
    frame_interval_min: float | None
    colour: bool  # the channels are red, green, blue (and alpha)
    notes: tuple[str, ...]
    missing: tuple[int, ...]  # frames that no file holds; asking for one is an error
    _planes: Planes = field(repr=False)
    _plan: Plan = field(repr=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[np.generic]]:
        return (self.frame(t) for t in range(len(self)))

    def frame(self, t: int) -> NDArray[np.generic]:
        """Frame ``t`` as a raw (Y, X[, C]) array; an ImageError where its pixels are damaged."""
        if not 0 <= t < len(self):
            raise ImageError(f"{self.name} has frames 0 to {len(self) - 1}; there is no {t}.")
        if self._plan.planes is None:
            frame = self._planes.plane(t)
        else:
            numbers = self._plan.planes[t]
            parts = [self._planes.plane(number) for number in numbers]
            frame = np.stack(parts, axis=-1) if self._plan.stacked else parts[0]
        if self._plan.sample is not None:
            frame = np.ascontiguousarray(frame[..., self._plan.sample])
        self._check(frame, t)
        return frame

    def grey(self, t: int) -> NDArray[np.generic]:
        """Frame ``t`` as one (Y, X) plane: colours by ``to_grey``, several channels an error."""
        frame = self.frame(t)
        if frame.ndim == 3 and not self.colour:
            raise ImageError(
                f"{self.name} has {frame.shape[-1]} channels; choose one with channel= "
                f"(0 to {frame.shape[-1] - 1})."
            )
        return to_grey(frame)

    def _check(self, frame: NDArray[np.generic], t: int) -> None:
        if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
            raise ImageError(
                f"{self.source.name}: frame {t} is {frame.shape} {frame.dtype} but the file "
                f"promised {self.shape[1:]} {self.dtype}; it is damaged."
            )
        if frame.dtype.kind == "f":
            bad = frame.size - int(np.isfinite(frame).sum())
            if bad:
                raise ImageError(
                    f"{self.source.name}: frame {t} has {bad:,} pixels that are NaN or infinite; "
                    "replace them (for example by the frame's median) and save it again."
                )


def open_movie(
    path: Path | str,
    *,
    axes: str | None = None,
    pixel_size_um: float | None = None,
    interval_min: float | None = None,
    channel: int | None = None,
) -> Movie:
    """The movie in a file, an OME-Zarr or a folder of numbered frames, without reading pixels.

    Args:
        path: TIFF, OME-TIFF, ImageJ stack, PNG, JPEG, OME-Zarr, CZI, ND2, LIF or a folder.
        axes: what the dimensions of the file are, a letter each out of T, Z, C, Y, X;
            None: what the file says, or a guess that ``Movie.axes_note`` tells.
        pixel_size_um: overrides what the file says.
        interval_min: minutes between frames; overrides what the file says.
        channel: keep this one only, counted from 0.
    """
    _check_sizes(pixel_size_um, interval_min)
    path = Path(path)
    return _movie(
        open_folder_or_file(path),
        path,
        name=path.name.removesuffix(path.suffix).removesuffix(".ome"),
        axes=axes,
        channel=channel,
        sizes=(pixel_size_um, interval_min),
    )


def open_frames(
    files: Sequence[Path | None],
    *,
    name: str,
    pixel_size_um: float | None = None,
    interval_min: float | None = None,
    channel: int | None = None,
) -> Movie:
    """The movie in files of one frame each, one for each moment; None where one is missing.

    Args:
        files: in the order of time, at least one of them there.
        name: of the movie.
        pixel_size_um: overrides what the first file says.
        interval_min: minutes between frames; overrides what the first file says.
        channel: keep this one only, counted from 0.
    """
    _check_sizes(pixel_size_um, interval_min)
    source = next((file for file in files if file is not None), None)
    if source is None:
        raise ImageError(f"No file was given for {name}; a movie needs at least one frame.")
    with reading(source):
        planes = FramePlanes(files, name=name)
    sizes = (pixel_size_um, interval_min)
    return _movie(planes, source, name=name, axes=None, channel=channel, sizes=sizes)


def _check_sizes(pixel_size_um: float | None, interval_min: float | None) -> None:
    for option, value in (("pixel_size_um", pixel_size_um), ("interval_min", interval_min)):
        if value is not None and not 0 < value < float("inf"):
            raise ImageError(f"{option}={value} is not a size; give a number above 0.")


def _movie(
    planes: Planes,
    path: Path,
    *,
    name: str,
    axes: str | None,
    channel: int | None,
    sizes: tuple[float | None, float | None],
) -> Movie:
    """The planes as a movie; ``sizes``: pixel size and interval where they are given."""
    layout = planes.layout
    plan = plan_frames(layout, name=path.name, axes=axes, channel=channel)
    if layout.dtype.name not in _PIXELS:
        raise ImageError(
            f"{path.name} has pixels of type {layout.dtype.name}; {', '.join(_PIXELS)} "
            "can be read, so convert it to one of these."
        )
    frame_shape = _frame_shape(layout.sizes[layout.axes.index("Y") :], plan)
    check_claim(
        path.name,
        frame_shape[0],
        frame_shape[1],
        samples=frame_shape[2] if len(frame_shape) == 3 else 1,
        item_bytes=layout.dtype.itemsize,
    )
    return Movie(
        name=name,
        source=path,
        shape=(plan.frames, *frame_shape),
        dtype=layout.dtype,
        axes=plan.axes,
        axes_note=plan.note,
        pixel_size_um=sizes[0] or layout.pixel_size_um,
        frame_interval_min=sizes[1] or layout.frame_interval_min,
        colour=layout.colour and len(frame_shape) == 3,
        notes=layout.notes,
        missing=layout.missing,
        _planes=planes,
        _plan=plan,
    )


def _frame_shape(plane: tuple[int, ...], plan: Plan) -> tuple[int, ...]:
    if plan.stacked and plan.planes is not None:
        return (*plane[:2], len(plan.planes[0]))
    return plane[:2] if plan.sample is not None else plane


def read_image(
    path: Path | str, *, axes: str | None = None, channel: int | None = None
) -> NDArray[np.generic]:
    """The one frame of an image file, raw: (Y, X) if grey, (Y, X, C) if it has channels."""
    movie = open_movie(path, axes=axes, channel=channel)
    if len(movie) != 1:
        raise ImageError(
            f"{movie.source.name} holds {len(movie)} frames where one image is needed; "
            "open it as a movie or save the frame that you mean."
        )
    return movie.frame(0)


def find_images(paths: Iterable[Path | str]) -> list[Path]:
    """The input files that these paths mean: files as given, folders as the images in them.

    Hidden files are left out, the order within a folder is natural (9 before 10) and nothing is
    listed twice. An OME-Zarr folder is one input.
    """
    found: list[Path] = []
    for given in map(Path, paths):
        with reading(given, "folder of images"):
            if not given.exists():
                raise ImageError(f"{given} does not exist; check the path.")
            found += [given] if not given.is_dir() or is_zarr(given) else _inside(given)
    return list(dict.fromkeys(found))


def _inside(folder: Path) -> list[Path]:
    seen = (path for path in folder.iterdir() if not path.name.startswith("."))
    inside = sorted(filter(_is_input, seen), key=natural_key)
    if not inside:
        raise ImageError(f"{folder} holds no images; give a folder with TIFF, PNG or JPEG files.")
    return inside


def _is_input(path: Path) -> bool:
    if path.is_dir():
        return is_zarr(path)
    return path.suffix.lower() in (*FRAME_SUFFIXES, *FORMAT_SUFFIXES)
