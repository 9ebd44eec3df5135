"""Where a cell is expected: its last step, as far as cells of this movie keep their direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softlight.track.costs import Costs
from softlight.track.detections import Detections

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Motion:
    """The places of all cells and their last steps per frame, filled in as links are made."""

    cells: Detections
    places: Floats  # drift corrected
    steps: Floats  # (N, 2); 0 where not known
    known: Bools

    def went(self, source: Ints, target: Ints) -> None:
        """Take note of these links; the border moves the centroids of cells that it cuts."""
        sound = ~(self.cells.cut[source] | self.cells.cut[target])
        source, target = source[sound], target[sound]
        elapsed = self.cells.frame[target] - self.cells.frame[source]
        self.steps[target] = (self.places[target] - self.places[source]) / elapsed[:, None]
        self.known[target] = True

    def expected(self, source: Ints | slice, costs: Costs, elapsed: Floats | float) -> Floats:
        """Where these cells are expected so many frames later."""
        share = costs.persistence
        if share == 0:
            return self.places[source]
        steps = share * (1 - np.power(share, elapsed)) / (1 - share)  # ever shorter ones
        return np.asarray(self.places[source] + np.reshape(steps, (-1, 1)) * self.steps[source])

    def steady(self, source: Ints, costs: Costs) -> Bools:
        """Whether their last step says where they are expected."""
        return self.known[source] & (costs.persistence > 0)


def motion(cells: Detections, places: Floats) -> Motion:
    """The motion of a movie of which no link is known yet."""
    return Motion(cells, places, np.zeros_like(places), np.zeros(len(places), bool))
