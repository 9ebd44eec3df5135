"""Tracked frames as a graph: cells are nodes, and edges lead to the same cell or its daughters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LARGEST_LABEL = 65_535  # in the masks of the Challenge
COLUMNS = ("track_id", "parent_id", "first_frame", "last_frame")


class TrackingError(ValueError):
    """Tracks and frames do not fit together, or a truth and a prediction do not."""


@dataclass(frozen=True)
class TrackedFrames:
    """Label images whose values are track ids, and the tracks' table.

    ``labels`` may be lazy: each frame is read once. ``tracks`` has the columns ``track_id,
    parent_id, first_frame, last_frame`` (parent 0: none). A track may miss frames inside.
    """

    labels: Sequence[NDArray[Any]]
    tracks: pd.DataFrame


@dataclass(frozen=True)
class TrackGraph:
    """Cells as nodes, ordered by track and frame; a track is seen in each frame of its life.

    A track that misses frames is here several tracks, each the only child of the one before, as
    the Challenge writes it.
    """

    frame: Ints  # of each node
    label: Ints  # of each node
    track: Ints  # of each node: a position in the four arrays below
    track_id: Ints
    first: Ints
    last: Ints
    parent: Ints  # position of the mother track, -1: none
    node: Ints  # node of each cell in the order in which the cells were given

    @cached_property
    def start(self) -> Ints:
        """The first node of each track."""
        return np.searchsorted(self.track, np.arange(len(self.first)))

    @cached_property
    def children(self) -> Ints:
        """How many children each track has."""
        return np.bincount(self.parent[self.parent >= 0], minlength=len(self.parent))

    def at(self, track: int, frame: int) -> int:
        """The node of a track in a frame, -1 where it is not seen."""
        if not self.first[track] <= frame <= self.last[track]:
            return -1
        return int(self.start[track] + frame - self.first[track])

    def edges(self) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Source and target node of each edge, and whether it leads to another track."""
        inside = np.flatnonzero(self.track[1:] == self.track[:-1])
        child = np.flatnonzero(self.parent >= 0)
        mother = self.parent[child]
        mother_end = self.start[mother] + self.last[mother] - self.first[mother]
        return (
            np.concatenate([inside, mother_end]),
            np.concatenate([inside + 1, self.start[child]]),
            np.repeat([False, True], [len(inside), len(child)]),
        )


def build_graph(cells: Sequence[Ints], tracks: pd.DataFrame) -> TrackGraph:
    """The graph of the labels seen in each frame and of the mothers that the table names."""
    frame = np.repeat(np.arange(len(cells)), [len(labels) for labels in cells])
    label = np.concatenate([*cells, np.empty(0, dtype=np.int64)]).astype(np.int64)
    order = np.lexsort((frame, label))
    frame, label = frame[order], label[order]
    new_label = np.diff(label, prepend=-1) != 0
    starts = new_label | (np.diff(frame, prepend=-2) != 1)
    begin = np.flatnonzero(starts)
    end = np.append(begin[1:], len(label)) - 1 if len(begin) else begin
    node = np.empty(len(order), dtype=np.int64)
    node[order] = np.arange(len(order))
    return TrackGraph(
        frame=frame,
        label=label,
        track=np.cumsum(starts) - 1,
        track_id=label[begin],
        first=frame[begin],
        last=frame[end],
        parent=_parents(label[begin], new_label[begin], tracks),
        node=node,
    )


def _parents(track_id: Ints, new_label: NDArray[np.bool_], tracks: pd.DataFrame) -> Ints:
    """The position of each track's mother: the part before, or the last part of the mother."""
    last_part = {int(name): position for position, name in enumerate(track_id)}
    named = dict(zip(tracks["track_id"].astype(int), tracks["parent_id"].astype(int), strict=True))
    parents = np.arange(-1, len(track_id) - 1)
    for position in np.flatnonzero(new_label):
        mother = named.get(int(track_id[position]), 0)
        parents[position] = last_part.get(mother, -1)
    return parents


def check_tracks(cells: Sequence[Ints], tracks: pd.DataFrame, *, what: str) -> None:
    """A TrackingError where a table cannot be true of the labels seen in each frame."""
    missing = [name for name in COLUMNS if name not in tracks.columns]
    if missing:
        raise TrackingError(f"The {what}'s tracks need the column {missing[0]}.")
    table = tracks[list(COLUMNS)].astype(np.int64)
    _check_table(table, what)
    seen = pd.DataFrame(
        {
            "track_id": np.concatenate([*cells, np.empty(0, dtype=np.int64)]).astype(np.int64),
            "frame": np.repeat(np.arange(len(cells)), [len(labels) for labels in cells]),
        }
    )
    life = seen.groupby("track_id")["frame"].agg(["min", "max"])
    unknown = life.index.difference(pd.Index(table["track_id"]))
    if len(unknown):
        label = int(unknown[0])
        raise TrackingError(
            f"The {what} has the label {label} in frame {life['min'][label]}, but no such track "
            "in its table."
        )
    life = life.reindex(table["track_id"])
    unseen = table["track_id"][life["min"].isna().to_numpy()]
    if len(unseen):
        raise TrackingError(f"The {what}'s track {unseen.iloc[0]} is in no frame's labels.")
    same = (life["min"].to_numpy() == table["first_frame"].to_numpy()) & (
        life["max"].to_numpy() == table["last_frame"].to_numpy()
    )
    if not same.all():
        row, found = table[~same].iloc[0], life[~same].iloc[0]
        raise TrackingError(
            f"The {what}'s track {row['track_id']} lasts from frame {row['first_frame']} to "
            f"{row['last_frame']} in the table, but from {found['min']:.0f} to {found['max']:.0f} "
            "in the labels."
        )


def _check_table(table: pd.DataFrame, what: str) -> None:
    """Ids are unique and positive; mothers are known and end before their daughters begin."""
    ids = table["track_id"]
    if (ids < 1).any() or ids.duplicated().any():
        wrong = ids[(ids < 1) | ids.duplicated()].iloc[0]
        raise TrackingError(
            f"The {what}'s track {wrong} is there twice or under 1; ids are unique and positive."
        )
    last = table.set_index("track_id")["last_frame"]
    daughters = table[table["parent_id"] != 0]
    end = last.reindex(daughters["parent_id"]).to_numpy()
    wrong_ones = daughters[~(end < daughters["first_frame"].to_numpy())]
    if len(wrong_ones):
        row = wrong_ones.iloc[0]
        raise TrackingError(
            f"The {what}'s track {row['track_id']} names {row['parent_id']} as its mother, which "
            "must be a track that ends before it begins."
        )


def rule_breaches(cells: Sequence[Ints]) -> list[str]:
    """What the Challenge would refuse a checked result for: no cell, gaps, labels over 16 bits."""
    breaches = []
    seen = pd.DataFrame(
        {
            "label": np.concatenate([*cells, np.empty(0, dtype=np.int64)]).astype(np.int64),
            "frame": np.repeat(np.arange(len(cells)), [len(labels) for labels in cells]),
        }
    )
    if seen.empty:
        return ["There is no cell in any frame."]
    life = seen.groupby("label")["frame"].agg(["min", "max", "count"])
    gaps = life[life["max"] - life["min"] + 1 > life["count"]]
    if len(gaps):
        breaches.append(
            f"Tracks are lost for some frames ({len(gaps)}, such as {gaps.index[0]}); the "
            "Challenge wants two tracks there, the first the mother of the second."
        )
    if life.index[-1] > LARGEST_LABEL:
        breaches.append(f"The label {life.index[-1]} is over {LARGEST_LABEL}.")
    return breaches
