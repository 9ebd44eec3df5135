"""Cells that walk, divide and are missed now and then, with the truth about them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Walk:
    """An objects table with the true track in ``true``, and the mother of each true track."""

    objects: pd.DataFrame
    mother: dict[int, int]


def walkers(
    *,
    cells: int = 40,
    frames: int = 20,
    side: float = 400.0,
    step: float = 2.0,
    miss: float = 0.0,
    divide: float = 0.0,
    drift: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
) -> Walk:
    """A random walk of cells; ``drift`` moves the field at half time."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(20, side - 20, (cells, 2))
    areas = rng.lognormal(5.5, 0.3, cells)
    names = list(range(1, cells + 1))
    mother: dict[int, int] = {}
    rows = []
    for frame in range(frames):
        if frame:
            places = np.clip(places + rng.normal(0, step, places.shape), 1, side - 1)
            for index in np.flatnonzero(rng.random(len(names)) < divide)[::-1]:
                apart = rng.normal(size=2)
                apart *= 0.75 * np.sqrt(areas[index] / np.pi) / np.hypot(*apart)
                top = max(names)
                mother |= {top + 1: names[index], top + 2: names[index]}
                places = np.concatenate(
                    [np.delete(places, index, 0), places[[index]] + apart, places[[index]] - apart]
                )
                areas = np.concatenate([np.delete(areas, index), [areas[index] / 2] * 2])
                names = [*names[:index], *names[index + 1 :], top + 1, top + 2]
        shift = np.array(drift) if 2 * frame >= frames else np.zeros(2)
        shown = np.flatnonzero(rng.random(len(names)) >= miss)
        rows += [
            (frame, label, *(places[i] + shift), areas[i] * np.exp(rng.normal(0, 0.03)), names[i])
            for label, i in enumerate(rng.permutation(shown), start=1)
        ]
    columns = ["frame", "label", "y_px", "x_px", "area_px", "true"]
    return Walk(pd.DataFrame(rows, columns=columns), mother)


def edges(table: pd.DataFrame, column: str, mother: dict[int, int]) -> set[tuple[int, ...]]:
    """Pairs of (frame, label) that are one cell, or a mother and her daughter."""
    ordered = table.sort_values([column, "frame"])
    found: set[tuple[int, ...]] = set()
    ends: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {}
    for track, rows in ordered.groupby(column):
        cells = list(zip(rows["frame"], rows["label"], strict=True))
        found |= {(*a, *b) for a, b in pairwise(cells)}
        ends[int(track)] = (cells[0], cells[-1])  # type: ignore[call-overload]
    for child, parent in mother.items():
        if parent and child in ends and parent in ends:
            found.add((*ends[parent][1], *ends[child][0]))
    return found


def link_score(walk: Walk, objects: pd.DataFrame, tracks: pd.DataFrame) -> float:
    """The share of true edges that were found, less that of wrong ones."""
    true = edges(walk.objects, "true", walk.mother)
    parents = dict(zip(tracks["track_id"], tracks["parent_id"], strict=True))
    found = edges(objects, "track_id", parents)
    return 1 - (len(true - found) + len(found - true)) / len(true)


def disc(shape: tuple[int, int], y: float, x: float, radius: float) -> NDArray[np.bool_]:
    """A disc as a mask."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def table_of(labels: list[NDArray[np.int32]]) -> pd.DataFrame:
    """The objects of label images, counted by hand."""
    rows = []
    for frame, plane in enumerate(labels):
        for label in np.unique(plane[plane > 0]):
            pixels = np.argwhere(plane == label)
            edge = (pixels == 0).any() or (pixels == np.array(plane.shape) - 1).any()
            rows.append((frame, int(label), *pixels.mean(0), len(pixels), bool(edge)))
    names = ["frame", "label", "y_px", "x_px", "area_px", "touches_border"]
    return pd.DataFrame(rows, columns=names)
