"""COCO annotations: reading, drawing as labels, and writing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from softlight.io.errors import ImageError, reading
from softlight.io.files import replacing
from softlight.io.planes import check_claim

_MAX_FILE_BYTES = 4 << 30
_MAX_POINTS = 1_000_000


@dataclass(frozen=True)
class CocoImage:
    """One picture that the annotations speak of."""

    id: int
    file_name: str
    height: int
    width: int


@dataclass(frozen=True)
class CocoAnnotation:
    """One cell: its outline as polygons or run lengths, not yet drawn."""

    id: int
    image_id: int
    category_id: int
    segmentation: Any  # list of polygons, or a dict with size and counts
    iscrowd: bool = False


@dataclass(frozen=True)
class CocoFile:
    """The pictures and cells of one annotation file."""

    name: str
    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: Mapping[int, str]

    def of(self, image: CocoImage) -> list[CocoAnnotation]:
        """The annotations of one image, in the order of the file."""
        return [item for item in self.annotations if item.image_id == image.id]


def _whole(value: object, *, name: str, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ImageError(f"{name}: {what} is {value!r:.40}, not a whole number.")
    return int(value)


def _entries(raw: Mapping[str, Any], key: str, name: str) -> list[Mapping[str, Any]]:
    values = raw.get(key)
    if isinstance(values, dict):
        values = list(values.values())  # LIVECell's single-cell files key annotations by id
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ImageError(f"{name} is not COCO: it needs a list of {key}; export it again.")
    return values


def _image(raw: Mapping[str, Any], name: str) -> CocoImage:
    file_name = raw.get("file_name")
    number = _whole(raw.get("id"), name=name, what="the id of an image")
    if not isinstance(file_name, str) or not file_name:
        raise ImageError(f"{name}: image {number} has no file_name.")
    height = _whole(raw.get("height"), name=name, what=f"the height of image {number}")
    width = _whole(raw.get("width"), name=name, what=f"the width of image {number}")
    check_claim(f"{name}, image {number}", height, width, samples=1, item_bytes=4)
    return CocoImage(number, file_name, height, width)


def read_coco(path: Path | str) -> CocoFile:
    """The images and annotations of a COCO file, each with what it must have."""
    path = Path(path)
    name = path.name
    with reading(path, "COCO file"):
        if path.is_dir():
            raise ImageError(f"{path} is a folder; give the COCO file in it.")
        size = path.stat().st_size
        if size == 0:
            raise ImageError(f"{name} is empty (0 bytes); copy it again from the source.")
        if size > _MAX_FILE_BYTES:
            raise ImageError(f"{name} has {size / 1e9:.0f} GB; split it by image.")
        try:
            raw = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ImageError(
                f"{name} is not readable JSON ({' '.join(str(error).split())[:80]}); "
                "it may be cut off, so copy it again."
            ) from None
        if not isinstance(raw, dict):
            raise ImageError(f"{name} is not COCO: it needs images and annotations.")
        images = tuple(_image(item, name) for item in _entries(raw, "images", name))
        if len({image.id for image in images}) != len(images):
            raise ImageError(f"{name}: two images have the same id.")
        known = {image.id for image in images}
        annotations = tuple(
            _annotation(item, name, known) for item in _entries(raw, "annotations", name)
        )
        categories = {
            _whole(item.get("id"), name=name, what="the id of a category"): str(
                item.get("name", "")
            )
            for item in (_entries(raw, "categories", name) if "categories" in raw else [])
        }
    return CocoFile(name, images, annotations, categories)


def _annotation(raw: Mapping[str, Any], name: str, images: set[int]) -> CocoAnnotation:
    number = _whole(raw.get("id"), name=name, what="the id of an annotation")
    image = _whole(raw.get("image_id"), name=name, what=f"the image_id of annotation {number}")
    if image not in images:
        raise ImageError(f"{name}: annotation {number} belongs to image {image}, which is missing.")
    if "segmentation" not in raw:
        raise ImageError(f"{name}: annotation {number} has no segmentation.")
    return CocoAnnotation(
        number,
        image,
        _whole(raw.get("category_id", 1), name=name, what=f"the category of annotation {number}"),
        raw["segmentation"],
        bool(raw.get("iscrowd", 0)),
    )


def _bad(number: int, why: str) -> ImageError:
    return ImageError(f"Annotation {number} {why}; correct or remove it.")


def _polygons(polygons: Sequence[Any], number: int) -> list[list[float]]:
    """Polygons of at least three finite points; the drawer below trusts what it gets."""
    checked: list[list[float]] = []
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise _bad(number, "has a polygon that is not at least three x, y pairs")
        if len(polygon) > _MAX_POINTS:
            raise _bad(number, f"has a polygon of {len(polygon):,} numbers")
        if any(isinstance(at, bool) or not isinstance(at, int | float) for at in polygon):
            raise _bad(number, "has a polygon with something that is not a number")
        if not all(math.isfinite(at) and abs(at) < 1e6 for at in polygon):
            raise _bad(number, "has a polygon point that lies nowhere near an image")
        checked.append([float(at) for at in polygon])
    if not checked:
        raise _bad(number, "has an empty segmentation")
    return checked


def decode_counts(text: bytes, *, number: int, total: int) -> list[int]:
    """The run lengths in a compressed COCO string, each checked before use.

    Every run is a signed number in groups of five bits, least first, with a sixth bit that says
    that more follows; from the third run on it is the difference to the run two before.
    """
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            if at >= len(text) or shift > 40:
                raise _bad(number, "has compressed run lengths that break off")
            byte = text[at] - 48
            if not 0 <= byte < 64:
                raise _bad(number, "has compressed run lengths with a character outside the code")
            value |= (byte & 0x1F) << shift
            more = bool(byte & 0x20)
            shift += 5
            at += 1
            if not more and byte & 0x10:
                value |= -1 << shift
        if len(counts) > 2:
            value += counts[-2]
        if not 0 <= value <= total:
            raise _bad(number, f"has a run of {value} in an image of {total} pixels")
        counts.append(value)
    return counts


def _run_mask(runs: Mapping[str, Any], number: int, height: int, width: int) -> NDArray[np.bool_]:
    """The (Y, X) mask of run lengths, which run down the columns."""
    size, counts = runs.get("size"), runs.get("counts")
    if size != [height, width]:
        raise _bad(number, f"is for an image of {size!r:.40}, but its image is [{height}, {width}]")
    total = height * width
    if isinstance(counts, str):
        if not counts.isascii():
            raise _bad(number, "has compressed run lengths with a character outside the code")
        counts = decode_counts(counts.encode(), number=number, total=total)
    if not isinstance(counts, list) or not all(
        isinstance(run, int) and not isinstance(run, bool) and 0 <= run <= total for run in counts
    ):
        raise _bad(number, "has run lengths that are not whole numbers within the image")
    if sum(counts) != total:
        raise _bad(number, f"has run lengths of {sum(counts)} pixels in an image of {total}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def annotation_mask(annotation: CocoAnnotation, height: int, width: int) -> NDArray[np.bool_]:
    """The (Y, X) mask of one annotation, polygons drawn as pycocotools draws them."""
    shape = annotation.segmentation
    if isinstance(shape, dict):
        return _run_mask(shape, annotation.id, height, width)
    if not isinstance(shape, list):
        raise _bad(annotation.id, "has a segmentation that is neither polygons nor run lengths")
    polygons = _polygons(shape, annotation.id)
    drawn = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    return np.asarray(coco_mask.decode(drawn), dtype=np.bool_)


def rasterize(
    annotations: Iterable[CocoAnnotation], height: int, width: int
) -> tuple[NDArray[np.int32], int]:
    """The (Y, X) labels of these cells and how many pixels more than one cell claims.

    Cells are numbered 1, 2, … in the order given. Where cells overlap the smaller one is on top;
    of equal ones the later. Crowd regions are left out: they are not single cells.
    """
    check_claim("The annotation", height, width, samples=1, item_bytes=4)
    cells = [item for item in annotations if not item.iscrowd]
    labels = np.zeros((height, width), np.int32)
    area_on_top = np.zeros((height, width), np.int64)
    shared = np.zeros((height, width), np.bool_)
    for number, cell in enumerate(cells, start=1):
        mask = annotation_mask(cell, height, width)
        area = int(mask.sum())
        if area == 0:
            continue
        shared |= mask & (labels > 0)
        wins = mask & ((labels == 0) | (area <= area_on_top))
        labels[wins] = number
        area_on_top[wins] = area
    return labels, int(shared.sum())


def labels_to_coco(
    labels: NDArray[np.integer[Any]], *, image_id: int, first_id: int = 1, category_id: int = 1
) -> list[dict[str, Any]]:
    """COCO annotations of all cells of one (Y, X) label image, as exact compressed run lengths."""
    found = []
    numbers, boxes = _boxes(labels)
    for at, (number, box) in enumerate(zip(numbers, boxes, strict=True)):
        mask = np.asfortranarray(labels == number, dtype=np.uint8)
        runs = coco_mask.encode(mask)
        found.append(
            {
                "id": first_id + at,
                "image_id": image_id,
                "category_id": category_id,
                "iscrowd": 0,
                "area": int(mask.sum()),
                "bbox": [box[1], box[0], box[3] - box[1], box[2] - box[0]],
                "segmentation": {
                    "size": [int(side) for side in labels.shape],
                    "counts": runs["counts"].decode("ascii"),
                },
            }
        )
    return found


def _boxes(labels: NDArray[np.integer[Any]]) -> tuple[list[int], list[tuple[int, int, int, int]]]:
    """The cell numbers and their (top, left, bottom, right), the ends not included."""
    rows, columns = np.nonzero(labels)
    numbers, which = np.unique(labels[rows, columns], return_inverse=True)
    top = np.full(len(numbers), labels.shape[0])
    left = np.full(len(numbers), labels.shape[1])
    bottom, right = np.zeros_like(top), np.zeros_like(left)
    np.minimum.at(top, which, rows)
    np.minimum.at(left, which, columns)
    np.maximum.at(bottom, which, rows + 1)
    np.maximum.at(right, which, columns + 1)
    boxes = zip(top.tolist(), left.tolist(), bottom.tolist(), right.tolist(), strict=True)
    return [int(number) for number in numbers], list(boxes)


def write_coco(
    path: Path | str,
    images: Iterable[tuple[str, NDArray[np.integer[Any]]]],
    *,
    category: str = "cell",
) -> None:
    """Write a COCO file of (file name, (Y, X) labels) pairs with exact masks."""
    pictures: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (file_name, labels) in enumerate(images, start=1):
        height, width = labels.shape
        pictures.append({"id": number, "file_name": file_name, "height": height, "width": width})
        annotations += labels_to_coco(labels, image_id=number, first_id=len(annotations) + 1)
    whole = {
        "info": {"description": "Written by Softlight"},
        "images": pictures,
        "annotations": annotations,
        "categories": [{"id": 1, "name": category}],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(whole), encoding="utf-8")
