"""What the text in a TIFF says about its axes, pixel size and interval: OME, ImageJ, tifffile."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # expat refuses entity bombs; nothing external is loaded

import numpy as np

from softlight.io.errors import ImageError
from softlight.io.planes import UNKNOWN
from softlight.io.tiff_directory import Directory
from softlight.io.units import micrometres, minutes


@dataclass(frozen=True, kw_only=True)
class Described:
    """Axes before Y and X as the text gives them, and where each plane lies."""

    axes: str
    sizes: tuple[int, ...]
    how: str
    order: tuple[int, ...] | None = None  # page of each plane; None: page n is plane n
    pixel_size_um: float | None = None
    frame_interval_min: float | None = None
    sample_axis: str = ""  # what samples on planes of their own are, where the text says
    contiguous: bool = False  # planes follow the first page's data without own directories
    notes: tuple[str, ...] = ()


def _float(text: str | None) -> float:
    try:
        return float(text) if text is not None else math.nan
    except ValueError:
        return math.nan


def _count(text: str | None, *, name: str, what: str) -> int:
    """A whole number of at least one out of metadata."""
    try:
        value = int(text) if text is not None else 1
    except ValueError:
        value = 0
    if value < 1:
        raise ImageError(f"{name} is damaged: its metadata give {what} as {text!r:.40}.")
    return value


def _must_hold(name: str, kind: str, *, claimed: int, held: int) -> None:
    if claimed != held:
        problem = "it is truncated or damaged" if claimed > held else "they contradict each other"
        raise ImageError(
            f"{name}: the {kind} metadata speak of {claimed:,} planes but the file holds {held:,}; "
            f"{problem}, so export it again."
        )


def from_imagej(pages: list[Directory], *, name: str, room_bytes: int) -> Described:
    """The axes of an ImageJ stack or hyperstack."""
    first = pages[0]
    lines = (line.split("=", 1) for line in first.description.splitlines() if "=" in line)
    says = {key.strip(): value.strip() for key, value in lines}
    frames, slices, channels = (
        _count(says.get(key), name=name, what=key) for key in ("frames", "slices", "channels")
    )
    if first.samples > 1 and channels == first.samples:
        channels = 1  # the samples of a pixel, declared as channels
    claimed = frames * slices * channels
    if claimed == 1:
        claimed = frames = _count(says.get("images"), name=name, what="images")
    contiguous = len(pages) == 1 and claimed > 1 and first.compression == 1
    held = min(claimed, room_bytes // first.plane_bytes) if contiguous else len(pages)
    _must_hold(name, "ImageJ", claimed=claimed, held=held)
    notes: tuple[str, ...] = ()
    how = "from the ImageJ metadata"
    interval = _float(says.get("finterval"))
    plain_stack = says.get("hyperstack", "").lower() != "true"
    if frames == 1 and slices > 1 and (plain_stack or interval > 0):
        frames, slices = slices, 1
        how = "an ImageJ stack that does not say what its slices are, so they were taken as time"
    unit = says.get("unit", "")
    return Described(
        axes="TZC",
        sizes=(frames, slices, channels),
        how=how,
        pixel_size_um=micrometres(1 / first.resolution, unit) if first.resolution else None,
        frame_interval_min=minutes(interval, says.get("tunit", "sec")),
        contiguous=contiguous,
        notes=notes,
    )


def from_shaped(pages: list[Directory], *, name: str, room_bytes: int) -> Described | None:
    """The axes that tifffile's own JSON gives, or None where it describes single pages only."""
    first = pages[0]
    try:
        says = json.loads(first.description)
        shape = [int(side) for side in says["shape"]]
        axes = str(says.get("axes", ""))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    page = [first.height, first.width]
    if first.samples > 1:
        page = [first.samples, *page] if first.planar else [*page, first.samples]
    while len(shape) > len(page) and shape[-1] == 1 and shape[-len(page) :] != page:
        shape, axes = shape[:-1], axes[:-1]  # a trailing axis of one
    outer, inner = shape[: len(shape) - len(page)], shape[len(shape) - len(page) :]
    if inner != page:
        raise ImageError(
            f"{name}: its metadata speak of an image of {shape} but its pages are {page}; "
            "the header is damaged, so export it again."
        )
    if len(axes) != len(shape):
        axes = UNKNOWN * len(shape)
    claimed = math.prod(outer)
    sample_axis = axes[len(outer)] if first.planar else ""
    if claimed == 1 and (len(pages) > 1 or not first.planar):
        return None
    contiguous = len(pages) == 1 and claimed > 1 and first.compression == 1
    held = min(claimed, room_bytes // first.plane_bytes) if contiguous else len(pages)
    _must_hold(name, "shape", claimed=claimed, held=held)
    known = "".join(letter if letter in "TZC" else UNKNOWN for letter in axes[: len(outer)])
    unsaid = UNKNOWN in known or sample_axis == UNKNOWN
    return Described(
        axes=known,
        sizes=tuple(outer),
        how="the file does not say" if unsaid else "from the tifffile metadata",
        sample_axis="" if sample_axis == UNKNOWN else sample_axis,
        contiguous=contiguous,
    )


def _local(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _children(element: ET.Element, tag: str) -> list[ET.Element]:
    return [child for child in element if _local(child) == tag]


def _ome_order(
    root: ET.Element,
    pixels: ET.Element,
    *,
    name: str,
    outer: str,
    sizes: tuple[int, ...],
    pages: int,
) -> tuple[int, ...]:
    """The page of every plane, after the TiffData elements; each plane must lie in this file."""
    total = math.prod(sizes)
    blocks = _children(pixels, "TiffData")
    foreign = {
        mark.attrib.get("FileName", mark.text)
        for block in blocks
        for mark in _children(block, "UUID")
        if mark.text != root.attrib.get("UUID") and mark.attrib.get("FileName") != name
    }
    own = {mark.text for block in blocks for mark in _children(block, "UUID")}
    if foreign and len(own) > 1:
        raise ImageError(
            f"{name} is one part of an OME-TIFF of {len(own)} files; save it as a single file, "
            "or give the folder if its files are single frames."
        )
    if not blocks or not any(block.attrib for block in blocks):
        _must_hold(name, "OME", claimed=total, held=min(pages, total))
        return tuple(range(total))
    order = [-1] * _bounded(total, pages, name)
    for block in blocks:
        here = block.attrib
        place = [int(here.get(f"First{axis}", 0)) for axis in outer]
        if any(not 0 <= at < size for at, size in zip(place, sizes, strict=True)):
            raise ImageError(f"{name}: its OME metadata place a plane outside the image.")
        start = int(np.ravel_multi_index(place, sizes)) if place else 0
        page = int(here.get("IFD", 0))
        count = int(here.get("PlaneCount", 1 if "IFD" in here else total - start))
        if page < 0 or count < 0 or page + count > pages or start + count > total:
            raise ImageError(
                f"{name}: its OME metadata place planes on page {page + count} but the file "
                f"holds {pages:,}; it is truncated or damaged, so export it again."
            )
        order[start : start + count] = range(page, page + count)
    _must_hold(name, "OME", claimed=total, held=total - order.count(-1))
    return tuple(order)


def _bounded(total: int, pages: int, name: str) -> int:
    """The number of planes, where the file has a page for each."""
    if total > pages:
        _must_hold(name, "OME", claimed=total, held=pages)
    return total


def _ome_interval(pixels: ET.Element) -> float | None:
    """Minutes between frames: TimeIncrement, else the median step of the planes' DeltaT."""
    stated = minutes(
        _float(pixels.attrib.get("TimeIncrement")), pixels.attrib.get("TimeIncrementUnit", "s")
    )
    if stated is not None:
        return stated
    times: dict[int, float] = {}
    unit = "s"
    for plane in _children(pixels, "Plane"):
        here = plane.attrib
        if here.get("TheC", "0") == "0" and here.get("TheZ", "0") == "0":
            unit = here.get("DeltaTUnit", "s")
            times[int(_float(here.get("TheT", "0")))] = _float(here.get("DeltaT"))
    steps = np.diff([times[at] for at in sorted(times)])
    steps = steps[np.isfinite(steps) & (steps > 0)]
    return minutes(float(np.median(steps)), unit) if len(steps) else None


def from_ome(pages: list[Directory], *, name: str) -> Described:
    """The axes of an OME-TIFF, its pixel size and interval."""
    first = pages[0]
    try:
        root = ET.fromstring(first.description)  # noqa: S314 - see the import
    except ET.ParseError as error:
        raise ImageError(
            f"{name}: its OME metadata are not readable XML ({error}); export it again."
        ) from None
    images = _children(root, "Image")
    all_pixels = [found for image in images for found in _children(image, "Pixels")]
    if not all_pixels:
        raise ImageError(f"{name}: its OME metadata describe no image; export it as one OME-TIFF.")
    pixels = all_pixels[0]
    here = pixels.attrib
    outer = "".join(reversed(here.get("DimensionOrder", "XYCZT")[2:]))
    if sorted(outer) != ["C", "T", "Z"]:
        raise ImageError(f"{name}: its OME metadata name the dimension order {outer!r:.20}.")
    sizes = [_count(here.get(f"Size{axis}"), name=name, what=f"Size{axis}") for axis in outer]
    side = tuple(_count(here.get(f"Size{axis}"), name=name, what=f"Size{axis}") for axis in "YX")
    if side != (first.height, first.width):
        raise ImageError(
            f"{name}: its OME metadata speak of {side[0]}×{side[1]} pixels but its pages have "
            f"{first.height}×{first.width}; the header is damaged, so export it again."
        )
    if first.samples > 1:
        at = outer.index("C")
        if sizes[at] % first.samples:
            raise ImageError(f"{name}: its OME metadata and pages disagree on the channels.")
        sizes[at] //= first.samples
    order = _ome_order(root, pixels, name=name, outer=outer, sizes=tuple(sizes), pages=len(pages))
    notes: tuple[str, ...] = ()
    if len(all_pixels) > 1:
        notes = (f"It holds {len(all_pixels)} image series; the first was read.",)
    size = micrometres(_float(here.get("PhysicalSizeX")), here.get("PhysicalSizeXUnit", "µm"))
    return Described(
        axes=outer,
        sizes=tuple(sizes),
        how="from the OME metadata",
        order=order,
        pixel_size_um=size,
        frame_interval_min=_ome_interval(pixels),
        notes=notes,
    )
