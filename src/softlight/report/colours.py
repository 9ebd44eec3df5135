"""Colours that everyone can tell apart, and which cell gets which.

The palette is that of Okabe and Ito (2008), made for all common forms of colour blindness.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from skimage.segmentation import expand_labels

Colour = tuple[int, int, int]
Labels = npt.NDArray[np.integer]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
ORANGE: Colour = (230, 159, 0)
SKY_BLUE: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
BLUE: Colour = (0, 114, 178)
VERMILION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)

# Six are enough for any map: see `colour_cells`. Blue is left out, it drowns in a dark image.
CELL_COLOURS: tuple[Colour, ...] = (ORANGE, SKY_BLUE, YELLOW, GREEN, PURPLE, VERMILION)
FALSE_POSITIVE = ORANGE
FALSE_NEGATIVE = BLUE
TRUTH = WHITE

NEIGHBOUR_DISTANCE_PX = 8.0


def colour_cells(labels: Labels, *, wanted: Mapping[int, int] | None = None) -> dict[int, int]:
    """An index into `CELL_COLOURS` for each label, such that neighbours differ.

    Cells are neighbours when they touch after growing by `NEIGHBOUR_DISTANCE_PX`. The cells are
    coloured greedily, those with fewest neighbours last; a planar map always has a region with at
    most five neighbours (Euler), so six colours never run out. Only labels in several pieces can
    break planarity; then two neighbours may share a colour.

    Args:
        labels: ``(Y, X)``, 0 is background.
        wanted: Colours that labels should keep where they can, as from the frame before.
    """
    neighbours = neighbours_of(labels)
    wanted = wanted or {}
    used = [0] * len(CELL_COLOURS)
    colours: dict[int, int] = {}
    for label in reversed(_smallest_last(neighbours)):
        taken = {colours[other] for other in neighbours[label] if other in colours}
        free = [index for index in range(len(used)) if index not in taken] or [label % len(used)]
        best = wanted.get(label, -1)
        colours[label] = best if best in free else min(free, key=lambda index: _cost(index, used))
        used[colours[label]] += 1
    return colours


def _cost(index: int, used: Sequence[int]) -> tuple[bool, int]:
    """Rarely used colours first; the last, which is close to the first, only in need."""
    return index == len(used) - 1, used[index]


def colour_movie(frames: Iterable[Labels]) -> Iterator[dict[int, int]]:
    """The colours of each frame, such that a cell keeps its colour from frame to frame.

    A cell takes the colour of the one that it overlaps most in the frame before, unless a
    neighbour has it already.
    """
    before: Labels | None = None
    colours: dict[int, int] = {}
    for labels in frames:
        wanted: dict[int, int] = {}
        if before is not None and before.shape == labels.shape:
            wanted = _colours_from_before(labels, before, colours)
        colours = colour_cells(labels, wanted=wanted)
        before = labels
        yield colours


def _colours_from_before(
    labels: Labels, before: Labels, colours_before: Mapping[int, int]
) -> dict[int, int]:
    """For each label the colour of the label of the frame before that it covers most."""
    both = (labels > 0) & (before > 0)
    base = int(before.max(initial=0)) + 1
    pairs, counts = np.unique(
        labels[both].astype(np.int64) * base + before[both], return_counts=True
    )
    wanted: dict[int, int] = {}
    for pair in pairs[np.argsort(counts, kind="stable")].tolist():
        label, label_before = divmod(pair, base)
        wanted[label] = colours_before[label_before]  # the largest overlap is written last
    return wanted


def neighbours_of(labels: Labels) -> dict[int, set[int]]:
    """For each label those that it touches after growing by `NEIGHBOUR_DISTANCE_PX`."""
    found: dict[int, set[int]] = {int(label): set() for label in np.unique(labels) if label != 0}
    if len(found) < 2:
        return found
    grown: Labels = expand_labels(labels, distance=NEIGHBOUR_DISTANCE_PX)  # type: ignore[no-untyped-call]
    for first, second in ((grown[1:], grown[:-1]), (grown[:, 1:], grown[:, :-1])):
        touching = (first != second) & (first > 0) & (second > 0)
        pairs = np.unique(np.stack([first[touching], second[touching]]), axis=1)
        for one, other in pairs.T.tolist():
            found[one].add(other)
            found[other].add(one)
    return found


def _smallest_last(neighbours: Mapping[int, set[int]]) -> list[int]:
    """The labels in the order in which the one with fewest remaining neighbours is taken away."""
    degree = {label: len(others) for label, others in neighbours.items()}
    queue = [(count, label) for label, count in degree.items()]
    heapq.heapify(queue)
    order: list[int] = []
    gone: set[int] = set()
    while queue:
        count, label = heapq.heappop(queue)
        if label in gone or count != degree[label]:
            continue  # an older entry of a label whose count has changed since
        gone.add(label)
        order.append(label)
        for other in neighbours[label] - gone:
            degree[other] -= 1
            heapq.heappush(queue, (degree[other], other))
    return order
