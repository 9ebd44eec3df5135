"""LIVECell folders: phase-contrast images whose cells are outlines in COCO files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from softlight.data.names import group_and_tags
from softlight.data.pixels import other_size, read_still, still_shape
from softlight.data.samples import (
    Annotated,
    DataError,
    DataSet,
    Progress,
    Sample,
    counted,
    listed,
    raise_all,
)
from softlight.io.coco import CocoAnnotation, CocoImage, rasterize, read_coco
from softlight.io.folder import frame_files

ANNOTATIONS = "annotations.json"
IMAGES = "images"
PIXEL_SIZE_UM = 1.24  # of the Incucyte's 10x objective, with which LIVECell was taken
_DRAWN_IMAGES = 100  # to see by how much outlines overlap, without drawing thousands


@dataclass(frozen=True)
class _Entry:
    """One image of a COCO file with its cells and its file, if that is there."""

    image: CocoImage
    split: str
    file: Path | None
    cells: tuple[CocoAnnotation, ...] = field(repr=False)

    @property
    def name(self) -> str:
        return Path(self.image.file_name).stem


def is_livecell(path: Path) -> bool:
    """Whether the folder holds images/ and a COCO file."""
    return (path / IMAGES).is_dir() and bool(_annotation_files(path))


def open_livecell(path: Path, *, progress: Progress | None = None) -> DataSet:
    """The images of a LIVECell folder, or of any images/ with a COCO file, every file checked.

    Takes ``annotations.json``, or every COCO file in the folder (``livecell_coco_train.json`` and
    so on) as published. Images are found by name anywhere below ``images/``.
    """
    files = _annotation_files(path)
    if not files or not (path / IMAGES).is_dir():
        raise DataError(f"{path} does not hold images/ and a COCO file such as {ANNOTATIONS}.")
    entries, notes = _entries(path, files)
    problems = _problems(entries, progress=progress)
    if not problems:
        try:
            notes += _drawing_notes(entries)
        except ValueError as error:
            problems.append(str(error))
    raise_all(path, problems)
    set_name = path.resolve().name
    ordered = sorted(entries, key=lambda item: item.name)
    return DataSet(
        name=set_name,
        kind="livecell",
        source=path,
        samples=tuple(_sample(entry, set_name=set_name) for entry in ordered),
        notes=tuple(notes),
    )


def _annotation_files(path: Path) -> list[Path]:
    """annotations.json, else all that say coco in their names, else the only .json."""
    if (path / ANNOTATIONS).is_file():
        return [path / ANNOTATIONS]
    found = sorted([*path.glob("*.json"), *(path / "annotations").rglob("*.json")])
    coco = [file for file in found if "coco" in file.name.lower()]
    if coco:
        return coco
    return found if len(found) == 1 else []


def _entries(path: Path, files: Sequence[Path]) -> tuple[list[_Entry], list[str]]:
    """Every image that the COCO files name, and notes on what was left out."""
    by_name, by_stem = _find_images(path / IMAGES)
    entries: list[_Entry] = []
    notes: list[str] = []
    if len(files) > 1:
        notes.append(f"{counted(len(files), 'COCO file')}: {listed([f.name for f in files])}.")
    for file in files:
        coco = read_coco(file)
        cells: dict[int, list[CocoAnnotation]] = defaultdict(list)
        for annotation in coco.annotations:
            cells[annotation.image_id].append(annotation)
        split = next((s for s in ("train", "val", "test") if s in file.stem.lower()), "")
        found = []
        for image in coco.images:
            name = Path(image.file_name).name
            place = by_name.get(name) or by_stem.get(Path(name).stem)
            found.append(_Entry(image, split, place, tuple(cells[image.id])))
        if len(files) > 1 and found and all(entry.file is None for entry in found):
            notes.append(f"None of the {len(found)} images of {file.name} is there; left out.")
        else:
            entries += found
    named = {entry.file for entry in entries}
    unnamed = [file.name for file in by_name.values() if file not in named]
    if unnamed:
        notes.append(
            f"{counted(len(unnamed), 'image')} in images/ without annotation left out: "
            f"{listed(sorted(unnamed), shown=5)}."
        )
    if not entries:
        raise DataError(
            f"{path} holds none of the images that {listed([f.name for f in files])} names. Put "
            "them into images/."
        )
    return entries, notes


def _find_images(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """The image files anywhere below the folder, by name and by stem."""
    folders = [folder, *sorted(child for child in folder.rglob("*") if child.is_dir())]
    files = [file for place in folders for file in frame_files(place)]
    return {file.name: file for file in files}, {file.stem: file for file in files}


def _problems(entries: Sequence[_Entry], *, progress: Progress | None) -> list[str]:
    """Images that are missing, named twice, unreadable or of another size than annotated."""
    problems: list[str] = []
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        if entry.name in seen:
            problems.append(f"{entry.image.file_name} is annotated twice")
        seen.add(entry.name)
        if entry.file is None:
            problems.append(f"{entry.image.file_name} is annotated but not in images/")
        else:
            try:
                _check_size(entry.file, still_shape(entry.file), entry.image)
            except (ValueError, OSError) as error:
                problems.append(str(error))
        if progress is not None:
            progress(index + 1, len(entries))
    if not any(entry.cells for entry in entries):
        problems.append("the annotation holds no cell at all")
    return problems


def _check_size(file: Path, shape: tuple[int, ...], image: CocoImage) -> None:
    if shape != (image.height, image.width):
        annotated = Path("the annotation of") / image.file_name
        raise DataError(other_size(annotated, (image.height, image.width), file, shape))


def _drawing_notes(entries: Sequence[_Entry]) -> list[str]:
    """How many images have no cell, and by how much outlines overlap."""
    notes = []
    empty = [entry.name for entry in entries if not entry.cells]
    if empty:
        notes.append(
            f"{counted(len(empty), 'image')} of {len(entries)} hold no cell and count as empty "
            f"fields: {listed(empty, shown=5)}."
        )
    full = [entry for entry in entries if entry.cells]
    step = -(-len(full) // _DRAWN_IMAGES)
    shared = covered = 0
    worst = (0.0, "")
    for entry in full[::step]:
        labels, overlap = rasterize(entry.cells, entry.image.height, entry.image.width)
        area = int((labels > 0).sum())
        shared += overlap
        covered += area
        worst = max(worst, (overlap / area if area else 0.0, entry.name))
    if shared:
        among = f" ({len(full[::step])} images looked at)" if step > 1 else ""
        notes.append(
            f"Outlines overlap on {100 * shared / covered:.1f} % of the cell pixels{among}, at "
            f"most {100 * worst[0]:.1f} % in {worst[1]}; there the smaller cell is on top."
        )
    return notes


def _read(entry: _Entry, *, pixel_size_um: float | None) -> Annotated:
    assert entry.file is not None, "missing files were refused at opening"
    image, told = read_still(entry.file)
    _check_size(entry.file, image.shape[:2], entry.image)
    labels, _ = rasterize(entry.cells, entry.image.height, entry.image.width)
    return Annotated(image, labels, pixel_size_um=pixel_size_um or told, outlines=entry.cells)


def _sample(entry: _Entry, *, set_name: str) -> Sample:
    group, tags = group_and_tags(entry.name, set_name=set_name)
    if entry.split:
        tags = tags | {"split": entry.split}
    return Sample(
        name=entry.name,
        group=group,
        reader=partial(_read, entry, pixel_size_um=PIXEL_SIZE_UM if "well" in tags else None),
        tags=tags,
    )
