"""Tracks and lineage from which cell is seen in which frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimulatedTrack:
    """One cell from the frame where it appears to the frame where it is last seen."""

    track_id: int
    parent_id: int  # 0 = none in the movie
    first_frame: int
    last_frame: int


def build_tracks(
    seen: Sequence[set[int]], parents: Mapping[int, int]
) -> tuple[list[SimulatedTrack], dict[tuple[int, int], int]]:
    """The tracks, and the track of each (frame, cell) pair.

    A cell that leaves the view and comes back is two tracks. A track has a parent only where the
    mother was seen in the frame right before it begins, and the cell was born in between.
    """
    runs: list[tuple[int, int, int]] = []  # first frame, cell, last frame
    open_runs: dict[int, int] = {}
    for frame, cells in enumerate([*seen, set()]):
        gone = [cell for cell in open_runs if cell not in cells]
        runs += [(open_runs.pop(cell), cell, frame - 1) for cell in gone]
        for cell in cells:
            open_runs.setdefault(cell, frame)
    tracks: list[SimulatedTrack] = []
    owner: dict[tuple[int, int], int] = {}
    born: set[int] = set()
    for track_id, (first, cell, last) in enumerate(sorted(runs), start=1):
        mother = parents.get(cell, 0)
        known = mother and cell not in born and first > 0
        parent = owner.get((first - 1, mother), 0) if known else 0
        born.add(cell)
        tracks.append(SimulatedTrack(track_id, parent, first, last))
        owner.update({(frame, cell): track_id for frame in range(first, last + 1)})
    return tracks, owner
