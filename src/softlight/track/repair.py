"""Cells merged or split in one frame only, mended from the frames before and after.

Nothing is made up: a repair only parts one mask between the cells that it covers, or joins pieces
of one cell. Each is in the log, and the label images are changed when they are read, not on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from softlight.track.movie import Tracked
from softlight.track.outlines import Outlines, Patch, Seen, part_among, pieces_touch
from softlight.track.settings import TrackError

Labels = NDArray[np.int32]

COVERED = 0.5  # of a missing cell that must lie in the mask that swallowed it
NEAR_AREA = 0.35  # |log(area found / area expected)| of a repair, at most
COLUMNS = ["frame", "kind", "labels_before", "labels_after", "reason"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One repair: what is written where, and why."""

    frame: int
    kind: str  # "merged": one mask parted; "split": pieces joined
    before: tuple[int, ...]
    after: tuple[int, ...]
    reason: str
    patch: Patch


class MendedLabels(Sequence[Labels]):
    """The label images with the edits in them, each made when it is asked for."""

    def __init__(self, labels: Sequence[Labels], edits: Sequence[Edit]) -> None:
        self._labels = labels
        self._patches: dict[int, list[Patch]] = {}
        for edit in edits:
            self._patches.setdefault(edit.frame, []).append(edit.patch)

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, frame: int) -> Labels: ...
    @overload
    def __getitem__(self, frame: slice) -> Sequence[Labels]: ...
    def __getitem__(self, frame: int | slice) -> Labels | Sequence[Labels]:
        if isinstance(frame, slice):
            return [self[number] for number in range(*frame.indices(len(self)))]
        if not -len(self) <= frame < len(self):
            raise IndexError(f"There is no frame {frame} of {len(self)}.")
        frame %= len(self)
        plane = np.asarray(self._labels[frame])
        patches = self._patches.get(frame)
        if not patches:
            return plane
        mended = plane.copy()
        for patch in patches:
            patch.write(mended)
        return mended

    def __iter__(self) -> Iterator[Labels]:
        return (self[frame] for frame in range(len(self)))


@dataclass(frozen=True)
class Repaired:
    """Label images with repairs, and the log of these.

    Attributes:
        labels: the images, mended when read.
        edits: ``frame``, ``kind``, ``labels_before``, ``labels_after``, ``reason``.
    """

    labels: Sequence[Labels]
    edits: pd.DataFrame


def repair(labels: Sequence[Labels], tracked: Tracked) -> Repaired:
    """The labels with what one frame got wrong mended; measure and track them again.

    Args:
        labels: the label image of each frame that was tracked.
        tracked: what ``track_cells`` made of them.
    """
    if len(tracked.objects) and int(tracked.objects["frame"].max()) >= len(labels):
        raise TrackError(
            f"There are {len(labels)} label images for cells up to frame "
            f"{int(tracked.objects['frame'].max())}; give those that were tracked."
        )
    book = Seen(labels, tracked.objects, tracked.tracks, tracked.drift)
    edits: list[Edit] = []
    for frame in book.doubtful_frames():
        taken: set[int] = set()
        for edit in (*_parted(book, frame), *_joined(book, frame)):
            if not taken & set(edit.before):
                taken |= set(edit.before)
                edits.append(edit)
        book.forget_before(frame)
    table = pd.DataFrame(
        [
            (e.frame, e.kind, " ".join(map(str, e.before)), " ".join(map(str, e.after)), e.reason)
            for e in edits
        ],
        columns=COLUMNS,
    )
    return Repaired(MendedLabels(labels, edits), table)


def _parted(book: Seen, frame: int) -> Iterator[Edit]:
    """Masks that cover cells which this frame lacks, with the cells before and after it."""
    lost: dict[int, list[Outlines]] = {}
    for outlines in book.missing(frame):
        label = outlines.covered_by(book.plane(frame), COVERED)
        if label:
            lost.setdefault(label, []).append(outlines)
    top = book.highest_label(frame)
    for label, cells in sorted(lost.items()):
        owner = book.whole(frame, label)
        if owner is not None:
            cells = [owner, *cells]
        elif len(cells) < 2:
            continue
        together = sum(cell.area for cell in cells)
        area = book.area(frame, label)
        alone = max(cell.area for cell in cells)
        off = abs(np.log(area / together))
        if len(cells) < 2 or off > NEAR_AREA or off > abs(np.log(area / alone)):
            continue
        names = (label, *range(top + 1, top + len(cells)))
        patch = part_among(book.plane(frame), label, cells, names)
        if patch is None:
            continue
        top += len(cells) - 1
        tracks = " and ".join(str(cell.track_id) for cell in cells)
        yield Edit(
            frame=frame,
            kind="merged",
            before=(label,),
            after=names,
            reason=f"one mask of {area} pixels where tracks {tracks} have {together:.0f} together "
            "in the frames before and after",
            patch=patch,
        )


def _joined(book: Seen, frame: int) -> Iterator[Edit]:
    """Cells seen in this frame only that are a piece of a cell which is there before and after."""
    for piece in book.fleeting(frame):
        for label in book.around(frame, piece):
            owner = book.whole(frame, label)
            if owner is None:
                continue
            area, rest = book.area(frame, label), book.area(frame, piece)
            off = abs(np.log((area + rest) / owner.area))
            if off > NEAR_AREA or off > abs(np.log(area / owner.area)):
                continue
            mask = book.plane(frame) == piece
            inside = owner.support(mask)
            if inside < COVERED or not pieces_touch(book.plane(frame), label, piece):
                continue
            box = ndimage.find_objects(mask.astype(np.uint8))[0]
            yield Edit(
                frame=frame,
                kind="split",
                before=(label, piece),
                after=(label,),
                reason=f"{piece} is in this frame only and lies where track {owner.track_id} is; "
                f"with it {label} has {area + rest} pixels, as in the frames before and after "
                f"({owner.area:.0f})",
                patch=Patch(box, mask[box], np.where(mask[box], label, 0).astype(np.int32)),
            )
            break
