"""The cells of a movie, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from softlight.inference.predict import Segmenter
from softlight.io.finer import nearest, on_grid
from softlight.io.images import Movie
from softlight.io.shrunk import read_origin
from softlight.recipes.divide import Found, Options
from softlight.recipes.regime import look_at, regime_of
from softlight.recipes.suspect import faults_of, in_words
from softlight.recipes.working import Working, find_working, fit_working


@dataclass(frozen=True)
class Begun:
    """What the first frame decides for all of a movie; plain values, to be written down.

    Attributes:
        zoom: how many times images are enlarged for the network.
        note: why, on which grid masks are, and how gently the movie was taken; empty where there
            is nothing to say.
        unlike: why the movie is unlike the training images; empty if it is like them.
        work: (Y, X) of the grid that cells are found on; None: the image's own.
        shape: (Y, X) of the labels; None: the image's own.
        resolution: share of its grid's resolution that it uses; None where that is not known.
        photons: a pixel where it is brightest, told from its noise; None where that is not known.
    """

    zoom: float = 1.0
    note: str = ""
    unlike: str = ""
    work: tuple[int, int] | None = None
    shape: tuple[int, int] | None = None
    resolution: float | None = None
    photons: float | None = None

    def __post_init__(self) -> None:
        for name in ("work", "shape"):  # lists, if it comes from JSON
            sides = getattr(self, name)
            if sides is not None:
                object.__setattr__(self, name, (int(sides[0]), int(sides[1])))

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
        options: how foreground becomes labels, and on which grid.
        begun: what an earlier run decided by the first frame; None decides it by the first frame
            that is there.
    """

    def __init__(
        self, movie: Movie, segmenter: Segmenter, options: Options, *, begun: Begun | None = None
    ) -> None:
        self._raw, self._options, self._segmenter = movie, options, segmenter
        self._first: tuple[int, Found] | None = None
        self.begun = self._begin() if begun is None else begun
        shape = self.begun.shape
        self.movie = movie if shape is None else on_grid(movie, shape)  # where labels belong

    def find(self, frame: int) -> Found:
        """Labels and scores of one frame."""
        if self._first is not None and self._first[0] == frame:
            found, self._first = self._first[1], None
            return found
        working = Working(self.begun.zoom, self.begun.work, self.begun.shape)
        return self._find(self._image(frame), working)

    def _image(self, frame: int) -> npt.NDArray[Any]:
        grey = self._segmenter.spec.model.in_channels == 1
        return self._raw.grey(frame) if grey else self._raw.frame(frame)

    def _find(self, image: npt.NDArray[Any], working: Working) -> Found:
        size = self._raw.pixel_size_um
        return find_working(image, self._segmenter, self._options, working, pixel_size_um=size)

    def _begin(self) -> Begun:
        movie, segmenter = self._raw, self._segmenter
        first = next(t for t in range(len(movie)) if t not in movie.missing)
        image, size = self._image(first), movie.pixel_size_um
        working = fit_working(
            image,
            segmenter,
            self._options,
            pixel_size_um=size,
            origin=read_origin(movie.source),
        )
        found = self._find(image, working)
        self._first = (first, found)
        raw = movie.frame(first) if movie.colour else image
        labels = nearest(found.labels, (raw.shape[0], raw.shape[1]))
        sized = segmenter.zoomed(working.zoom)
        faults = faults_of(raw, sized, labels, pixel_size_um=size)
        seen = look_at(image)
        regime = regime_of(seen, segmenter.spec, zoom=working.zoom)
        return Begun(
            working.zoom,
            " ".join(note for note in (working.note, regime) if note),
            in_words(faults) if faults else "",
            working.work,
            working.shape,
            seen.resolution,
            seen.photons,
        )
