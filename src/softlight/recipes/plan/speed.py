"""How seldom a movie may be taken: the mean speed of its cells, by frames further apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.evaluate.tolerance import Bounded, bounded_bias
from softlight.inference.predict import Segmenter
from softlight.measure.kinetics import track_steps
from softlight.measure.morphology import measure_frame
from softlight.recipes.divide import Options
from softlight.recipes.plan.curves import labels_at
from softlight.recipes.plan.fields import Field, Film, Labels
from softlight.recipes.plan.settings import Setting
from softlight.track.movie import track_cells

LEAST_FRAMES = 6  # of a movie with speeds worth the name
MOST_FRAMES = 24  # the first of a longer movie are enough
MOST_MOVIES = 4  # of more, some are followed
_LEAST_KEPT = 3
_PARTS = 2  # along each side of the image: cells of one part are a group
_LEAST_STEPS = 4  # in each part


@dataclass(frozen=True)
class Moving:
    """One movie with what is needed to follow its cells again and again."""

    film: Film
    segmenter: Segmenter  # at the scale of its cells
    frames: tuple[int, ...]
    true_labels: tuple[Labels, ...]  # given, or the model's own answer

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) of a frame."""
        return (self.film.movie.shape[1], self.film.movie.shape[2])


def moving_ones(
    films: Sequence[Film],
    segmenters: Sequence[Segmenter],
    options: Options,
    progress: Callable[[int, int], None] | None = None,
) -> list[Moving]:
    """The movies that are long enough for speeds, with their true labels."""
    long = [
        (film, segmenter)
        for film, segmenter in zip(films, segmenters, strict=True)
        if len(film.there) >= LEAST_FRAMES
    ]
    found = []
    long = long[:: -(-len(long) // MOST_MOVIES)] if long else []
    for number, (film, segmenter) in enumerate(long):
        frames = tuple(t for t in film.there if t < film.there[0] + MOST_FRAMES)
        labels = tuple(_true_labels(film, frame, segmenter, options) for frame in frames)
        found.append(Moving(film, segmenter, frames, labels))
        if progress is not None:
            progress(number + 1, len(long))
    return found


def _true_labels(film: Film, frame: int, segmenter: Segmenter, options: Options) -> Labels:
    truth = film.truth(frame)
    if truth is not None:
        return truth
    return labels_at(_field(film, frame, segmenter), Setting(), options, seed=0)


def _field(film: Film, frame: int, segmenter: Segmenter) -> Field:
    image, size = film.image(frame, segmenter), film.movie.pixel_size_um
    return Field(film.position.name, film.position.name, image, None, size, segmenter)


def labels_of_movie(
    moving: Moving, setting: Setting, options: Options, *, seed: int
) -> tuple[Labels, ...]:
    """What the model finds in each frame at this setting."""
    return tuple(
        labels_at(_field(moving.film, frame, moving.segmenter), setting, options, seed=seed + frame)
        for frame in moving.frames
    )


def speed_errors(
    moving: Moving, labels: Sequence[Labels], every: Sequence[int]
) -> list[dict[str, Any]]:
    """The relative error of the mean speed in each part of the image, by how many frames are kept.

    The truth is the mean speed of the true labels' cells in all frames.
    """
    true = _speeds(moving, moving.true_labels, 1)
    rows = []
    for step in every:
        if len(moving.frames[::step]) < _LEAST_KEPT:
            continue
        for part, speed in _speeds(moving, labels, step).items():
            if part in true and true[part] > 0:
                error = speed / true[part] - 1
                group = f"{moving.film.position.name}/{part}"
                rows.append({"every": step, "group": group, "error": error, "speed": speed})
    return rows


def summary_of_speed(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row for each number of frames: how far the mean speed is off, with its interval."""
    table = pd.DataFrame(rows, columns=["every", "group", "error", "speed"])
    found = []
    for step in sorted(set(table["every"])):
        part = table[table["every"] == step]
        bounded: Bounded = bounded_bias(part["error"], part["group"].tolist())
        found.append(
            {
                "every": int(step),
                "speed_error": bounded.mean,
                "speed_low": bounded.low,
                "speed_high": bounded.high,
                "groups": int(part["group"].nunique()),
            }
        )
    columns = ["every", "speed_error", "speed_low", "speed_high", "groups"]
    return pd.DataFrame(found, columns=columns)


def longest_that_holds(table: pd.DataFrame, tolerance: float) -> int:
    """The most frames from one kept to the next, all fewer holding too; 0 where none does."""
    best = 0
    for row in table.sort_values("every").to_dict("records"):
        high = float(row["speed_high"])
        if not (math.isfinite(high) and high <= tolerance):
            break
        best = int(row["every"])
    return best


def _speeds(moving: Moving, labels: Sequence[Labels], step: int) -> dict[str, float]:
    """The mean speed in pixels a frame of the movie, by part of the image."""
    kept = list(labels[::step])
    tables = [measure_frame(frame, frame=t) for t, frame in enumerate(kept)]
    objects = pd.concat(tables, ignore_index=True)
    if objects.empty:
        return {}
    tracked = track_cells(objects, labels=kept)
    steps = track_steps(tracked.objects)
    steps = steps[(steps["frames"] == 1) & steps["is_whole"]]
    places = tracked.objects.set_index(["track_id", "frame"])[["y_px", "x_px"]]
    at = places.loc[pd.MultiIndex.from_frame(steps[["track_id", "frame"]])].to_numpy()
    sides = np.array(moving.shape) / _PARTS
    part: npt.NDArray[np.int64] = np.minimum((at // sides).astype(np.int64), _PARTS - 1)
    number = part[:, 0] * _PARTS + part[:, 1]
    speed = steps["speed_px_per_frame"].to_numpy() / step
    return {
        str(which): float(speed[number == which].mean())
        for which in range(_PARTS**2)
        if (number == which).sum() >= _LEAST_STEPS
    }
