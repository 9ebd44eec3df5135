"""Faults of one frame in true masks of simulated movies: how many are mended, and what it costs.

    python benchmarks/mending.py

Half of the faults merge two touching cells, half split a cell through its middle, each in one
frame. A fault is mended if every cell in it has a mask with an IoU of 0.7 or more again.
"""

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
from linking_truth import simulated
from numpy.typing import NDArray
from scipy import ndimage

from softlight.evaluate.table import markdown_table
from softlight.measure.morphology import measure_frame
from softlight.track.movie import Tracked, track_cells
from softlight.track.repair import repair

Labels = NDArray[np.int32]
SMALLEST_PX = 100  # of a cell that is split
ENOUGH_IOU = 0.7


@dataclass(frozen=True)
class Fault:
    """What was done to the labels of a frame, and to which cells."""

    frame: int
    kind: str
    cells: tuple[int, ...]


def spoiled(labels: list[Labels], count: int, seed: int) -> tuple[list[Labels], list[Fault]]:
    """The labels with so many faults, in turn splits and merges, no cell twice in a frame."""
    rng = np.random.default_rng(seed)
    bad = [plane.copy() for plane in labels]
    faults: list[Fault] = []
    touched: set[tuple[int, int]] = set()
    for _ in range(50 * count):
        if len(faults) == count:
            break
        frame = int(rng.integers(1, len(labels) - 1))
        fault = _fault(labels, frame, "merge" if len(faults) % 2 else "split", rng)
        if fault is None or touched & {(frame, cell) for cell in fault.cells}:
            continue
        touched |= {(frame, cell) for cell in fault.cells}
        faults.append(fault)
        _spoil(bad[frame], labels[frame], fault, rng)
    return bad, faults


def _fault(labels: list[Labels], frame: int, kind: str, rng: np.random.Generator) -> Fault | None:
    plane = labels[frame]
    cell = int(rng.choice(np.unique(plane[plane > 0])))
    cells = [cell]
    if kind == "merge":
        around = ndimage.binary_dilation(plane == cell, iterations=3)
        beside = plane[around & (plane > 0) & (plane != cell)]
        if not beside.size:
            return None
        cells.append(int(np.bincount(beside).argmax()))
    elif (plane == cell).sum() < SMALLEST_PX:
        return None
    there = all((labels[f] == c).any() for f in (frame - 1, frame + 1) for c in cells)
    return Fault(frame, kind, tuple(cells)) if there else None


def _spoil(bad: Labels, plane: Labels, fault: Fault, rng: np.random.Generator) -> None:
    if fault.kind == "merge":
        bad[plane == fault.cells[0]] = fault.cells[1]
        return
    pixels = np.argwhere(plane == fault.cells[0])
    angle = rng.uniform(0, np.pi)
    side = (pixels - pixels.mean(0)) @ [np.sin(angle), np.cos(angle)] > 0
    bad[tuple(pixels[side].T)] = bad.max() + 1


def mended(found: Labels, true: Labels, fault: Fault) -> bool:
    """Whether every cell of the fault has its own mask again."""
    for cell in fault.cells:
        mask = true == cell
        inside = found[mask]
        if not (inside > 0).any():
            return False
        other = found == np.bincount(inside[inside > 0]).argmax()
        if (mask & other).sum() < ENOUGH_IOU * (mask | other).sum():
            return False
    return True


def tracked(labels: list[Labels]) -> Tracked:
    """The tracks of these labels."""
    tables = [measure_frame(plane, frame=frame) for frame, plane in enumerate(labels)]
    return track_cells(pd.concat(tables, ignore_index=True), labels=labels)


def main() -> None:
    """Spoil, mend, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = []
    for name, labels, _ in simulated():
        bad, faults = spoiled(labels, options.faults, options.seed)
        before = tracked(bad)
        result = repair(bad, before)
        good = list(result.labels)
        spoiled_frames = {fault.frame for fault in faults}
        row = {"movie": name}
        for kind in ("split", "merge"):
            mine = [fault for fault in faults if fault.kind == kind]
            done = sum(mended(good[f.frame], labels[f.frame], f) for f in mine)
            row[f"{kind}s mended"] = f"{done} of {len(mine)}"
        rows.append(
            row
            | {
                "edits of right masks": sum(
                    frame not in spoiled_frames for frame in result.edits["frame"]
                ),
                "tracks, true masks": len(tracked(labels).tracks),
                "spoiled": len(before.tracks),
                "mended": len(tracked(good).tracks),
            }
        )
    print(markdown_table(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
