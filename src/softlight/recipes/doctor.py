"""Whether a model will do for an image, and if not, why and what to try."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softlight.inference.predict import Segmenter
from softlight.io.finer import nearest
from softlight.io.images import Movie, open_movie
from softlight.io.shrunk import read_origin
from softlight.measure.faults import Fault
from softlight.recipes.divide import Options
from softlight.recipes.regime import look_at, regime_of
from softlight.recipes.segment import Reading
from softlight.recipes.suspect import faults_of, traits_for
from softlight.recipes.working import find_working, fit_working

_ALIKE = 0.3  # correlation of two frames; those of one movie are far more alike
_FEW_FRAMES = 6  # a file with more is no stack of channels

Image = npt.NDArray[Any]


@dataclass(frozen=True)
class Diagnosis:
    """What was seen in one image.

    Attributes:
        source: the file.
        shape: (Y, X[, C]) of the frame that was looked at.
        cells: how many were found.
        score: their mean score; nan without any.
        faults: what is wrong or unlike the training images, the gravest first.
        notes: what else is known: how the file was read, how it was resized.
        traits: of the image, beside lowest and highest of the training images where known.
    """

    source: Path
    shape: tuple[int, ...]
    cells: int
    score: float
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    traits: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        """Whether nothing speaks against the result."""
        return not self.faults

    def lines(self) -> list[str]:
        """What to tell the user."""
        found = "no cell" if self.cells == 0 else f"{self.cells} cells, mean score {self.score:.2f}"
        lines = [f"{self.source.name}: {found}", *(f"  {note}" for note in self.notes)]
        if self.fine:
            return [*lines, "  Nothing unusual: the image is like those of the training."]
        for fault in self.faults:
            lines += [f"  - The image {fault.what}.", f"    {fault.advice}"]
        return lines


def diagnose(
    source: Path,
    segmenter: Segmenter,
    *,
    reading: Reading | None = None,
    options: Options | None = None,
) -> Diagnosis:
    """What the model makes of the first frame of a file, and why that may be wrong."""
    reading, options = reading or Reading(), options or Options()
    movie = open_movie(
        source,
        axes=reading.axes,
        channel=reading.channel,
        pixel_size_um=reading.pixel_size_um,
        interval_min=reading.interval_min,
    )
    first = next(t for t in range(len(movie)) if t not in movie.missing)
    raw = movie.frame(first)
    size = movie.pixel_size_um
    grey = segmenter.spec.model.in_channels == 1
    image = movie.grey(first) if grey else raw
    origin = read_origin(movie.source)
    working = fit_working(image, segmenter, options, pixel_size_um=size, origin=origin)
    found = find_working(image, segmenter, options, working, pixel_size_um=size)
    sized = segmenter.zoomed(working.zoom)
    labels = nearest(found.labels, (image.shape[0], image.shape[1]))
    faults = faults_of(raw, sized, labels, pixel_size_um=size)
    faults += _axes_faults(movie, first)
    empty = any(fault.kind in ("empty", "numbers") for fault in faults)
    if not len(found.scores) and not faults:
        faults.append(_nothing(segmenter))
    seen = look_at(image)
    taken = f"The image {seen.in_words()}." if seen.in_words() else ""
    regime = regime_of(seen, segmenter.spec, zoom=working.zoom)
    notes = [movie.axes_note, working.note, taken, regime]
    if segmenter.spec.fingerprint is None:
        notes.append(
            "The model does not know what its training images were like, so only the image itself "
            "was checked; a model trained now will know."
        )
    return Diagnosis(
        source,
        tuple(raw.shape),
        len(found.scores),
        float(found.scores.mean()) if len(found.scores) else math.nan,
        tuple(faults),
        tuple(note for note in notes if note),
        {} if empty else _beside(image, labels, sized, size),
    )


def _beside(
    image: Image,
    labels: npt.NDArray[np.int32],
    segmenter: Segmenter,
    pixel_size_um: float | None,
) -> dict[str, tuple[float, float, float]]:
    """Each trait with the lowest and highest of the training images, nan where not known."""
    traits = traits_for(image, segmenter, labels, pixel_size_um=pixel_size_um)
    fingerprint = segmenter.spec.fingerprint
    known = {} if fingerprint is None else fingerprint.traits
    unknown = (math.nan, math.nan, math.nan)
    return {
        name: (value, known.get(name, unknown)[0], known.get(name, unknown)[2])
        for name, value in traits.items()
    }


def _axes_faults(movie: Movie, first: int) -> list[Fault]:
    """Frames that are as unlike as channels are."""
    if not 1 < len(movie) <= _FEW_FRAMES or first + 1 in movie.missing or first + 1 >= len(movie):
        return []
    one, other = (_thin(movie.frame(t)) for t in (first, first + 1))
    if one.std() == 0 or other.std() == 0:
        return []
    alike = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    if alike > _ALIKE:
        return []
    what = f"is read as {len(movie)} frames of a movie, but they are as unlike as channels are"
    advice = "If they are channels, say so by --axes (as CYX) and --channel."
    return [Fault("axes", what, advice)]


def _nothing(segmenter: Segmenter) -> Fault:
    what = (
        f"holds no pixel with a foreground probability of {segmenter.spec.threshold:g} or more in "
        "a large enough piece"
    )
    advice = "Lower --threshold, or train on images like it, if there are cells."
    return Fault("nothing", what, advice)


def _thin(frame: Image) -> npt.NDArray[np.float64]:
    plane = frame if frame.ndim == 2 else frame[..., 0]
    return np.asarray(plane[::4, ::4], np.float64)
