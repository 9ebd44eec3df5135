"""Tracks as a graph, cell to cell, and a graph as tracks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.io.exchange.movie import ExchangeError

Ints = NDArray[np.int64]


def links(objects: pd.DataFrame, tracks: pd.DataFrame) -> Ints:
    """Each link as two rows of ``objects``, earlier first: along tracks, and mother to daughter."""
    order = np.lexsort((objects["frame"], objects["track_id"]))
    track = objects["track_id"].to_numpy()[order]
    same = np.flatnonzero(track[1:] == track[:-1])
    along = np.stack([order[same], order[same + 1]], axis=1)
    starts = np.flatnonzero(np.concatenate([[True], track[1:] != track[:-1]]))[: len(track)]
    ends = np.concatenate([starts[1:], [len(track)]]) - 1
    first = dict(zip(track[starts].tolist(), order[starts].tolist(), strict=True))
    last = dict(zip(track[starts].tolist(), order[ends[: len(starts)]].tolist(), strict=True))
    born = [
        (last[parent], first[child])
        for child, parent in zip(
            tracks["track_id"].tolist(), tracks["parent_id"].tolist(), strict=True
        )
        if parent
    ]
    between = np.array(born, np.int64).reshape(-1, 2)
    return np.concatenate([along, between]).astype(np.int64)


def tracks_from_links(
    frames: Ints, edges: Ints, *, name: str, wanted: Ints | None = None
) -> tuple[Ints, pd.DataFrame, tuple[str, ...]]:
    """The track of each cell, the table of tracks, and what a tree of cells could not hold.

    Args:
        frames: the frame of each cell.
        edges: links as pairs of positions in ``frames``, in either direction.
        name: of the file, for errors.
        wanted: track numbers that the file gives; used where they agree with the links.
    """
    edges = _forward(frames, edges, name)
    edges, merged = _one_parent(frames, edges)
    notes: tuple[str, ...] = ()
    if merged:
        notes = (
            f"Of cells that come from more than one cell ({merged}, merges) the link from the "
            "latest was kept: a track has one parent.",
        )
    before = np.full(len(frames), -1, np.int64)
    before[edges[:, 1]] = edges[:, 0]
    children = np.bincount(edges[:, 0], minlength=len(frames))
    if wanted is not None and _agrees(frames, before, wanted):
        return wanted, _table(frames, before, wanted), notes
    if wanted is not None:
        notes += ("Its track numbers do not agree with its links; tracks were numbered anew.",)
    goes_on = (before >= 0) & (children[before] == 1)
    track = np.zeros(len(frames), np.int64)
    for number, at in enumerate(np.argsort(frames, kind="stable").tolist()):
        track[at] = track[before[at]] if goes_on[at] else number + 1
    _, track = np.unique(track, return_inverse=True)
    track = track.astype(np.int64) + 1
    return track, _table(frames, before, track), notes


def _forward(frames: Ints, edges: Ints, name: str) -> Ints:
    """The links in the direction of time, each once."""
    edges = np.asarray(edges, np.int64).reshape(-1, 2)
    if edges.size and (edges.min() < 0 or edges.max() >= len(frames)):
        raise ExchangeError(f"{name}: a link names a cell that is not there.")
    back = frames[edges[:, 0]] > frames[edges[:, 1]]
    edges = np.where(back[:, None], edges[:, ::-1], edges)
    still = frames[edges[:, 0]] == frames[edges[:, 1]]
    if still.any():
        frame = frames[edges[still][0, 0]]
        raise ExchangeError(
            f"{name}: a link joins two cells of frame {frame}; links go from frame to frame."
        )
    return np.unique(edges, axis=0)


def _one_parent(frames: Ints, edges: Ints) -> tuple[Ints, int]:
    """The links with one parent a cell, the latest; and how many cells had more."""
    order = np.lexsort((-frames[edges[:, 0]], edges[:, 1]))
    edges = edges[order]
    first = np.concatenate([[True], edges[1:, 1] != edges[:-1, 1]])[: len(edges)]
    merged = len(np.unique(edges[~first, 1]))
    return edges[first], merged


def _agrees(frames: Ints, before: Ints, wanted: Ints) -> bool:
    """Whether each number's cells follow one another by links, one a frame."""
    if len(wanted) and wanted.min() < 1:
        return False
    order = np.lexsort((frames, wanted))
    same = wanted[order][1:] == wanted[order][:-1]
    later, earlier = order[1:][same], order[:-1][same]
    if (before[later] != earlier).any():
        return False
    starts = np.setdiff1d(np.arange(len(frames)), later)
    parents = before[starts]
    parents = parents[parents >= 0]
    return not np.isin(parents, earlier).any()  # daughters begin where the mother ends


def _table(frames: Ints, before: Ints, track: Ints) -> pd.DataFrame:
    order = np.lexsort((frames, track))
    numbers, starts = np.unique(track[order], return_index=True)
    ends = np.concatenate([starts[1:], [len(order)]])[: len(starts)] - 1
    first, last = order[starts], order[ends]
    parent = np.where(before[first] >= 0, track[before[first]], 0)
    return pd.DataFrame(
        {
            "track_id": numbers.astype(np.int64),
            "parent_id": parent.astype(np.int64),
            "first_frame": frames[first],
            "last_frame": frames[last],
        }
    )


def roots(tracks: pd.DataFrame) -> dict[int, int]:
    """The first ancestor of each track: tracks of one family have the same."""
    parents = dict(zip(tracks["track_id"].tolist(), tracks["parent_id"].tolist(), strict=True))
    found: dict[int, int] = {}
    for track in parents:
        path = [track]
        while path[-1] not in found and parents[path[-1]]:
            path.append(parents[path[-1]])
        root = found.get(path[-1], path[-1])
        found.update(dict.fromkeys(path, root))
    return found
