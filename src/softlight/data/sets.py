"""Data sets of every supported layout, recognised by what their folder holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from softlight.data.ctc import open_ctc
from softlight.data.ctc_sequences import ctc_folders, is_sequence
from softlight.data.livecell import is_livecell, open_livecell
from softlight.data.paired import is_paired, open_paired
from softlight.data.samples import (
    Annotated,
    DataError,
    DataSet,
    Progress,
    Sample,
    listed,
)

__all__ = [
    "DATASETS",
    "Annotated",
    "DataError",
    "DataSet",
    "Layout",
    "Progress",
    "Sample",
    "open_dataset",
]


@dataclass(frozen=True)
class Layout:
    """A way to lay out a data set: what it looks like, whether a folder does, how to open it."""

    looks_like: str
    recognises: Callable[[Path], bool]
    opens: Callable[..., DataSet]
    takes_annotation: bool = False


# In order of preference, where a folder fits several.
DATASETS: Mapping[str, Layout] = {
    "livecell": Layout(
        "annotations.json (COCO) and images/, as LIVECell", is_livecell, open_livecell
    ),
    "ctc": Layout(
        "01/ with 01_GT/ or 01_ST/, as the Cell Tracking Challenge",
        lambda path: bool(ctc_folders(path)),
        open_ctc,
        takes_annotation=True,
    ),
    "paired": Layout(
        "images/ and labels/ (or masks/) with files of the same stems", is_paired, open_paired
    ),
}


def open_dataset(
    path: Path | str, *, annotation: str = "auto", progress: Progress | None = None
) -> DataSet:
    """The data set in a folder, every file checked, or one DataError that tells all problems.

    Args:
        path: A LIVECell folder, a Cell Tracking Challenge folder or a folder with images/ and
            labels/ (or masks/). Where several fit, this is the order of preference, and the
            notes say so.
        annotation: For Challenge folders, which masks to use: see ``softlight.data.ctc.open_ctc``.
        progress: Told (files checked, files in all).
    """
    path = Path(path)
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}. Give the folder of a data set:\n{_accepted()}")
    fitting = [name for name, layout in DATASETS.items() if layout.recognises(path)]
    if not fitting:
        raise DataError(
            f"{path} is not a data set that is known. It holds {_held(path)}. Accepted are:\n"
            f"{_accepted()}{_hint(path)}"
        )
    layout = DATASETS[fitting[0]]
    if layout.takes_annotation:
        dataset = layout.opens(path, annotation=annotation, progress=progress)
    elif annotation not in ("auto", "complete"):
        raise DataError(
            f"annotation={annotation!r} is for Cell Tracking Challenge folders; {path} is read as "
            f"{fitting[0]}. Leave it out."
        )
    else:
        dataset = layout.opens(path, progress=progress)
    if len(fitting) > 1:
        others = " and ".join(fitting[1:])
        note = f"The folder could also be read as {others}; it is read as {fitting[0]}."
        dataset = replace(dataset, notes=(note, *dataset.notes))
    return dataset


def _accepted() -> str:
    return "\n".join(f"  - {layout.looks_like}" for layout in DATASETS.values())


def _held(path: Path) -> str:
    names = sorted(f"{p.name}/" if p.is_dir() else p.name for p in path.iterdir())
    return listed(names, shown=8) if names else "nothing"


def _hint(path: Path) -> str:
    """What the user may have meant."""
    if is_sequence(path):
        return f"\nThis is one sequence of a Challenge folder; give {path.resolve().parent}."
    above = path.resolve().parent
    if path.resolve().name in ("images", "labels", "masks") and is_paired(above):
        return f"\nGive the folder above, {above}."
    below = [child for child in sorted(path.iterdir()) if child.is_dir() and _fits(child)]
    if below:
        return f"\nThese folders in it are data sets: {listed([b.name for b in below], shown=8)}."
    return ""


def is_dataset(path: Path) -> bool:
    """Whether a folder looks like a data set of some kind; whether it is sound is not asked."""
    return path.is_dir() and _fits(path)


def _fits(path: Path) -> bool:
    return any(layout.recognises(path) for layout in DATASETS.values())
