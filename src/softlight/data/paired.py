"""A folder of images beside a folder of label images, matched by the stems of their names."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from softlight.data.names import group_and_tags
from softlight.data.pixels import Checked, check_pairs, read_pair
from softlight.data.samples import DataError, DataSet, Progress, Sample, listed, raise_all
from softlight.io.folder import FRAME_SUFFIXES, frame_files

IMAGES = "images"
LABELS = ("labels", "masks")  # in order of preference


@dataclass(frozen=True)
class _Pair:
    name: str
    image: Path
    labels: Path


def is_paired(path: Path) -> bool:
    """Whether the folder holds images/ and labels/ (or masks/)."""
    return (path / IMAGES).is_dir() and any((path / name).is_dir() for name in LABELS)


def open_paired(path: Path, *, progress: Progress | None = None) -> DataSet:
    """The data set of a folder with images/ and labels/ (or masks/), every file checked."""
    folders = [path / name for name in LABELS if (path / name).is_dir()]
    if not (path / IMAGES).is_dir() or not folders:
        raise DataError(f"{path} does not hold images/ and labels/ (or masks/).")
    notes = []
    if len(folders) > 1:
        notes.append("Both labels/ and masks/ are there; labels/ is used.")
    pairs, problems = _match(path / IMAGES, folders[0])
    checked = check_pairs(
        [(pair.name, pair.image, pair.labels) for pair in pairs], progress=progress
    )
    raise_all(path, [*problems, *checked.problems, *_too_empty(checked, len(pairs))])
    notes.extend(checked.notes)
    return DataSet(
        name=path.resolve().name,
        kind="paired",
        source=path,
        samples=tuple(_sample(pair, path.resolve().name) for pair in pairs),
        notes=tuple(notes),
    )


def _match(images: Path, labels: Path) -> tuple[list[_Pair], list[str]]:
    """The pairs by stem, and every image or label without a partner as a problem."""
    by_stem: dict[str, dict[Path, list[Path]]] = defaultdict(lambda: {images: [], labels: []})
    for folder in (images, labels):
        for file in frame_files(folder):
            by_stem[file.stem][folder].append(file)
    if not by_stem:
        raise DataError(
            f"{images} and {labels} hold no image files. Put {', '.join(FRAME_SUFFIXES[:5])} there."
        )
    pairs, problems = [], []
    for stem, found in sorted(by_stem.items()):
        if len(found[images]) == len(found[labels]) == 1:
            pairs.append(_Pair(stem, found[images][0], found[labels][0]))
        elif not found[labels]:
            problems.append(
                f"{images.name}/{found[images][0].name} has no partner in {labels.name}/"
            )
        elif not found[images]:
            problems.append(
                f"{labels.name}/{found[labels][0].name} has no partner in {images.name}/"
            )
        else:
            names = [f"{f.parent.name}/{f.name}" for files in found.values() for f in files]
            problems.append(f"the stem {stem} is there more than once: {listed(names)}")
    return pairs, problems


def _too_empty(checked: Checked, total: int) -> list[str]:
    if not checked.empty or 2 * len(checked.empty) <= total:
        return []
    share = "all" if len(checked.empty) == total else f"{len(checked.empty)} of {total}"
    return [f"{share} label images are empty (only 0): {listed(checked.empty, shown=5)}"]


def _sample(pair: _Pair, set_name: str) -> Sample:
    group, tags = group_and_tags(pair.name, set_name=set_name)
    reader = partial(read_pair, pair.image, pair.labels)
    return Sample(name=pair.name, group=group, reader=reader, tags=tags)
