"""From the outputs of a network to single cells with a score each, as the kind of output asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from softlight.config import ModelSpec
from softlight.data.classes import are_values, cell_pixels
from softlight.evaluate.calibration import Beta
from softlight.inference.predict import (
    Segmenter,
    cell_probability,
    class_map,
    class_probability,
)
from softlight.instances.flows import split_by_flow, valley_depths
from softlight.instances.split import split_components, split_touching

DEFAULT_DIAMETER_PX = 20.0  # where the model does not know the size of its cells
VALLEY = 1 / 3  # of a diameter: valleys so deep have 63 % of the full score
CENTRES_APART = 0.25  # of a diameter, at least: the best on true masks (docs/reference/prediction)

Grid = Literal["input", "fine"]


@dataclass(frozen=True)
class Options:
    """How images become labels."""

    threshold: float | None = None  # None: the model's own
    min_area_px: int | None = None  # None: the model's own
    touching: bool = True  # cut cells that touch; False leaves connected pieces
    flips: bool = False  # average over mirror images
    ome_zarr: Literal["0.4", "0.5"] | None = None  # also write images and labels in this version
    cell_diameter_px: float | None = None  # of the cells in the images; None: found out
    rescale: bool = True  # bring cells to the size that the model was trained at
    grid: Grid = "input"  # of the labels: the image's own, or the finer one that was worked on


class Found(NamedTuple):
    """The cells of one frame.

    Attributes:
        labels: (Y, X), 1 to n.
        scores: of the labels 1 to n: the probability that each is right, where the model learned
            to tell; else how sure the network is.
        classes: (Y, X), the class of each pixel, of a model that tells more than cells; else None.
    """

    labels: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int32] | None = None


def find_cells(
    image: npt.NDArray[Any],
    segmenter: Segmenter,
    options: Options,
    pixel_size_um: float | None = None,
) -> Found:
    """The cells of one raw frame (Y, X[, C]) with their scores.

    The model's cell size and smallest area are on its own grid; here they are brought to the
    frame's. An area in the options is in the frame's pixels already.
    """
    maps = segmenter.maps(image, pixel_size_um=pixel_size_um, flips=options.flips)
    scale = segmenter.scale_for(maps.shape[1:], pixel_size_um)
    spec = segmenter.spec
    labels = divide_cells(maps, spec, options, scale=scale)
    scores = probabilities(raw_scores(maps, labels, spec, scale=scale), spec)
    return Found(labels, scores, classes_of(maps, spec, options) if tells_classes(spec) else None)


def tells_classes(spec: ModelSpec) -> bool:
    """Whether the model tells more than cells: three classes and on, or membranes."""
    return spec.target == "classes" and are_values(spec.classes)


def classes_of(
    maps: npt.NDArray[np.float32], spec: ModelSpec, options: Options
) -> npt.NDArray[np.int32]:
    """The class of each pixel (Y, X) in the outputs (K, Y, X) of a network."""
    threshold = spec.threshold if options.threshold is None else options.threshold
    return class_map(class_probability(maps, spec), threshold=threshold).astype(np.int32)


def label_cells(
    image: npt.NDArray[Any],
    segmenter: Segmenter,
    options: Options,
    pixel_size_um: float | None = None,
) -> npt.NDArray[np.int32]:
    """The labels (Y, X) alone, the arguments as of ``find_cells``."""
    return find_cells(image, segmenter, options, pixel_size_um).labels


def divide_cells(
    maps: npt.NDArray[np.float32], spec: ModelSpec, options: Options, *, scale: float = 1.0
) -> npt.NDArray[np.int32]:
    """The labels (Y, X) in the outputs (K, Y, X) of a network, as its kind of output asks.

    Args:
        maps: what ``Segmenter.maps`` gives.
        spec: of the model: what its outputs mean, its thresholds and the size of its cells.
        options: what goes before the model's own settings.
        scale: pixels of the model's grid per pixel of the maps.
    """
    threshold = spec.threshold if options.threshold is None else options.threshold
    min_area = options.min_area_px
    if min_area is None:
        min_area = round(spec.min_area_px / scale**2)
    foreground = _in_cells(maps, spec)
    if tells_classes(spec):  # cells are made of classes, so that these add up to them
        inside = cell_pixels(classes_of(maps, spec, options), spec.classes)
        foreground = np.where(inside, np.maximum(foreground, threshold), 0).astype(np.float32)
    if not options.touching:
        return split_components(foreground >= threshold, min_area_px=min_area)
    if spec.target == "flow":
        return split_by_flow(
            foreground,
            maps[1:],
            foreground_threshold=threshold,
            dip=spec.split.dip / scale,  # of a landscape whose slope is 1 at most
            smoothing_px=spec.split.smoothing_px / scale,
            min_area_px=min_area,
        )
    diameter = (spec.cell_diameter_px or DEFAULT_DIAMETER_PX) / scale
    return split_touching(
        foreground,
        threshold=threshold,
        min_area_px=min_area,
        min_distance_px=diameter * CENTRES_APART,
    )


def raw_scores(
    maps: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int32],
    spec: ModelSpec,
    *,
    scale: float = 1.0,
) -> npt.NDArray[np.float64]:
    """How likely each label 1 to n is right, 0 to 1: in order, but not yet a probability.

    Most wrong cells are wrong parts. So with flow it is the sureness times how deep the valley is
    that divides the cell from the next one: near 1 where it is as deep as a cell is wide.

    Args:
        maps: what ``Segmenter.maps`` gives.
        labels: the cells found in them.
        spec: of the model.
        scale: pixels of the model's grid per pixel of the maps.
    """
    sure = surenesses(maps, labels, spec)
    if spec.target != "flow":
        return sure
    diameter = (spec.cell_diameter_px or DEFAULT_DIAMETER_PX) / scale
    depth = valley_depths(labels, maps[1:]) / (VALLEY * diameter)
    return sure * -np.expm1(-np.maximum(depth, 0))


def surenesses(
    maps: npt.NDArray[np.float32], labels: npt.NDArray[np.int32], spec: ModelSpec
) -> npt.NDArray[np.float64]:
    """How surely the network sees something in each label 1 to n, 0 to 1.

    Of a network with flow, the mean foreground times the mean length of the vectors, which agree
    where it is sure; of one with foreground only, how far that is from undecided.
    """
    within = _means(_in_cells(maps, spec), labels)
    if spec.target == "flow":
        length = np.sqrt(maps[1] * maps[1] + maps[2] * maps[2])
        return np.clip(within * _means(length, labels), 0, 1)
    return np.clip(2 * within - 1, 0, 1)


def _in_cells(maps: npt.NDArray[np.float32], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """The probability (Y, X) of being in a cell."""
    return cell_probability(class_probability(maps, spec), spec.classes)


def probabilities(scores: npt.NDArray[np.float64], spec: ModelSpec) -> npt.NDArray[np.float64]:
    """The probability that each cell is right, by what the model learned; else the raw scores."""
    calibration = None if spec.trust is None else spec.trust.calibration
    if calibration is None:
        return scores
    return Beta(calibration.a, calibration.b, calibration.c).probability(scores)


def right_cells(scores: npt.NDArray[np.float64], spec: ModelSpec) -> float:
    """The number of right cells to expect of these scores; all of them where nothing is known."""
    calibrated = spec.trust is not None and spec.trust.calibration is not None
    return float(scores.sum()) if calibrated else float(len(scores))


def _means(values: npt.NDArray[Any], labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """The mean of the values in each label 1 to n."""
    count = int(labels.max(initial=0))
    inside = np.flatnonzero(labels)
    label = labels.ravel().take(inside)
    area = np.bincount(label, minlength=count + 1)[1:]
    total = np.bincount(label, values.ravel().take(inside), count + 1)[1:]
    means: npt.NDArray[np.float64] = np.divide(
        total, area, out=np.full(count, np.nan), where=area > 0
    )
    return means
