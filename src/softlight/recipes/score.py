"""Score a network, or finished predictions, on annotated images: pixels, and single cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.config import ConfigError
from softlight.data.classes import are_values, ignoring, membrane_of
from softlight.data.loader import to_classes
from softlight.data.samples import Annotated, DataError, Progress, Sample, listed
from softlight.data.single_cells import has_single_cells, is_binary
from softlight.evaluate.instance import score_instances
from softlight.evaluate.membrane import membrane_scores
from softlight.evaluate.pixel import class_names, score_pixels
from softlight.evaluate.table import per_image_table
from softlight.inference.predict import (
    Segmenter,
    cell_probability,
    class_map,
    class_probability,
)
from softlight.io.folder import frame_files
from softlight.io.labels import read_labels
from softlight.recipes.bounds import bounds, holding
from softlight.recipes.divide import Options, divide_cells, probabilities, raw_scores
from softlight.recipes.scale import fit_scale
from softlight.recipes.suspect import faults_of

Instances = Literal["auto", "yes", "no"]
Labels = npt.NDArray[np.int32]
_COUNTS = ("cells", "cells_true")


@dataclass(frozen=True)
class Scored:
    """One image with its truth and what was predicted for it."""

    sample: Sample
    annotated: Annotated
    truth: npt.NDArray[np.int32]  # (Y, X) class indices
    predicted: npt.NDArray[np.int32]  # (Y, X) class indices
    scores: dict[str, float]
    cells: Labels | None = None  # (Y, X) what was predicted, cell by cell, where that is scored
    sureness: npt.NDArray[np.float64] | None = None  # of the labels 1 to n: how surely right
    classes: tuple[str, ...] = ("background", "cell")  # their names by index


def score_network(
    segmenter: Segmenter,
    samples: Sequence[Sample],
    *,
    boundary_tolerance_px: float = 2.0,
    instances: Instances = "auto",
    options: Options | None = None,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> list[Scored]:
    """Every sample segmented and scored on its own grid.

    Args:
        segmenter: the model.
        samples: annotated images.
        boundary_tolerance_px: how far a boundary may be off.
        instances: whether single cells are scored too; auto: where the truth tells them apart.
        options: how cells are brought to the size of the training; None leaves images as they are.
        progress: told (done, total).
        note: told why single cells are not scored, and which images were resized.
    """
    samples = [ignoring(sample, segmenter.spec.ignore_value) for sample in samples]
    cells_too = _scores_cells(samples, segmenter.spec.classes, instances, note)
    scored = []
    for index, sample in enumerate(samples):
        annotated = sample.read()
        size = annotated.pixel_size_um
        sized = segmenter
        if options is not None:
            scaled = fit_scale(annotated.image, segmenter, options, pixel_size_um=size)
            sized = scaled.segmenter
            if scaled.note:
                note(f"{sample.name}: {scaled.note}")
        maps = sized.maps(annotated.image, pixel_size_um=size)
        spec = segmenter.spec
        probability = class_probability(maps, spec)
        predicted = class_map(probability, threshold=spec.threshold).astype(np.int32)
        cells, sureness = None, None
        if cells_too and not is_binary(sample):
            scale = sized.scale_for(annotated.image.shape, size)
            cells = divide_cells(maps, spec, options or Options(), scale=scale)
            sureness = probabilities(raw_scores(maps, cells, spec, scale=scale), spec)
        item = _score(
            sample,
            annotated,
            predicted,
            spec.classes,
            tolerance_px=boundary_tolerance_px,
            cells=cells,
            sureness=sureness,
            probability=probability,
        )
        item.scores["loss"] = cross_entropy(probability, item.truth, annotated.valid)
        if cells is not None and sureness is not None and spec.trust and spec.trust.confluence:
            item.scores.update(_held(item, cells, sureness, sized))
        scored.append(item)
        if progress is not None:
            progress(index + 1, len(samples))
    return scored


def _held(
    item: Scored, cells: Labels, sureness: npt.NDArray[np.float64], segmenter: Segmenter
) -> dict[str, float]:
    """Whether count and covered area lie in the intervals that the model gives, as in use."""
    annotated, size = item.annotated, item.annotated.pixel_size_um
    known = annotated.valid is None or bool(annotated.valid.all())
    known = known and not faults_of(annotated.image, segmenter, cells, pixel_size_um=size)
    found = bounds(sureness, float((cells > 0).mean()), segmenter.spec, known=known)
    covered = float((annotated.labels > 0).mean())
    return holding(found, count=item.scores["cells_true"], confluence=covered)


def score_predictions(
    folder: Path,
    samples: Sequence[Sample],
    *,
    classes: Sequence[str] = ("background", "cell"),
    boundary_tolerance_px: float = 2.0,
    instances: Instances = "auto",
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> list[Scored]:
    """Label images in a folder, named like the samples, scored against them.

    Args:
        folder: the label images.
        samples: annotated images.
        classes: names of the values 0, 1 and on; of two classes every label is a cell.
        boundary_tolerance_px: how far a boundary may be off.
        instances: whether single cells are scored too; auto: where truth and predictions tell
            them apart.
        progress: told (done, total).
        note: told why single cells are not scored.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Give the one with the predicted label images.")
    files = _by_sample({path.stem: path for path in frame_files(folder)}, samples)
    missing = [sample.name for sample in samples if sample.name not in files]
    if missing:
        raise DataError(
            f"{folder} has no prediction for {len(missing)} of {len(samples)} images: "
            f"{listed(missing)}. Each needs a label image of the same name, NAME.tif or NAME.png."
        )
    cells_too = _scores_cells(samples, classes, instances, note)
    if cells_too and instances == "auto" and _are_masks([files[s.name] for s in samples]):
        note("Single cells are not scored: the predictions are masks, their cells have no numbers.")
        cells_too = False
    scored = []
    for index, sample in enumerate(samples):
        file = files[sample.name]
        labels = read_labels(file)
        scored.append(
            _score(
                sample,
                sample.read(),
                to_classes(labels, len(classes), name=str(file)),
                classes,
                tolerance_px=boundary_tolerance_px,
                cells=labels if cells_too and not is_binary(sample) else None,
            )
        )
        if progress is not None:
            progress(index + 1, len(samples))
    return scored


