"""Cell Tracking Challenge results: masks whose labels are the tracks, and a table of tracks.

A track of the Challenge has no gaps: one that was lost for a while is two there, the second with
the first as its only parent. So it is written, and so it is joined again when read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.io.ctc import CtcResult, CtcTrack, read_ctc_result, write_ctc_result
from softlight.io.exchange.checks import checked_frames, ready, relabelled
from softlight.io.exchange.movie import TrackedMovie, locate_cells
from softlight.io.labels import LazyFrames, read_labels

_LARGEST = np.iinfo(np.uint16).max


def write_ctc(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write mask000.tif and on, and res_track.txt; returns what the format could not hold."""
    tracked = ready(tracked, tracks=True, masks=True)
    assert tracked.objects is not None
    assert tracked.tracks is not None
    assert tracked.labels is not None
    piece, tracks, gaps = _without_gaps(tracked.objects, tracked.tracks)
    notes = ["The pixel size, the interval and the measurements have no place in this format."]
    if gaps:
        notes.append(f"{gaps} gaps: the track after each is a new one with the old as its parent.")
    numbers = _numbers(tracks)
    if any(number != track.label for track, number in zip(tracks, numbers, strict=True)):
        notes.append("Track numbers above 65535 do not fit 16 bits; tracks were numbered anew.")
    if len(tracks) > _LARGEST:
        notes.append("More than 65535 tracks: the masks have 32 bits, which the Challenge refuses.")
    if not tracks:
        notes.append("There is no cell, and the Challenge calls an empty result invalid.")
    new = dict(zip((track.label for track in tracks), numbers, strict=True))
    write_ctc_result(
        path,
        labels=_masks(tracked, piece, new),
        frames=len(tracked.labels),
        tracks=[
            CtcTrack(new[item.label], item.first_frame, item.last_frame, new.get(item.parent, 0))
            for item in tracks
        ],
    )
    return tuple(notes)


def _without_gaps(
    objects: pd.DataFrame, tracks: pd.DataFrame
) -> tuple[NDArray[np.int64], list[CtcTrack], int]:
    """(the gapless track of each cell, these tracks, the number of gaps)."""
    track, frame = objects["track_id"].to_numpy(), objects["frame"].to_numpy()
    order = np.lexsort((frame, track))
    fresh = np.diff(track[order], prepend=-1) != 0
    gap = ~fresh & (np.diff(frame[order], prepend=-2) != 1)
    starts = np.flatnonzero(fresh | gap)
    ends = np.concatenate([starts[1:], [len(order)]])[: len(starts)] - 1
    parent_of = dict(zip(tracks["track_id"].tolist(), tracks["parent_id"].tolist(), strict=True))
    taken = max(parent_of, default=0)
    last_piece: dict[int, int] = {}
    found: list[CtcTrack] = []
    piece = np.zeros(len(order), np.int64)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        number = old = int(track[order[start]])
        if gap[start]:
            taken += 1
            number, parent = taken, last_piece[old]
        else:
            parent = -parent_of[old]  # a piece of the mother, known when all are
        last_piece[old] = number
        piece[order[start : end + 1]] = number
        first, last = int(frame[order[start]]), int(frame[order[end]])
        found.append(CtcTrack(number, first, last, parent))
    named = [
        CtcTrack(item.label, item.first_frame, item.last_frame, last_piece.get(-item.parent, 0))
        if item.parent < 0
        else item
        for item in found
    ]
    return piece, sorted(named, key=lambda item: item.label), int(gap.sum())


def _numbers(tracks: list[CtcTrack]) -> list[int]:
    """The labels to write: the tracks' own where they fit 16 bits."""
    if all(track.label <= _LARGEST for track in tracks):
        return [track.label for track in tracks]
    return list(range(1, len(tracks) + 1))


def _masks(
    tracked: TrackedMovie, piece: NDArray[np.int64], new: dict[int, int]
) -> Iterator[NDArray[np.int32]]:
    for _, labels, rows in checked_frames(tracked):
        numbers = np.array([new[number] for number in piece[rows.index].tolist()], np.int64)
        yield relabelled(labels, rows["label"].to_numpy(), numbers)


def read_ctc(path: Path | str) -> TrackedMovie:
    """The masks, cells and tracks of a Challenge result, or of its tracking truth (01_GT/TRA)."""
    path = Path(path)
    result = read_ctc_result(path)
    labels = LazyFrames(len(result.masks), lambda t: read_labels(result.masks[t]))
    objects = locate_cells(labels)
    owner, tracks, joined = _joined(result)
    notes: tuple[str, ...] = ()
    if joined:
        notes = (f"Tracks that go on after a gap in their only parent ({joined}) were joined.",)
    numbers = objects["label"].map(owner).fillna(objects["label"]).astype(np.int64)
    return ready(
        TrackedMovie(
            name=path.name,
            labels=labels,
            objects=objects.assign(track_id=numbers),
            tracks=tracks,
            notes=notes,
        )
    )


def _joined(result: CtcResult) -> tuple[dict[int, int], pd.DataFrame, int]:
    """(the track of each label, the tracks, how many pieces were joined to the one before)."""
    by_label = {track.label: track for track in result.tracks}
    children = Counter(track.parent for track in result.tracks)
    owner: dict[int, int] = {}
    rows: dict[int, list[int]] = {}
    for track in sorted(result.tracks, key=lambda item: item.first_frame):
        mother = by_label.get(track.parent)
        lone = mother is not None and children[track.parent] == 1
        if mother is not None and lone and track.first_frame > mother.last_frame + 1:
            owner[track.label] = owner[mother.label]
            rows[owner[mother.label]][3] = track.last_frame
            continue
        parent = owner[track.parent] if track.parent else 0
        owner[track.label] = track.label
        rows[track.label] = [track.label, parent, track.first_frame, track.last_frame]
    columns = ["track_id", "parent_id", "first_frame", "last_frame"]
    table = pd.DataFrame([rows[label] for label in sorted(rows)], columns=columns, dtype=np.int64)
    return owner, table, len(result.tracks) - len(rows)
