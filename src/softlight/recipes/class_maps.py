"""What a model of several classes leaves beside its cells: maps, areas, and what cells hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.config import ModelSpec
from softlight.data.classes import membrane_of
from softlight.io.labels import label_writer, open_label_movie
from softlight.measure.nested import classes_within
from softlight.recipes.divide import Found, tells_classes

FOLDER = "classes"  # beside labels/: a class map for each label file
COLUMNS = ["frame", "class", "value", "area_px", "area_um2", "share"]


def class_path(labels: Path) -> Path:
    """Where the class maps of a label file go: ``classes/`` beside ``labels/``, the same name."""
    return labels.parents[1] / FOLDER / labels.name


def in_cells(spec: ModelSpec) -> dict[int, str]:
    """The classes that cells are made of, by value: all but the membrane, or all but the first."""
    membrane = membrane_of(spec.classes)
    outside = 0 if membrane is None else membrane
    return {value: name for value, name in enumerate(spec.classes) if value != outside}


class ClassMaps:
    """Takes the class maps of one file, frame by frame: writes them, and collects the areas."""

    def __init__(self, spec: ModelSpec | None, *, pixel_size_um: float | None) -> None:
        self._spec, self._size = spec, pixel_size_um
        self.rows: list[dict[str, Any]] = []

    @property
    def told(self) -> bool:
        """Whether there are classes to tell."""
        return self._spec is not None and tells_classes(self._spec)

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """Within the block, `add` writes to this file; of cells alone there is none."""
        if not self.told:
            yield
            return
        with label_writer(path) as self._write:
            yield

    def add(self, classes: npt.NDArray[np.int32] | None, frame: int) -> None:
        """Write the map of one frame; of cells alone there is none to write."""
        if classes is None:
            return
        assert self._spec is not None
        self._write(classes)
        counts = np.bincount(classes.ravel(), minlength=len(self._spec.classes))
        scale = float("nan") if self._size is None else self._size**2
        self.rows += [
            {
                "frame": frame,
                "class": name,
                "value": value,
                "area_px": int(counts[value]),
                "area_um2": counts[value] * scale,
                "share": counts[value] / classes.size,
            }
            for value, name in enumerate(self._spec.classes)
        ]


def with_held(
    cells: pd.DataFrame, found: Found, spec: ModelSpec, *, pixel_size_um: float | None
) -> pd.DataFrame:
    """The cells of one frame with what they hold of each class, where classes are told."""
    if found.classes is None:
        return cells
    held = classes_within(found.labels, found.classes, in_cells(spec), pixel_size_um=pixel_size_um)
    return cells.merge(held, on="label", how="left", validate="one_to_one")


def with_held_in_movie(
    objects: pd.DataFrame, labels: Path, spec: ModelSpec, *, pixel_size_um: float | None
) -> pd.DataFrame:
    """The objects of a movie with what they hold of each class, from the files of both."""
    path = class_path(labels)
    if not path.is_file():
        return objects
    parts = []
    maps = open_label_movie(path)
    for t, cells in enumerate(open_label_movie(labels)):
        held = classes_within(cells, maps[t], in_cells(spec), pixel_size_um=pixel_size_um)
        parts.append(held.assign(frame=t))
    table = pd.concat(parts, ignore_index=True)
    return objects.merge(table, on=["frame", "label"], how="left", validate="one_to_one")


def shares_in_words(rows: Sequence[dict[str, Any]]) -> str:
    """The share of each class, as "cytoplasm 20.1%, nucleus 11.0%", over all frames."""
    if not rows:
        return ""
    table = pd.DataFrame(rows)
    means = table.groupby("class", sort=False)["share"].mean()
    return ", ".join(f"{name} {share:.1%}" for name, share in means.items())
