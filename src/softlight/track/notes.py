"""What a careful person would say about a tracked movie."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from softlight.track.costs import Costs
from softlight.track.detections import Detections

Floats = NDArray[np.float64]

JUMP = 3.0  # usual steps: a longer shift of the field is worth a word
FAR = 0.5  # of the distance to the neighbour: beyond, links are guesses
SAMPLE = 20_000


def notes_of(
    cells: Detections,
    costs: Costs,
    shift: Floats,
    *,
    frames: int,
    merges: pd.DataFrame,
    missing: Collection[int] = (),
) -> tuple[str, ...]:
    """One sentence for each thing that the user should know.

    Args:
        cells: of the movie.
        costs: that it was linked with.
        shift: where the field lies in each frame that holds cells.
        frames: of the movie, as far as known.
        merges: masks that cover several cells.
        missing: frames that nobody has; they are not called empty.
    """
    if not len(cells):
        return ("There is no cell to track.",)
    found = []
    empty = sorted(set(range(frames)) - set(cells.frames.tolist()) - set(missing))
    if empty:
        found.append(
            f"{_count(len(empty), 'frame has', 'frames have')} no cell, the first is frame "
            f"{empty[0]}; cells are linked across as far as gaps may be."
        )
    jumps = np.flatnonzero(np.hypot(*np.diff(shift, axis=0).T) > max(JUMP * costs.step_px, 3.0))
    if len(jumps):
        dy, dx = shift[jumps[0] + 1] - shift[jumps[0]]
        found.append(
            f"The field jumps {_count(len(jumps), 'time', 'times')}, first by {dy:+.0f} pixels "
            f"down and {dx:+.0f} to the right in frame {cells.frames[jumps[0] + 1]}; this was "
            "corrected before linking."
        )
    spacing = _spacing(cells)
    usual = 1.18 * costs.step_px  # the median of a normal step in two dimensions
    if usual > FAR * spacing:
        found.append(
            f"Cells go {usual:.1f} pixels from frame to frame where the next cell is {spacing:.1f} "
            "away: many links are guesses. Image more often if tracks matter."
        )
    if len(merges):
        found.append(
            f"{_count(len(merges), 'mask covers', 'masks cover')} two cells or more of the frame "
            f"before, the first in frame {merges['frame'].iloc[0]}."
        )
    return tuple(found)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _spacing(cells: Detections) -> float:
    """The median distance of a cell to its nearest neighbour; infinite where all are alone."""
    distances = []
    seen = 0
    for number in range(len(cells.frames)):
        here = cells.places[cells.at(number)]
        if len(here) > 1 and seen < SAMPLE:
            distances.append(cKDTree(here).query(here, k=[2])[0].ravel())
            seen += len(here)
    return float(np.median(np.concatenate(distances))) if distances else float("inf")
