"""Data sets of every supported layout, recognised by what their folder holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from softlight.data.ctc import open_ctc
from softlight.data.ctc_sequences import ctc_folders, is_sequence
from softlight.data.joined import joined
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
from softlight.io.ctc import refuse_annotation

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
    path: Path | str | Sequence[Path | str],
    *,
    annotation: str = "auto",
    progress: Progress | None = None,
) -> DataSet:
    """The data set in a folder, every file checked, or one DataError that tells all problems.

    Args:
        path: A LIVECell folder, a Cell Tracking Challenge folder or a folder with images/ and
            labels/ (or masks/). Where several fit, this is the order of preference, and the
            notes say so. Of several folders the sets are joined, see ``softlight.data.joined``.
        annotation: For Challenge folders, which masks to use: see ``softlight.data.ctc.open_ctc``.
        progress: Told (files checked, files in all), of each folder.
    """
    paths = [Path(path)] if isinstance(path, Path | str) else [Path(each) for each in path]
    if not paths:
        raise DataError(f"No folder was given. Give that of a data set:\n{_accepted()}")
    fitting = {each: _fitting(each) for each in paths}
    takes = {each: DATASETS[kinds[0]].takes_annotation for each, kinds in fitting.items()}
    if annotation not in ("auto", "complete") and not any(takes.values()):
        raise DataError(
            f"annotation={annotation!r} is for Cell Tracking Challenge folders; {paths[0]} is read "
            f"as {fitting[paths[0]][0]}. Leave it out."
        )
    opened = [
        _open(each, fitting[each], annotation if takes[each] else None, progress) for each in paths
    ]
    return opened[0] if len(opened) == 1 else joined(opened)


def _fitting(path: Path) -> list[str]:
    """The layouts that the folder has, the preferred one first; a DataError if it has none."""
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}. Give the folder of a data set:\n{_accepted()}")
    fitting = [name for name, layout in DATASETS.items() if layout.recognises(path)]
    if not fitting:
        refuse_annotation(path)
        raise DataError(
            f"{path} is not a data set that is known. It holds {_held(path)}. Accepted are:\n"
            f"{_accepted()}{_hint(path)}"
        )
    return fitting


def _open(
    path: Path, fitting: Sequence[str], annotation: str | None, progress: Progress | None
) -> DataSet:
    """The data set of one folder, with a note where it could be another."""
    chosen = {} if annotation is None else {"annotation": annotation}
    dataset = DATASETS[fitting[0]].opens(path, **chosen, progress=progress)
    if len(fitting) == 1:
        return dataset
    others = " and ".join(fitting[1:])
    note = f"The folder could also be read as {others}; it is read as {fitting[0]}."
    return replace(dataset, notes=(note, *dataset.notes))


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
