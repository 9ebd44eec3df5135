"""What may be set about tracking; the rest is learned from the movie itself."""

from __future__ import annotations

import math
from dataclasses import dataclass


class TrackError(ValueError):
    """Cells cannot be tracked as asked: one sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How cells are linked. The defaults fit any interval, since scales come from the movie.

    Attributes:
        max_gap_frames: a cell may be missed in so many frames in a row and stay one track.
        max_distance_px: no link is longer, per frame; None = learned from the movie.
        divisions: whether a cell may have two daughters.
        drift: whether shifts of the whole field are corrected before linking.
        overlap: whether the overlap of masks is used, where label images are given.
        size: whether a change of area makes a link less likely.
        intensity: whether a change of mean intensity does, where the table has it.
        border_px: cells may come and go within this distance of the border; None = learned.
    """

    max_gap_frames: int = 3
    max_distance_px: float | None = None
    divisions: bool = True
    drift: bool = True
    overlap: bool = True
    size: bool = True
    intensity: bool = True
    border_px: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.max_gap_frames, bool) or not 0 <= self.max_gap_frames <= 20:
            raise TrackError(f"max_gap_frames is {self.max_gap_frames}; it must be from 0 to 20.")
        for name in ("max_distance_px", "border_px"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise TrackError(f"{name} is {value}; it must be a number above 0, or left out.")