def _scores_cells(
    samples: Sequence[Sample],
    classes: Sequence[str],
    instances: Instances,
    note: Callable[[str], None],
) -> bool:
    """Whether single cells are scored; if that was for us to decide and they are not, why."""
    if instances not in get_args(Instances):
        raise ConfigError(f"instances is {instances!r}; it must be auto, yes or no.")
    if instances == "no":
        return False
    if are_values(classes):
        if instances == "yes":
            raise DataError(
                f"Single cells cannot be scored with the classes {', '.join(classes)}: labels are "
                "then classes, not cells. Leave out --instances yes, or the classes."
            )
        return False
    if all(is_binary(sample) for sample in samples):
        why = "the truth is binary masks, in which touching cells are one"
    elif instances == "auto" and not has_single_cells(samples):
        why = "the truth looks like masks or classes (--instances yes if its labels are cells)"
    else:
        return True
    if instances == "yes":
        raise DataError(f"Single cells cannot be scored: {why}.")
    note(f"Single cells are not scored: {why}.")
    return False


def _are_masks(files: Sequence[Path]) -> bool:
    """Whether no file has two labels, so that it cannot be told which cell is which."""
    return not any(len(np.unique(labels[labels > 0])) > 1 for labels in map(read_labels, files))


def _by_sample(files: dict[str, Path], samples: Sequence[Sample]) -> dict[str, Path]:
    """The file of each sample by its name; of one Challenge movie also ``t000`` or ``mask000``."""
    found = {sample.name: files[sample.name] for sample in samples if sample.name in files}
    if len({sample.group for sample in samples}) > 1:
        return found
    for sample in samples:
        frame = sample.tags.get("frame", "")
        for stem in (f"t{frame:>03}", f"mask{frame:>03}"):
            if frame and stem in files:
                found.setdefault(sample.name, files[stem])
    return found


def to_table(scored: Sequence[Scored]) -> pd.DataFrame:
    """One row an image: its name, group and tags, then its scores."""
    rows: list[dict[str, Any]] = []
    for item in scored:
        tags = item.sample.tags
        kind = {"cell_type": tags["cell_type"]} if "cell_type" in tags else {}
        counts = {key: int(item.scores[key]) for key in _COUNTS if key in item.scores}
        row = {"image": item.sample.name, "group": item.sample.group, **kind, **item.scores}
        row |= counts  # whole numbers are not averaged
        rows.append(row)
    return per_image_table(rows)


def cross_entropy(
    probability: npt.NDArray[np.float32],
    truth: npt.NDArray[np.int32],
    valid: npt.NDArray[np.bool_] | None,
) -> float:
    """Mean over the valid pixels of -log p(true class); for one channel the binary form."""
    if probability.shape[0] == 1:
        of_truth = np.where(truth > 0, probability[0], 1 - probability[0])
    else:
        of_truth = np.take_along_axis(probability, truth[None], axis=0)[0]
    counted = of_truth if valid is None else of_truth[valid]
    if not counted.size:
        return math.nan
    return float(-np.log(np.clip(counted.astype(np.float64), 1e-7, 1)).mean())


def _score(
    sample: Sample,
    annotated: Annotated,
    predicted: npt.NDArray[np.int32],
    classes: Sequence[str],
    *,
    tolerance_px: float,
    cells: Labels | None,
    sureness: npt.NDArray[np.float64] | None = None,
    probability: npt.NDArray[np.float32] | None = None,
) -> Scored:
    truth = to_classes(annotated.labels, len(classes), name=sample.name)
    if predicted.shape != truth.shape:
        raise DataError(
            f"The prediction for {sample.name} is {predicted.shape[0]} x {predicted.shape[1]}, its "
            f"truth {truth.shape[0]} x {truth.shape[1]}; they must be of one size."
        )
    scores = score_pixels(
        predicted,
        truth,
        valid=annotated.valid,
        classes=tuple(classes),
        boundary_tolerance_px=tolerance_px,
    )
    membrane = membrane_of(classes)
    if membrane is not None:
        scores |= membrane_scores(
            predicted == membrane,
            truth == membrane,
            valid=annotated.valid,
            probability=None if probability is None else 1 - cell_probability(probability, classes),
        )
    if cells is not None:
        scores |= score_instances(annotated.labels, cells, valid=annotated.valid)
    return Scored(
        sample, annotated, truth, predicted, scores, cells, sureness, class_names(classes)
    )
