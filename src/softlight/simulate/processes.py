"""Thin branching processes of cells such as neurons: how they run and which pixels they cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = tuple[NDArray[np.int64], NDArray[np.int64]]
LENGTH = 3.2  # of a typical process, in units of the cell's radius
THINNEST_PX = 0.75  # a thinner line would fall apart into single pixels


@dataclass(slots=True)
class Process:
    """A thin process: a path in the cell's frame, with a branch or none."""

    path: Floats  # (P, 2), in units of the cell's radius
    branch_at: int  # index in the path; -1 = no branch
    branch: Floats  # (Q, 2)
    width: float  # at the root, in pixels
    reach: float  # share of the path that is grown now


class Body(Protocol):
    """What a process must know of the cell that it grows from."""

    y: float
    x: float
    angle: float
    roundness: float
    processes: list[Process]

    @property
    def radius(self) -> float:
        """Of a circle as large as the cell, in pixels."""


def new_process(rng: np.random.Generator) -> Process:
    """A process that leaves the cell in a random direction and wanders."""
    points = 24
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.09, points))
    step = LENGTH * rng.uniform(0.5, 1.3) / points
    path = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1) * step, axis=0)
    at = int(rng.integers(8, 18)) if rng.random() < 0.5 else -1
    turn = heading[at] + rng.choice([-1, 1]) * rng.uniform(0.4, 1.0)
    wander = turn + np.cumsum(rng.normal(0, 0.1, 10))
    branch = path[at] + np.cumsum(np.stack([np.sin(wander), np.cos(wander)], 1) * step, axis=0)
    return Process(path, at, branch, float(rng.uniform(0.7, 1.5)), float(rng.uniform(0.5, 1.0)))


def process_pixels(cell: Body, *, shape: tuple[int, int], margin: int) -> Pixels:
    """Rows and columns of the pixels that the cell's processes cover."""
    found = [
        _path_pixels(path, width, cell, shape=shape, margin=margin)
        for process in cell.processes
        for path, width in _grown_paths(process, process.reach * (1 - cell.roundness))
    ]
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows, columns = (np.concatenate(axis) for axis in zip(*found, strict=True))
    return rows, columns


def _grown_paths(process: Process, reach: float) -> list[tuple[Floats, float]]:
    """The parts of the process and its branch that are there now, and their widths."""
    grown = round(reach * len(process.path))
    if grown < 2:
        return []
    paths = [(np.concatenate([np.zeros((1, 2)), process.path[:grown]]), process.width)]
    if 0 <= process.branch_at < grown:
        shown = process.branch[: max(2, round(reach * len(process.branch)))]
        root = process.path[process.branch_at][None]
        paths.append((np.concatenate([root, shown]), process.width * 0.7))
    return paths


def _path_pixels(
    path: Floats, width: float, cell: Body, *, shape: tuple[int, int], margin: int
) -> Pixels:
    """Pixels within a disc that runs along the path and gets thinner."""
    count = int(np.hypot(*np.diff(path, axis=0).T).sum() * cell.radius * 1.5) + 2
    at = np.linspace(0, len(path) - 1, count)
    v = np.interp(at, np.arange(len(path)), path[:, 0]) * cell.radius
    u = np.interp(at, np.arange(len(path)), path[:, 1]) * cell.radius
    sine, cosine = np.sin(cell.angle), np.cos(cell.angle)
    y = cell.y + margin + u * sine + v * cosine
    x = cell.x + margin + u * cosine - v * sine
    taper = np.maximum(THINNEST_PX, width * (1 - 0.7 * at / at[-1]))
    reach = int(np.ceil(width)) + 1
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    rows = np.rint(y[:, None]).astype(np.int64) + dy
    columns = np.rint(x[:, None]).astype(np.int64) + dx
    near = np.hypot(rows - y[:, None], columns - x[:, None]) <= taper[:, None]
    near &= (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return rows[near], columns[near]
