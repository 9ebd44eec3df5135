"""COCO annotations: reading, drawing as labels, and writing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.coco_masks import BYTES_PER_PIXEL, encode_runs
from softlight.io.coco_masks import CocoAnnotation as CocoAnnotation
from softlight.io.coco_masks import annotation_mask as annotation_mask
from softlight.io.coco_masks import rasterize as rasterize
from softlight.io.errors import ImageError, reading
from softlight.io.files import replacing
from softlight.io.planes import check_claim

_MAX_FILE_BYTES = 4 << 30
_FRAME_KEYS = ("frame_index", "frame_id")  # of TAO and of CocoVID
_TRACK_KEYS = ("track_id", "instance_id")


@dataclass(frozen=True)
class CocoImage:
    """One picture that the annotations speak of."""

    id: int
    file_name: str
    height: int
    width: int
    frame: int | None = None  # its place in a movie, from 0, where the file says


@dataclass(frozen=True)
class CocoMark:
    """What a file of a movie says of one cell beside its outline; 0 where it says nothing."""

    label: int = 0
    track: int = 0


@dataclass(frozen=True)
class CocoFile:
    """The pictures and cells of one annotation file."""

    name: str
    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: Mapping[int, str]
    marks: Mapping[int, CocoMark] = field(default_factory=dict)  # by annotation
    parents: Mapping[int, int] = field(default_factory=dict)  # of tracks, 0: none
    info: Mapping[str, Any] = field(default_factory=dict)

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
    check_claim(f"{name}, image {number}", height, width, samples=1, item_bytes=BYTES_PER_PIXEL)
    frame = next((raw[key] for key in _FRAME_KEYS if raw.get(key) is not None), None)
    if frame is not None:
        frame = _whole(frame, name=name, what=f"the frame of image {number}")
    return CocoImage(number, file_name, height, width, frame)


def _mark(raw: Mapping[str, Any], name: str) -> CocoMark:
    number = raw.get("id")
    track = next((raw[key] for key in _TRACK_KEYS if raw.get(key) is not None), 0)
    return CocoMark(
        _whole(raw.get("label") or 0, name=name, what=f"the label of annotation {number}"),
        _whole(track, name=name, what=f"the track of annotation {number}"),
    )


def _parents(raw: Mapping[str, Any], name: str) -> dict[int, int]:
    """The parent of each track, where the file lists tracks."""
    return {
        _whole(item.get("id"), name=name, what="the id of a track"): _whole(
            item.get("parent_id") or 0, name=name, what="the parent of a track"
        )
        for item in (_entries(raw, "tracks", name) if "tracks" in raw else [])
    }


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
        listed = _entries(raw, "annotations", name)
        annotations = tuple(_annotation(item, name, known) for item in listed)
        marks = [_mark(item, name) for item in listed]
        categories = {
            _whole(item.get("id"), name=name, what="the id of a category"): str(
                item.get("name", "")
            )
            for item in (_entries(raw, "categories", name) if "categories" in raw else [])
        }
        parents, info = _parents(raw, name), raw.get("info")
    return CocoFile(
        name,
        images,
        annotations,
        categories,
        {item.id: mark for item, mark in zip(annotations, marks, strict=True)},
        parents,
        info if isinstance(info, dict) else {},
    )


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


def labels_to_coco(
    labels: NDArray[np.integer[Any]], *, image_id: int, first_id: int = 1, category_id: int = 1
) -> list[dict[str, Any]]:
    """COCO annotations of all cells of one (Y, X) label image, as exact compressed run lengths."""
    found = []
    for at, (number, (top, left, bottom, right)) in enumerate(_boxes(labels)):
        inside = labels[top:bottom, left:right] == number
        found.append(
            {
                "id": first_id + at,
                "image_id": image_id,
                "category_id": category_id,
                "iscrowd": 0,
                "area": int(inside.sum()),
                "bbox": [left, top, right - left, bottom - top],
                "segmentation": encode_runs(inside, top, left, labels.shape),
            }
        )
    return found


def _boxes(labels: NDArray[np.integer[Any]]) -> list[tuple[int, tuple[int, int, int, int]]]:
    """The cell numbers, each with its (top, left, bottom, right), the ends not included."""
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
    return list(zip(numbers.tolist(), boxes, strict=True))


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
