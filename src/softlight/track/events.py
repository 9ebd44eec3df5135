"""What may happen to open ends, all candidates of the movie in one table: gaps and divisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Events:
    """Candidates: ``source`` goes on as ``first``, or divides into ``first`` and ``second``.

    ``needs`` counts the open beginnings that the event takes: one for a gap, and for a division
    where one daughter is linked to the mother already; two where both daughters are open.
    """

    source: Ints
    first: Ints  # an open beginning
    second: Ints  # NOBODY for a gap
    second_open: NDArray[np.bool_]
    gain: Floats
    missed: Ints  # frames in which a cell was not seen

    def __len__(self) -> int:
        return len(self.source)

    @property
    def divides(self) -> NDArray[np.bool_]:
        """Which of them are divisions."""
        return np.asarray(self.second != NOBODY)

    def take(self, which: NDArray[np.generic]) -> Events:
        """These of them."""
        return Events(
            self.source[which],
            self.first[which],
            self.second[which],
            self.second_open[which],
            self.gain[which],
            self.missed[which],
        )


def no_events() -> Events:
    """None."""
    whole = np.empty(0, np.int64)
    return Events(whole, whole, whole, np.empty(0, bool), np.empty(0), whole)


def all_events(parts: list[Events]) -> Events:
    """The candidates of several tables."""
    parts = [part for part in parts if len(part)] or [no_events()]
    return Events(
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.second_open for part in parts]),
        np.concatenate([part.gain for part in parts]),
        np.concatenate([part.missed for part in parts]),
    )
