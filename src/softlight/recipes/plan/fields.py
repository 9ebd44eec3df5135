"""The images that a plan is made from, with what is true of them where labels are given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softlight.config import ConfigError
from softlight.inference.predict import Segmenter
from softlight.io.images import Movie
from softlight.recipes.analysis.given_labels import labels_of
from softlight.recipes.analysis.positions import Position, find_positions
from softlight.recipes.divide import Options
from softlight.recipes.scale import fit_scale
from softlight.recipes.segment import Reading

LEAST_PX = 32  # a side of an image; a coarser one shows no cells
_ENOUGH_FILMS = 3  # to tell how films differ; of fewer, parts in time are groups
_BLOCKS = 6
Image = npt.NDArray[Any]
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Field:
    """One image.

    Attributes:
        name: of the file, and the frame.
        group: images of one group are alike: the movie's name, or a part of it.
        image: raw, as the model takes it: (Y, X), or (Y, X, C).
        truth: its labels, where they are given.
        pixel_size_um: where it is known.
        segmenter: the model, at the scale of the cells of the file.
    """

    name: str
    group: str
    image: Image
    truth: Labels | None
    pixel_size_um: float | None
    segmenter: Segmenter


@dataclass(frozen=True)
class Film:
    """One position: a movie, or an image by itself, opened but not read."""

    position: Position
    movie: Movie
    labels: Any  # Sequence of label images, or None

    @property
    def there(self) -> list[int]:
        """The frames that can be read."""
        return [t for t in range(len(self.movie)) if t not in self.movie.missing]

    def image(self, frame: int, segmenter: Segmenter) -> Image:
        """One raw frame as this model takes it."""
        grey = segmenter.spec.model.in_channels == 1
        return self.movie.grey(frame) if grey else self.movie.frame(frame)

    def truth(self, frame: int) -> Labels | None:
        """The labels of one frame, of its size."""
        if self.labels is None:
            return None
        labels: Labels = self.labels[frame]
        if labels.shape != self.movie.shape[1:3]:
            raise ConfigError(
                f"The labels of frame {frame} of {self.position.name} are {labels.shape} and its "
                f"image {self.movie.shape[1:3]}; they must be of one size."
            )
        return labels


def open_films(inputs: Iterable[Path | str], labels: Path | None, reading: Reading) -> list[Film]:
    """Every position that the inputs mean, with its labels where they are given."""
    positions = find_positions(inputs)
    films = []
    for position in positions:
        movie = position.open(reading)
        if min(movie.shape[1:3]) < LEAST_PX:
            raise ConfigError(
                f"{position.name} has {movie.shape[1]} x {movie.shape[2]} pixels; a plan needs "
                f"images of at least {LEAST_PX} x {LEAST_PX}."
            )
        only = len(positions) == 1
        given = (
            None if labels is None else labels_of(position, labels, frames=len(movie), only=only)
        )
        films.append(Film(position, movie, given))
    return films


def scaled_for(film: Film, segmenter: Segmenter, options: Options) -> Segmenter:
    """The model at the scale of the film's cells, by its first frame."""
    first = film.image(film.there[0], segmenter)
    size = film.movie.pixel_size_um
    return fit_scale(first, segmenter, options, pixel_size_um=size).segmenter


def choose_fields(
    films: list[Film], segmenter: Segmenter, options: Options, *, most: int
) -> list[Field]:
    """At most so many images, spread over all frames of all positions."""
    every = [(film, frame) for film in films for frame in film.there]
    if not every:
        raise ConfigError("The inputs hold no image that can be read.")
    chosen = np.unique(np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int))
    found = []
    blocks = _BLOCKS if len(films) < _ENOUGH_FILMS else 1
    scaled: dict[str, Segmenter] = {}
    for place in chosen:
        film, frame = every[place]
        if film.position.name not in scaled:
            scaled[film.position.name] = scaled_for(film, segmenter, options)
        single = len(film.movie) == 1
        name = film.position.name if single else f"{film.position.name}, frame {frame}"
        block = frame * blocks // len(film.movie)
        found.append(
            Field(
                name,
                f"{film.position.name}/{block}",
                film.image(frame, segmenter),
                film.truth(frame),
                film.movie.pixel_size_um,
                scaled[film.position.name],
            )
        )
    return found
