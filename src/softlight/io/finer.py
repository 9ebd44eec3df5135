"""A movie on a finer grid: every pixel keeps its value, and is as many as it covers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.io.images import Movie
from softlight.io.planes import Layout, Planes


def on_grid(movie: Movie, shape: tuple[int, int]) -> Movie:
    """The movie with frames (Y, X) of this shape, of the same field: no value is made up.

    So masks on the finer grid can be measured on it: the brightness of a cell is the mean of raw
    pixels, by how much of each the cell covers.
    """
    if tuple(movie.shape[1:3]) == shape:
        return movie
    size = movie.pixel_size_um
    if size is not None:
        size *= (movie.shape[1] * movie.shape[2] / (shape[0] * shape[1])) ** 0.5
    return replace(
        movie,
        shape=(movie.shape[0], *shape, *movie.shape[3:]),
        pixel_size_um=size,
        _planes=_Finer(movie._planes, shape),
    )


def nearest(plane: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """The plane (Y, X[, C]) at another size, each pixel with the value of the one it lies in."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, plane.shape[:2], strict=True)
    )
    return np.ascontiguousarray(plane[rows[:, None], columns])


class _Finer:
    """Planes that are enlarged when they are read."""

    def __init__(self, planes: Planes, shape: tuple[int, int]) -> None:
        self._planes, self._shape = planes, shape

    @property
    def layout(self) -> Layout:
        """That of the file itself."""
        return self._planes.layout

    def plane(self, number: int) -> NDArray[np.generic]:
        """One plane on the finer grid."""
        return nearest(self._planes.plane(number), self._shape)
