"""What an overlap of masks is worth in this movie, beyond what the distance says already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlight.track.candidates import Overlaps
from softlight.track.costs import OVERLAP_EDGES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pairs = tuple[Ints, Ints]

CLASSES = len(OVERLAP_EDGES) + 1
LINKS_PRIOR = np.ones(CLASSES)
RIVALS_PRIOR = np.array([0.8, 0.1, 0.05, 0.025, 0.013, 0.006, 0.006])  # two cells hardly overlap
PRIOR_WEIGHT = 10.0  # pairs
DISTANCES = 4  # classes, of as many links each
WEIGHT = 0.8  # what is left in common of overlap and distance


def overlap_table(
    overlaps: Overlaps, places: Floats, *, links: Pairs, rivals: Pairs
) -> tuple[float, ...]:
    """The gain of each class of overlap: how much oftener links have it than rivals as near.

    Where cells go farther than they are wide, whatever is near overlaps, links and rivals alike,
    and nothing is gained.

    Args:
        overlaps: of masks.
        places: of all cells, drift corrected.
        links: pairs that are linked.
        rivals: pairs that might have been.
    """
    if not len(links[0]):
        return (0.0,) * CLASSES
    distance, other = (
        np.hypot(*(places[target] - places[source]).T) for source, target in (links, rivals)
    )
    edges = np.quantile(distance, np.linspace(0, 1, DISTANCES + 1)[1:-1])
    mine = np.digitize(overlaps.of(*links), OVERLAP_EDGES)
    theirs = np.digitize(overlaps.of(*rivals), OVERLAP_EDGES)
    near, far = np.digitize(distance, edges), np.digitize(other, edges)
    expected = np.zeros(CLASSES)
    for number in range(DISTANCES):
        seen = np.bincount(theirs[far == number], minlength=CLASSES) + PRIOR_WEIGHT * RIVALS_PRIOR
        expected += (near == number).mean() * seen / seen.sum()
    shown = np.bincount(mine, minlength=CLASSES) + LINKS_PRIOR
    ratio = np.log(shown / shown.sum()) - np.log(expected)
    return tuple((WEIGHT * ratio).tolist())
