"""Label images: whole numbers per pixel, 0 = background, one number per cell."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, overload

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray

from softlight.io.axes import plan_frames
from softlight.io.errors import ImageError, reading
from softlight.io.files import replacing
from softlight.io.folder import open_folder_or_file
from softlight.io.planes import Planes
from softlight.io.sniff import is_zarr
from softlight.io.stills import StillPlanes

MAX_LABEL = 2**31 - 1
_WHOLE = "biu"
_CLASSIC_TIFF_BYTES = 4_000_000_000  # offsets of 32 bits
_UNSIGNED = (np.uint8, np.uint16, np.uint32)


def as_labels(array: NDArray[np.generic], name: str) -> NDArray[np.int32]:
    """These values as int32 labels; an ImageError where they are not whole, or out of range."""
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ImageError(f"{name} has NaN or infinite pixels; labels are whole numbers.")
        if (array != np.rint(array)).any():
            raise ImageError(
                f"{name} has fractional values such as {array[array != np.rint(array)][0]:.4g}; "
                "labels are whole numbers, so threshold a probability map first."
            )
    elif array.dtype.kind not in _WHOLE:
        raise ImageError(f"{name} has values of type {array.dtype}; labels are whole numbers.")
    if array.size:
        low, high = array.min(), array.max()
        if low < 0:
            raise ImageError(f"{name} has the negative label {low}; 0 is background, cells above.")
        if high > MAX_LABEL:
            raise ImageError(f"{name} has the label {high}; {MAX_LABEL:,} is the largest.")
    return array.astype(np.int32)


def _flat(array: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """The (Y, X) plane; three equal channels are one."""
    if array.ndim == 2:
        return array
    colours = array[..., :3] if array.shape[-1] in (3, 4) else array
    if (colours == colours[..., :1]).all():
        return colours[..., 0]
    raise ImageError(
        f"{name} is a colour picture of {array.shape}; a label image has one number per pixel, "
        "so export the numbers and not the overlay."
    )


def _label_planes(path: Path) -> Planes:
    with reading(path, "label image"):
        zarr = is_zarr(path)
    if not zarr:
        return open_folder_or_file(path)
    from softlight.io.zarr_planes import ZarrPlanes, label_group  # slow to import

    return ZarrPlanes(label_group(path) or path, blank_is_missing=False)


def _label_frame(planes: Planes, number: int, name: str) -> NDArray[np.int32]:
    if isinstance(planes, StillPlanes) and planes.has_colour_table:
        return as_labels(planes.indices(), name)  # the number is the label, the colour a display
    return as_labels(_flat(planes.plane(number), name), name)


def read_labels(path: Path | str) -> NDArray[np.int32]:
    """The (Y, X) labels in a file: any whole-number type, bool, or floats that are whole."""
    path = Path(path)
    planes = _label_planes(path)
    plan = plan_frames(planes.layout, name=path.name, axes=None, channel=None)
    if plan.frames != 1 or plan.planes is not None:
        raise ImageError(
            f"{path.name} holds {plan.frames} label frames where one is needed; "
            "read it as a movie or save the frame that you mean."
        )
    return _label_frame(planes, 0, path.name)


class LazyFrames(Sequence[NDArray[np.int32]]):
    """Label images that a function makes when they are asked for."""

    def __init__(self, count: int, make: Callable[[int], NDArray[np.int32]]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> NDArray[np.int32]: ...

    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.int32]]: ...

    def __getitem__(self, index: int | slice) -> NDArray[np.int32] | list[NDArray[np.int32]]:
        if isinstance(index, slice):
            return [self[t] for t in range(*index.indices(self._count))]
        return self._make(range(self._count)[index])


class LabelMovie(LazyFrames):
    """The (Y, X) labels of each frame of a file, read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        planes = _label_planes(path)
        plan = plan_frames(planes.layout, name=path.name, axes=None, channel=None)
        if plan.planes is not None:
            raise ImageError(f"{path.name} has several channels; labels have one.")
        super().__init__(plan.frames, lambda frame: _label_frame(planes, frame, path.name))


