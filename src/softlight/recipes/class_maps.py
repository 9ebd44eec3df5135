"""What a model of several classes leaves beside its cells: maps, areas, and what cells hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.config import ModelSpec
from softlight.data.classes import membrane_of
from softlight.io.labels import label_writer
from softlight.measure.nested import classes_within
from softlight.recipes.divide import Found, tells_classes

FOLDER = "classes"  # beside labels/: a class map for each label file
COLUMNS = ["file", "frame", "class", "value", "area_px", "area_um2", "share"]


def class_path(labels: Path) -> Path:
    """Where the class maps of a label file go: ``classes/`` beside ``labels/``, the same name."""
    return labels.parents[1] / FOLDER / labels.name


def in_cells(spec: ModelSpec) -> dict[int, str]:
    """The classes that cells are made of, by value: all but the membrane, or all but the first."""
    membrane = membrane_of(spec.classes)
    outside = 0 if membrane is None else membrane
    return {value: name for value, name in enumerate(spec.classes) if value != outside}


class ClassMaps:
    """Takes the frames of one file: writes their class maps, and collects the areas."""

    def __init__(self, spec: ModelSpec, *, file: str, pixel_size_um: float | None) -> None:
        self._spec, self._file, self._size = spec, file, pixel_size_um
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """Within the block, `add` writes to this file; of a model of cells alone nothing is."""
        if not tells_classes(self._spec):
            yield
            return
        with label_writer(path) as self._write:
            yield

    def add(self, found: Found, frame: int, cells: pd.DataFrame) -> pd.DataFrame:
        """The cells of a frame with what they hold of each class, after its map is written."""
        if found.classes is None:
            return cells
        self._write(found.classes)
        counts = np.bincount(found.classes.ravel(), minlength=len(self._spec.classes))
        scale = float("nan") if self._size is None else self._size**2
        self.rows += [
            {
                "file": self._file,
                "frame": frame,
                "class": name,
                "value": value,
                "area_px": int(counts[value]),
                "area_um2": counts[value] * scale,
                "share": counts[value] / found.classes.size,
            }
            for value, name in enumerate(self._spec.classes)
        ]
        held = classes_within(
            found.labels, found.classes, in_cells(self._spec), pixel_size_um=self._size
        )
        return cells.merge(held, on="label", how="left", validate="one_to_one")


def shares_in_words(rows: Sequence[dict[str, Any]]) -> str:
    """The share of each class, as "cytoplasm 20.1%, nucleus 11.0%", over all frames."""
    if not rows:
        return ""
    table = pd.DataFrame(rows)
    means = table.groupby("class", sort=False)["share"].mean()
    return ", ".join(f"{name} {share:.1%}" for name, share in means.items())
