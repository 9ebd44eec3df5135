"""Who came of whom: the tracks as a forest, its divisions, cell cycles, and where to draw it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from softlight.track.settings import TrackError

COLUMNS = ("track_id", "parent_id", "first_frame", "last_frame")


@dataclass(frozen=True, slots=True)
class Cell:
    """One track in its family."""

    track_id: int
    parent_id: int  # 0 = none known
    first_frame: int
    last_frame: int
    children: tuple[int, ...]
    generation: int  # 0 for a cell without a known mother
    root_id: int  # the founder of its family

    @property
    def divides(self) -> bool:
        """Whether two daughters or more are known."""
        return len(self.children) > 1


@dataclass(frozen=True, slots=True)
class Lineage:
    """The cells by track number, mothers before daughters."""

    cells: dict[int, Cell]

    @property
    def roots(self) -> tuple[int, ...]:
        """The founders, in order."""
        return tuple(cell.track_id for cell in self.cells.values() if not cell.parent_id)

    def family(self, track_id: int) -> Iterator[Cell]:
        """This cell and all that came of it, each mother before her daughters."""
        waiting = [self[track_id].track_id]
        while waiting:
            cell = self.cells[waiting.pop()]
            yield cell
            waiting.extend(reversed(cell.children))

    def __getitem__(self, track_id: int) -> Cell:
        try:
            return self.cells[track_id]
        except KeyError:
            raise TrackError(f"There is no track {track_id}.") from None


def build_lineage(tracks: pd.DataFrame) -> Lineage:
    """The forest in a tracks table; a TrackError where it is none."""
    missing = [name for name in COLUMNS if name not in tracks.columns]
    if missing:
        raise TrackError(f"The tracks table has no column {', '.join(missing)}.")
    rows = {int(row[0]): tuple(map(int, row)) for row in tracks[list(COLUMNS)].to_numpy()}
    if len(rows) != len(tracks) or 0 in rows:
        raise TrackError("Each track needs a number of its own above 0.")
    children: dict[int, list[int]] = {}
    for track, parent, first, _ in rows.values():
        if parent and parent not in rows:
            raise TrackError(f"Track {track} names {parent} as its mother, which is no track.")
        if parent and rows[parent][3] >= first:
            raise TrackError(
                f"Track {track} begins in frame {first}, before its mother {parent} has ended."
            )
        children.setdefault(parent, []).append(track)
    cells: dict[int, Cell] = {}
    for track, parent, first, last in sorted(rows.values(), key=lambda row: (row[2], row[0])):
        mother = cells.get(parent)  # mothers end before daughters begin, so she is there already
        cells[track] = Cell(
            track_id=track,
            parent_id=parent,
            first_frame=first,
            last_frame=last,
            children=tuple(sorted(children.get(track, ()))),
            generation=0 if mother is None else mother.generation + 1,
            root_id=track if mother is None else mother.root_id,
        )
    return Lineage(cells)


def division_table(lineage: Lineage, *, frame_interval_min: float | None = None) -> pd.DataFrame:
    """One row a division: ``frame`` is the last of the mother; ``time_min`` where it is known."""
    rows = [
        (cell.track_id, *cell.children[:2], len(cell.children), cell.last_frame, cell.generation)
        for cell in lineage.cells.values()
        if cell.divides
    ]
    names = ["mother_id", "daughter_1_id", "daughter_2_id", "daughters", "frame", "generation"]
    table = pd.DataFrame(rows, columns=names).astype(np.int64)
    minutes = np.nan if frame_interval_min is None else frame_interval_min
    table["time_min"] = table["frame"] * minutes
    return table.sort_values(["frame", "mother_id"], ignore_index=True)


def cell_cycles(lineage: Lineage, *, frame_interval_min: float | None = None) -> pd.DataFrame:
    """One row a track: its generation, and how long from its birth to its division.

    ``cycle_frames`` is nan where birth or division was not seen. ``at_least_frames`` is then what
    was seen of it: leaving such cells out would make cycles seem shorter than they are.
    """
    rows = []
    for cell in lineage.cells.values():
        mother = lineage.cells.get(cell.parent_id)
        born = mother is not None and mother.divides
        # Born between her mother's last frame and her own first one; she divides after her last.
        birth = mother.last_frame if mother is not None and born else cell.first_frame - 1
        seen = cell.last_frame - birth
        whole = born and cell.divides
        rows.append(
            (
                cell.track_id,
                cell.parent_id,
                cell.root_id,
                cell.generation,
                born,
                cell.divides,
                float(seen) if whole else np.nan,
                float(cell.last_frame - cell.first_frame + 1 if not born else seen),
            )
        )
    names = ["track_id", "parent_id", "root_id", "generation", "born", "divides"]
    table = pd.DataFrame(rows, columns=[*names, "cycle_frames", "at_least_frames"])
    hours = np.nan if frame_interval_min is None else frame_interval_min / 60
    table["cycle_h"] = table["cycle_frames"] * hours
    return table.sort_values("track_id", ignore_index=True)


def tree_layout(lineage: Lineage, *, families_only: bool = False) -> pd.DataFrame:
    """Where each track is drawn: time from ``first_frame`` to ``last_frame``, at ``place`` beside.

    Leaves stand one apart in the order of their families, and a mother stands in the middle of her
    daughters. A line from ``(parent_place, parent_last_frame)`` joins a daughter to her mother.

    Args:
        lineage: of the movie.
        families_only: leave out cells that neither divide nor have a mother.
    """
    place: dict[int, float] = {}
    free = 0.0
    shown: list[Cell] = []
    for root in lineage.roots:
        family = list(lineage.family(root))
        if families_only and len(family) == 1:
            continue
        shown += family
        for cell in family:
            if not cell.children:
                place[cell.track_id] = free
                free += 1
        for cell in reversed(family):
            if cell.children:
                sides = [place[child] for child in cell.children]
                place[cell.track_id] = (min(sides) + max(sides)) / 2
    nowhere = float("nan")
    rows = [
        {
            "track_id": cell.track_id,
            "parent_id": cell.parent_id,
            "root_id": cell.root_id,
            "generation": cell.generation,
            "first_frame": cell.first_frame,
            "last_frame": cell.last_frame,
            "place": place[cell.track_id],
            "parent_place": place.get(cell.parent_id, nowhere),
            "parent_last_frame": float(lineage.cells[cell.parent_id].last_frame)
            if cell.parent_id
            else nowhere,
        }
        for cell in shown
    ]
    names = ["track_id", "parent_id", "root_id", "generation", "first_frame", "last_frame"]
    return pd.DataFrame(rows, columns=[*names, "place", "parent_place", "parent_last_frame"])


def newick(lineage: Lineage, track_id: int) -> str:
    """The family of a track as a Newick tree; a branch is as long as its track, in frames."""
    text: dict[int, str] = {}
    for cell in reversed(list(lineage.family(track_id))):
        inner = ",".join(text.pop(child) for child in cell.children)
        length = cell.last_frame - cell.first_frame + 1
        text[cell.track_id] = (f"({inner})" if inner else "") + f"{cell.track_id}:{length}"
    return text[track_id] + ";"


def families_newick(lineage: Lineage) -> list[str]:
    """A Newick tree of each family with a division, in the order of the founders."""
    families = ([cell.divides for cell in lineage.family(root)] for root in lineage.roots)
    return [
        newick(lineage, root)
        for root, divisions in zip(lineage.roots, families, strict=True)
        if any(divisions)
    ]
