"""COCO of a whole movie: an image a frame, run lengths of every cell, tracks as TAO lists them.

Run lengths are exact. Polygons, which other programs may have written, are drawn as pycocotools
draws them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.coco import (
    CocoAnnotation,
    CocoFile,
    CocoImage,
    labels_to_coco,
    rasterize,
    read_coco,
)
from softlight.io.exchange.checks import checked_frames, ready, relabelled
from softlight.io.exchange.facts import checked_facts, facts_of
from softlight.io.exchange.movie import ExchangeError, TrackedMovie, locate_cells
from softlight.io.exchange.shapes import parent_of, spans
from softlight.io.files import replacing
from softlight.io.labels import LazyFrames


def write_coco_movie(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write a COCO file of all frames; returns what the format could not hold."""
    tracked = ready(tracked, masks=True)
    parents = parent_of(tracked)
    images: list[dict[str, Any]] = []
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"annotations": [')
        for t, labels, rows in checked_frames(tracked):
            height, width = labels.shape
            name = f"{tracked.name}_t{t:04d}.tif"
            images.append({"id": t + 1, "file_name": name, "height": height, "width": width})
            images[-1] |= {"video_id": 1, "frame_index": t}
            tracks = rows["track_id"].tolist() if parents else [0] * len(rows)
            drawn = labels_to_coco(labels, image_id=t + 1, first_id=count + 1)
            for label, track, item in zip(rows["label"].tolist(), tracks, drawn, strict=True):
                item |= {"label": label, "video_id": 1} | ({"track_id": track} if track else {})
                file.write(("," if count else "") + "\n" + json.dumps(item))
                count += 1
        rest = {
            "images": images,
            "categories": [{"id": 1, "name": "cell"}],
            "videos": [{"id": 1, "name": tracked.name}],
            "tracks": [
                {"id": track, "category_id": 1, "video_id": 1, "parent_id": parent}
                for track, parent in parents.items()
            ],
            "info": {"description": "Written by Softlight", "softlight": facts_of(tracked)},
        }
        file.write("],\n" + json.dumps(rest)[1:] + "\n")
    return ("Measurements have no place in COCO.",)


def read_coco_movie(path: Path | str) -> TrackedMovie:
    """The cells of a COCO file whose images are the frames of one movie."""
    path = Path(path)
    file = read_coco(path)
    own = file.info.get("softlight")
    facts = checked_facts(own, path.name) if isinstance(own, dict) else {}
    images = _ordered(file)
    height, width = images[0].height, images[0].width
    cells = _cells(file, images)
    numbers = [_labels(file, held, image) for held, image in zip(cells, images, strict=True)]

    def make(t: int) -> NDArray[np.int32]:
        drawn, _ = rasterize(cells[t], height, width)
        return relabelled(drawn, np.arange(1, len(numbers[t]) + 1), numbers[t])

    labels = LazyFrames(len(images), make)
    objects = locate_cells(labels, pixel_size_um=facts.get("pixel_size_um"))
    listed = sum(map(len, numbers))
    notes: tuple[str, ...] = ()
    if listed > len(objects):
        notes = (f"Cells without a pixel of their own ({listed - len(objects)}) were left out.",)
    marks = {
        (t, int(label)): file.marks[item.id].track
        for t, held in enumerate(cells)
        for label, item in zip(numbers[t], held, strict=True)
    }
    tracks = None
    if marks and all(marks.values()):
        places = zip(objects["frame"].tolist(), objects["label"].tolist(), strict=True)
        objects = objects.assign(track_id=[marks[place] for place in places])
        parents = objects["track_id"].map(file.parents).fillna(0).astype(np.int64)
        tracks = spans(objects.assign(parent_id=parents))
    return ready(
        TrackedMovie(
            name=facts.get("name", path.stem),
            labels=labels,
            objects=objects,
            tracks=tracks,
            pixel_size_um=facts.get("pixel_size_um"),
            frame_interval_min=facts.get("frame_interval_min"),
            shape=(len(images), height, width),
            notes=notes,
        )
    )


def _ordered(file: CocoFile) -> list[CocoImage]:
    """The images in the order of their frames; an ExchangeError where they are no movie."""
    if not file.images:
        raise ExchangeError(f"{file.name} lists no images, so there is no movie in it.")
    sizes = {(image.height, image.width) for image in file.images}
    if len(sizes) > 1:
        raise ExchangeError(
            f"{file.name} has images of {len(sizes)} sizes; frames of one movie have one size. "
            "For a set of images use softlight train or evaluate, which read COCO."
        )
    frames = [image.frame for image in file.images if image.frame is not None]
    if not frames:
        return list(file.images)
    if len(frames) != len(file.images) or sorted(frames) != list(range(len(frames))):
        raise ExchangeError(
            f"{file.name}: its images are not frames 0 to {len(file.images) - 1}, one each; "
            "a frame is missing or there are several movies."
        )
    return sorted(file.images, key=lambda image: image.frame or 0)


def _cells(file: CocoFile, images: list[CocoImage]) -> list[list[CocoAnnotation]]:
    """The cells of each image, crowds left out."""
    found: dict[int, list[CocoAnnotation]] = {image.id: [] for image in images}
    for item in file.annotations:
        if not item.iscrowd:
            found[item.image_id].append(item)
    return [found[image.id] for image in images]


def _labels(file: CocoFile, cells: list[CocoAnnotation], image: CocoImage) -> NDArray[np.int64]:
    """The label of each cell of an image: the file's where all have one, else its place."""
    given = np.array([file.marks[item.id].label for item in cells], np.int64)
    if len(given) and given.all():
        if len(np.unique(given)) != len(given):
            raise ExchangeError(f"{file.name}: two cells of {image.file_name} have one label.")
        return given
    return np.arange(1, len(cells) + 1)
