"""A movie of random walkers with divisions, deaths, arrivals and missed detections."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

STEP_PX = 3.0  # sd of a step, per axis and frame
DIVIDE = 0.001  # per cell and frame
LEAVE = 0.0006  # dies in the middle of the field
MISS = 0.01  # not detected
AREA_PER_CELL = 45.0**2  # square pixels; cells are about 17 pixels wide


@dataclass(frozen=True)
class Truth:
    """The cells, true names in ``true``, and the mother of each name."""

    objects: pd.DataFrame
    mother: dict[int, int]


def walk(cells: int, frames: int, seed: int = 0) -> Truth:
    """About ``cells`` in each of so many frames."""
    rng = np.random.default_rng(seed)
    side = float(np.sqrt(cells * AREA_PER_CELL))
    places = rng.uniform(0, side, (cells, 2))
    areas = rng.lognormal(5.4, 0.25, cells)
    names = np.arange(1, cells + 1)
    mother: dict[int, int] = {}
    tables = []
    for frame in range(frames):
        if frame:
            places, areas, names = _live(rng, places, areas, names, mother, (side, cells))
        shown = rng.permutation(np.flatnonzero(rng.random(len(names)) >= MISS))
        tables.append(
            pd.DataFrame(
                {
                    "frame": frame,
                    "label": np.arange(1, len(shown) + 1),
                    "y_px": places[shown, 0],
                    "x_px": places[shown, 1],
                    "area_px": areas[shown] * np.exp(rng.normal(0, 0.04, len(shown))),
                    "true": names[shown],
                }
            )
        )
    return Truth(pd.concat(tables, ignore_index=True), mother)


def _live(rng, places, areas, names, mother, size):
    """One frame later; as many come in at the border as there is room for."""
    side, cells = size
    stays = rng.random(len(names)) >= LEAVE
    places, areas, names = places[stays], areas[stays], names[stays]
    divides = rng.random(len(names)) < DIVIDE
    top = max(int(names.max()), max(mother, default=0))
    angle = rng.uniform(0, 2 * np.pi, divides.sum())
    half = 0.75 * np.sqrt(areas[divides] / np.pi)[:, None]
    apart = half * np.stack([np.sin(angle), np.cos(angle)], 1)
    born = top + 1 + np.arange(2 * divides.sum())
    mother.update(zip(born.tolist(), np.tile(names[divides], 2).tolist(), strict=True))
    places = np.concatenate([places[~divides], places[divides] + apart, places[divides] - apart])
    areas = np.concatenate([areas[~divides], np.tile(areas[divides] / 2, 2)])
    names = np.concatenate([names[~divides], born])
    places = places + rng.normal(0, STEP_PX, places.shape)
    areas = areas * np.exp(rng.normal(0.0007, 0.01, len(areas)))
    inside = ((places >= 0) & (places < side)).all(1)
    places, areas, names = places[inside], areas[inside], names[inside]
    come = max(cells - len(names), 0)
    edge = rng.uniform(0, side, (come, 2))
    edge[np.arange(come), rng.integers(0, 2, come)] = rng.choice([1.0, side - 1.0], come)
    fresh = max(int(names.max()), max(mother, default=0)) + 1 + np.arange(come)
    return (
        np.concatenate([places, edge]),
        np.concatenate([areas, rng.lognormal(5.4, 0.25, come)]),
        np.concatenate([names, fresh]),
    )
