"""Cells at the size that the model was trained at: told, from the pixel size, or found out."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from softlight.config import ConfigError, PredictConfig, SizeConfig
from softlight.data.samples import Progress, Sample
from softlight.inference.predict import Segmenter
from softlight.measure.traits import image_traits, odd_traits
from softlight.recipes.divide import Options, divide_cells, surenesses

CLEARLY = 1.5  # off by more than this: the image is resized
SAME_PIXEL = 1.25  # pixel sizes nearer than this are the same to a network
_ABSURD = 16.0  # times as large or as small as in training: a pixel size that is none
_OCTAVES = tuple(step / 2 for step in range(-9, 4))  # sizes tried, the smallest first
_BUDGET = 1 / 8  # of the frame's pixels, at each size tried
_LEAST_PX = 192**2
_LEAST_CELLS = 4
_OF_BEST = 0.85  # the level that is passed, of the best score
_AHEAD = 3  # at so many larger sizes
_SURE_OCTAVES = 0.5  # larger spread over the training images: sizes cannot be told

Source = Literal["as it is", "cell diameter", "pixel size", "estimate"]
Image = npt.NDArray[Any]


@dataclass(frozen=True)
class Scaled:
    """A segmenter for images of one size of cells, and why it enlarges them so.

    Attributes:
        segmenter: to use for every frame of the file.
        zoom: how many times the image is enlarged for the network, beside the model's own
            preprocessing; below 1 it is made smaller.
        source: what this is known from.
        note: what to tell the user; empty where nothing was done.
    """

    segmenter: Segmenter
    zoom: float = 1.0
    source: Source = "as it is"
    note: str = ""


def fit_scale(
    frame: Image,
    segmenter: Segmenter,
    options: Options | None = None,
    *,
    pixel_size_um: float | None = None,
) -> Scaled:
    """The segmenter for images like this frame.

    A cell diameter that was given decides; else the pixel size, where it is known of the image and
    of the training images; else the size is estimated, where the model can, and the image is
    resized if that is off by more than `CLEARLY`.

    Args:
        frame: one raw frame (Y, X[, C]) of the file.
        segmenter: the model.
        options: ``cell_diameter_px`` and ``rescale``.
        pixel_size_um: of the frame, where known.
    """
    options = options or Options()
    if options.cell_diameter_px is not None:
        return _by_diameter(frame.shape, segmenter, options.cell_diameter_px, pixel_size_um)
    spec = segmenter.spec
    if not options.rescale or spec.preprocess.resize_to is not None:
        return Scaled(segmenter)
    if pixel_size_um is not None and spec.preprocess.pixel_size_um is not None:
        return Scaled(segmenter)  # the preprocessing does it
    if pixel_size_um is not None and spec.pixel_size_um is not None:
        return _by_pixel_size(segmenter, pixel_size_um, spec.pixel_size_um)
    size = None if spec.fingerprint is None else spec.fingerprint.size
    if size is None:
        return Scaled(segmenter)
    passed = passes_at(frame, segmenter, pixel_size_um=pixel_size_um)
    if passed is None:
        return Scaled(segmenter)
    zoom = 2 ** (passed - size.octaves)
    if 1 / CLEARLY <= zoom <= CLEARLY or (zoom > 1 and _is_noisy(frame, segmenter)):
        return Scaled(segmenter)
    note = (
        f"The cells look about {_times(1 / zoom)} as large as those of the training images; the "
        f"image was resized {zoom:.2g} times for the network (--no-rescale keeps its size, "
        "--cell-diameter sets it)."
    )
    return Scaled(segmenter.zoomed(zoom), zoom, "estimate", note)


def learn_size(
    segmenter: Segmenter, samples: Sequence[Sample], *, progress: Progress | None = None
) -> SizeConfig | None:
    """How scores rise with size in annotated images; None where they do not tell sizes apart."""
    found = []
    for number, sample in enumerate(samples):
        annotated = sample.read()
        found.append(passes_at(annotated.image, segmenter, pixel_size_um=annotated.pixel_size_um))
        if progress is not None:
            progress(number + 1, len(samples))
    known = np.array([octaves for octaves in found if octaves is not None])
    # The usual distance from the median, as a standard deviation: one odd image decides nothing.
    spread = float(1.4826 * np.median(np.abs(known - np.median(known)))) if len(known) > 1 else None
    if len(known) <= len(found) / 2 or (spread or 0.0) > _SURE_OCTAVES:
        return None
    return SizeConfig(octaves=float(np.median(known)), spread=spread)


def passes_at(
    frame: Image, segmenter: Segmenter, *, pixel_size_um: float | None = None
) -> float | None:
    """The octaves by which the frame must be enlarged for its cells to be well seen; None if never.

    Too small, cells are not seen as such, and scores are low; they rise steeply, are best near the
    size of the training, and fall little beyond it. So the lowest size at which they are nearly as
    good as at larger ones tells more than the one at which they are highest. How high they get
    depends on the image, so no fixed level is asked for.
    """
    single = copy.copy(segmenter)
    single.spec = segmenter.spec.model_copy(update={"predict": PredictConfig()})
    return _first_pass(list(_curve(frame, single, pixel_size_um)))


def _curve(
    frame: Image, segmenter: Segmenter, pixel_size_um: float | None
) -> Iterator[tuple[float, float]]:
    """(octaves, mean sureness of the cells) of the frame at rising sizes, 0 with too few cells."""
    for octave in _OCTAVES:
        sized = segmenter.zoomed(2.0**octave)
        part = _middle(frame, sized.scale_for(frame.shape, pixel_size_um), octave)
        maps = sized.maps(part, pixel_size_um=pixel_size_um)
        scale = sized.scale_for(part.shape, pixel_size_um)
        if min(part.shape[:2]) * scale < 16:  # the network has nothing to halve
            yield octave, 0.0
            continue
        labels = divide_cells(maps, segmenter.spec, Options(), scale=scale)
        scores = surenesses(maps, labels, segmenter.spec)
        yield octave, float(scores.mean()) if len(scores) >= _LEAST_CELLS else 0.0


def _middle(frame: Image, scale: float, octave: float) -> Image:
    """The middle of the frame, so large that it costs the network a part of the whole frame."""
    height, width = frame.shape[:2]
    at_size = height * width * scale**2
    whole = at_size / 4.0**octave  # what the network sees of the frame at its own size
    share = math.sqrt(min(1.0, max(_BUDGET * whole, _LEAST_PX) / at_size))
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    top, left = (height - rows) // 2, (width - columns) // 2
    return frame[top : top + rows, left : left + columns]


def _first_pass(points: Sequence[tuple[float, float]]) -> float | None:
    """Where scores come near those at larger sizes, on the line between two sizes."""
    for index, (octave, score) in enumerate(points):
        level = _OF_BEST * max(later for _, later in points[index : index + 1 + _AHEAD])
        if 0 < level <= score:
            before, lower = points[max(index - 1, 0)]
            rise = (level - lower) / (score - lower) if score > lower else 1.0
            return before + max(rise, 0.0) * (octave - before)
    return None


def _by_diameter(
    shape: tuple[int, ...], segmenter: Segmenter, diameter_px: float, pixel_size_um: float | None
) -> Scaled:
    trained = segmenter.spec.cell_diameter_px
    if trained is None:
        raise ConfigError(
            f"The model {segmenter.spec.name} does not know how large its training cells were, so "
            "--cell-diameter says nothing to it; leave it out."
        )
    if not diameter_px > 0:
        raise ConfigError(f"The cell diameter is {diameter_px:g} px; it must be above 0.")
    zoom = trained / diameter_px / segmenter.scale_for(shape, pixel_size_um)
    note = f"Cells {diameter_px:g} px wide: the image was resized {zoom:.2g} times for the network."
    return Scaled(segmenter.zoomed(zoom), zoom, "cell diameter", note)


def _by_pixel_size(segmenter: Segmenter, here: float, trained: float) -> Scaled:
    zoom = here / trained
    if 1 / SAME_PIXEL <= zoom <= SAME_PIXEL:
        return Scaled(segmenter)
    sizes = f"A pixel is {here:.3g} µm wide and was {trained:.3g} µm in training"
    if not 1 / _ABSURD <= zoom <= _ABSURD:
        note = f"{sizes}, which cannot be; it was ignored. Give the right one by --pixel-size-um."
        return Scaled(segmenter, note=note)
    note = (
        f"{sizes}: the image was resized {zoom:.2g} times for the network (--no-rescale keeps its "
        "size, --cell-diameter sets it)."
    )
    return Scaled(segmenter.zoomed(zoom), zoom, "pixel size", note)


def _is_noisy(frame: Image, segmenter: Segmenter) -> bool:
    """Whether noise, which looks like small cells, is beyond that of the training images."""
    fingerprint = segmenter.spec.fingerprint
    plane = frame if frame.ndim == 2 else frame[..., 0]
    traits = {"signal_to_noise": image_traits(plane)["signal_to_noise"]}
    return fingerprint is not None and bool(odd_traits(traits, fingerprint))


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times"
