"""Label images: whole numbers per pixel, 0 = background, one number per cell."""

from __future__ import annotations

from pathlib import Path

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


def read_label_movie(path: Path | str) -> NDArray[np.int32]:
    """The (T, Y, X) labels in a stack, an OME-Zarr or a folder of numbered label images."""
    path = Path(path)
    planes = _label_planes(path)
    plan = plan_frames(planes.layout, name=path.name, axes=None, channel=None)
    if plan.planes is not None:
        raise ImageError(f"{path.name} has several channels; labels have one.")
    return np.stack([_label_frame(planes, t, path.name) for t in range(plan.frames)])


def smallest_type(largest: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned type that holds this label."""
    for kind in _UNSIGNED:
        if largest <= np.iinfo(kind).max:
            return np.dtype(kind)
    raise ImageError(f"The label {largest} does not fit 32 bits; relabel from 1.")


def write_labels(path: Path | str, labels: ArrayLike) -> None:
    """Write (Y, X) or (T, Y, X) labels as a deflate TIFF of the smallest type that holds them."""
    path = Path(path)
    array = np.asarray(labels)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageError(
            f"Labels of shape {array.shape} cannot be written; give (Y, X) or (T, Y, X)."
        )
    whole = as_labels(array, path.name)
    small = whole.astype(smallest_type(int(whole.max())))
    axes = "TYX"[3 - array.ndim :]
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            small,
            compression="zlib",
            predictor=False,
            photometric="minisblack",
            metadata={"axes": axes},
            software="softlight",
        )
