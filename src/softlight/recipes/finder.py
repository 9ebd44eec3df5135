"""The cells of a movie, frame by frame, and how surely they are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from softlight.config import ModelSpec
from softlight.evaluate.intervals import confluence_interval, count_interval
from softlight.inference.predict import Segmenter
from softlight.io.images import Movie
from softlight.recipes.divide import Found, Options, find_cells, right_cells
from softlight.recipes.scale import fit_scale
from softlight.recipes.suspect import faults_of, in_words


@dataclass(frozen=True)
class Begun:
    """What the first frame decides for all of a movie.

    Attributes:
        zoom: how many times images are enlarged for the network.
        note: why; empty where they are not.
        unlike: why the movie is unlike the training images; empty if it is like them.
    """

    zoom: float = 1.0
    note: str = ""
    unlike: str = ""

    def doubt(self, name: str) -> list[str]:
        """What to say of the cells of an image that is unlike the training images."""
        if not self.unlike:
            return []
        return [f"Look at {name} before you trust its cells, for it {self.unlike}"]


class CellFinder:
    """The cells of each frame that is asked for.

    Args:
        movie: what the frames are read from.
        segmenter: the model.
        options: how foreground becomes labels.
        begun: what an earlier run decided by the first frame; None decides it by the first frame
            that is asked for.
    """

    def __init__(
        self, movie: Movie, segmenter: Segmenter, options: Options, *, begun: Begun | None = None
    ) -> None:
        self._movie, self._options, self._segmenter = movie, options, segmenter
        self.begun = begun
        if begun is not None and begun.zoom != 1:
            self._segmenter = segmenter.zoomed(begun.zoom)

    def find(self, frame: int) -> Found:
        """Labels and scores of one frame."""
        movie, size = self._movie, self._movie.pixel_size_um
        grey = self._segmenter.spec.model.in_channels == 1
        image = movie.grey(frame) if grey else movie.frame(frame)
        if self.begun is not None:
            return find_cells(image, self._segmenter, self._options, size)
        scaled = fit_scale(image, self._segmenter, self._options, pixel_size_um=size)
        self._segmenter = scaled.segmenter
        found = find_cells(image, scaled.segmenter, self._options, size)
        raw: npt.NDArray[Any] = movie.frame(frame) if movie.colour else image
        faults = faults_of(raw, scaled.segmenter, found.labels, pixel_size_um=size)
        self.begun = Begun(scaled.zoom, scaled.note, in_words(faults) if faults else "")
        return found


class Bounds(NamedTuple):
    """Intervals of what one frame truly holds, nan where nobody knows."""

    count_low: float
    count_high: float
    confluence_low: float
    confluence_high: float


def bounds(
    scores: npt.NDArray[np.float64], confluence: float, spec: ModelSpec, *, known: bool
) -> Bounds:
    """What a frame truly holds, nine times in ten, by the errors of images that were held out.

    Args:
        scores: of the cells that were found.
        confluence: share of the frame that was called cell.
        spec: of the model; nan where nothing was held out in its training.
        known: whether the movie is like the training images; of another, nobody knows how wrong
            the model is.
    """
    trust = spec.trust if known else None
    counts = count_interval(right_cells(scores, spec), None if trust is None else trust.count)
    shares = confluence_interval(confluence, None if trust is None else trust.confluence)
    return Bounds(*counts, *shares)