def open_label_movie(path: Path | str) -> LabelMovie:
    """The labels in a stack, an OME-Zarr or a folder of numbered label images, frame by frame."""
    return LabelMovie(Path(path))


def smallest_type(largest: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned type that holds this label."""
    for kind in _UNSIGNED:
        if largest <= np.iinfo(kind).max:
            return np.dtype(kind)
    raise ImageError(f"The label {largest} does not fit 32 bits; relabel from 1.")


@contextmanager
def label_writer(path: Path | str) -> Iterator[Callable[[ArrayLike], None]]:
    """A function that takes the (Y, X) labels of one frame after the other.

    They become a deflate TIFF of the smallest type that holds them all if the block ends well.
    One frame is in memory at a time: the type is known last, so the frames wait compressed in a
    nameless file, which is gone even if the program is killed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        waiting = _Waiting(spool, path.name)
        yield waiting.add
        if not waiting.sizes:
            raise ImageError(f"There is no frame to write to {path.name}; give at least one.")
        _write_tiff(path, waiting, len(waiting.sizes), waiting.shape, waiting.largest)


class _Waiting:
    """Compressed frames in a file, and what must be known of them before they are written."""

    def __init__(self, file: Any, name: str) -> None:
        self._file, self._name = file, name
        self.sizes: list[tuple[int, np.dtype[np.unsignedinteger]]] = []
        self.shape: tuple[int, ...] = ()
        self.largest = 0

    def add(self, labels: ArrayLike) -> None:
        whole = as_labels(_frame_of(labels), self._name)
        if self.sizes and whole.shape != self.shape:
            raise ImageError(
                f"Labels of {whole.shape} come after labels of {self.shape} in {self._name}; the "
                "frames of one movie must have one size."
            )
        self.shape = whole.shape
        largest = int(whole.max())
        self.largest = max(self.largest, largest)
        kind = smallest_type(largest)
        packed = zlib.compress(whole.astype(kind).tobytes(), 1)
        self.sizes.append((len(packed), kind))
        self._file.write(packed)

    def __iter__(self) -> Iterator[NDArray[np.unsignedinteger]]:
        self._file.seek(0)
        for size, kind in self.sizes:
            pixels = zlib.decompress(self._file.read(size))
            yield np.frombuffer(pixels, kind).reshape(self.shape)


def write_labels(path: Path | str, labels: ArrayLike) -> None:
    """Write (Y, X) or (T, Y, X) labels as a deflate TIFF of the smallest type that holds them."""
    path = Path(path)
    array = np.asarray(labels)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageError(
            f"Labels of shape {array.shape} cannot be written; give (Y, X) or (T, Y, X)."
        )
    whole = as_labels(array, path.name)
    frames = whole.reshape(-1, *whole.shape[-2:])
    _write_tiff(path, frames, len(frames), frames.shape[1:], int(whole.max()))


def _frame_of(labels: ArrayLike) -> NDArray[np.generic]:
    array = np.asarray(labels)
    if array.ndim != 2 or 0 in array.shape:
        raise ImageError(f"Labels of shape {array.shape} are no frame; give (Y, X).")
    return array


def _write_tiff(
    path: Path,
    frames: Iterable[NDArray[Any]],
    count: int,
    shape: tuple[int, ...],
    largest: int,
) -> None:
    """The frames as pages of one file; a single one has no time axis."""
    kind = smallest_type(largest)
    lead = (count,) if count > 1 else ()
    pages = (frame.astype(kind, copy=False) for frame in frames)
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            pages if lead else next(pages),
            shape=(*lead, *shape),
            dtype=kind,
            # Compressed it is nearly always smaller, but that is known too late to choose.
            bigtiff=count * shape[0] * shape[1] * kind.itemsize > _CLASSIC_TIFF_BYTES,
            compression="zlib",
            predictor=False,
            photometric="minisblack",
            metadata={"axes": "TYX"[1 - len(lead) :]},
            software="softlight",
        )
