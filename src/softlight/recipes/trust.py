"""What a new model is worth beyond its mean scores: learned from annotated images after training.

Scores become probabilities and counts get intervals only from images that did not train it. Where
none was held out, scores are calibrated on the training images, which flatters them, and it says
so; intervals are then unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from softlight.config import (
    CalibrationConfig,
    ErrorConfig,
    FingerprintConfig,
    ModelSpec,
    TrustConfig,
)
from softlight.data.cells import median_cell_diameter
from softlight.data.classes import cell_pixels
from softlight.data.samples import Progress, Sample
from softlight.data.single_cells import has_single_cells, is_binary
from softlight.data.splits import spread
from softlight.evaluate.calibration import (
    Beta,
    Judged,
    by_the_others,
    calibration_error,
    fit_beta,
    judge_cells,
    together,
)
from softlight.evaluate.intervals import fit_confluence_error, fit_count_error
from softlight.evaluate.matching import known_cells
from softlight.inference.predict import Segmenter
from softlight.measure.traits import fingerprint_of
from softlight.recipes.divide import Options, divide_cells, raw_scores, tells_classes
from softlight.recipes.scale import learn_size
from softlight.recipes.suspect import traits_for

MOST_JUDGED = 24  # images whose cells calibrate the scores
MOST_SEEN = 40  # training images that the fingerprint is of
MOST_SIZED = 8  # training images that are looked at in many sizes
LEAST_CELLS = 20  # fewer say nothing of probabilities


@dataclass(frozen=True)
class ImageJudged:
    """The cells of one annotated image, judged, and what it holds in all.

    Attributes:
        cells: raw scores and whether each cell is right; nothing where truths have no cells.
        true_cells: annotated cells; nan where the truth does not tell cells apart.
        covered: share of the pixels with a known truth that was called cell.
        truly_covered: share that is.
        group: the well or movie.
    """

    cells: Judged
    true_cells: float
    covered: float
    truly_covered: float
    group: str


def learn_trust(
    segmenter: Segmenter,
    training: Sequence[Sample],
    held_out: Sequence[Sample],
    *,
    progress: Progress | None = None,
) -> ModelSpec:
    """The model's description with its calibration, errors and fingerprint.

    Args:
        segmenter: the network with its thresholds tuned.
        training: the samples that it was trained on.
        held_out: those that it was not; may be empty.
        progress: told (done, total).
    """
    judged_on = spread(_of_cells(held_out or training), MOST_JUDGED)
    like = _of_their_sets(training, judged_on)
    seen, sized = spread(like, MOST_SEEN), spread(_of_cells(training), MOST_SIZED)
    total = len(judged_on) + len(seen) + len(sized)

    def told(before: int) -> Progress:
        return lambda done, _: None if progress is None else progress(before + done, total)

    judged = judge_images(segmenter, judged_on, progress=told(0))
    trust = trust_of(judged, held_out=bool(held_out))
    fingerprint = _fingerprint(segmenter, seen, progress=told(len(judged_on)))
    if fingerprint is not None and segmenter.spec.preprocess.resize_to is None:
        size = learn_size(segmenter, sized, progress=told(len(judged_on) + len(seen)))
        fingerprint = fingerprint.model_copy(update={"size": size})
    if progress is not None:
        progress(total, total)
    return segmenter.spec.model_copy(update={"trust": trust, "fingerprint": fingerprint})


def judge_images(
    segmenter: Segmenter, samples: Sequence[Sample], *, progress: Progress | None = None
) -> list[ImageJudged]:
    """What the model finds in each image beside what is there."""
    spec = segmenter.spec
    single = len(spec.classes) == 2 and has_single_cells(samples)
    judged = []
    for number, sample in enumerate(samples):
        annotated = sample.read()
        size = annotated.pixel_size_um
        maps = segmenter.maps(annotated.image, pixel_size_um=size)
        scale = segmenter.scale_for(annotated.image.shape, size)
        labels = divide_cells(maps, spec, Options(), scale=scale)
        truth, valid = annotated.labels, annotated.valid
        if tells_classes(spec):
            truth = cell_pixels(truth, spec.classes).astype(np.int32)
        cells, true_cells = Judged(np.zeros(0), np.zeros(0, np.bool_)), math.nan
        if single and not is_binary(sample):
            cells = judge_cells(
                truth, labels, raw_scores(maps, labels, spec, scale=scale), valid=valid
            )
            known = truth if valid is None else known_cells(truth, valid)
            true_cells = float(len(np.unique(known[known > 0])))
        judged.append(
            ImageJudged(
                cells, true_cells, _share(labels, valid), _share(truth, valid), sample.group
            )
        )
        if progress is not None:
            progress(number + 1, len(samples))
    return judged


def trust_of(judged: Sequence[ImageJudged], *, held_out: bool) -> TrustConfig:
    """Calibration, and where the images were held out, the errors of count and covered area."""
    every = [image.cells for image in judged]
    calibration = _calibration(every)
    groups = [image.group for image in judged]
    counted = [image for image in judged if math.isfinite(image.true_cells)]
    count: ErrorConfig | None = None
    confluence: ErrorConfig | None = None
    if held_out:
        known = [image for image in judged if math.isfinite(image.covered)]
        confluence = fit_confluence_error(
            [image.covered for image in known],
            [image.truly_covered for image in known],
            [image.group for image in known],
        )
    if held_out and calibration is not None and len(counted) == len(judged):
        curve = Beta(calibration.a, calibration.b, calibration.c)
        said = [curve.probability(image.cells.scores) for image in judged]
        true = np.array([image.true_cells for image in judged])
        count = fit_count_error(
            [float(each.sum()) for each in said], true, groups, per_cell=_per_cell(every, true)
        )
    return TrustConfig(
        source="images held out" if held_out else "training images",
        images=len(judged),
        calibration=calibration,
        count=count,
        confluence=confluence,
    )


def in_words(trust: TrustConfig) -> list[str]:
    """What was learned, for the terminal and the report."""
    lines = []
    if trust.calibration is not None:
        error = trust.calibration.error
        said = "unknown" if error is None else f"{error:.3f}"
        lines.append(
            f"Scores of cells are probabilities, learned from {trust.calibration.cells} cells of "
            f"{trust.images} {trust.source}; expected calibration error {said}."
        )
    if trust.source == "training images":
        lines.append(
            "No image was held out: on new images scores may be too high, and of counts and "
            "covered areas it is not known how wrong they are. Hold some out "
            "(--set data.validation_fraction=0.2) to have honest scores and intervals."
        )
    elif trust.confluence is None:
        lines.append(
            "All images held out are of one well or movie: how wrong counts are in others is not "
            "known, so there are no intervals."
        )
    return lines


def _of_cells(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those whose cells are told apart; all, where none is."""
    return [sample for sample in samples if not is_binary(sample)] or samples


def _of_their_sets(samples: Sequence[Sample], judged_on: Sequence[Sample]) -> Sequence[Sample]:
    """Those of the data sets that errors were learned on: of others, nobody knows how wrong it is.

    So intervals are not given for images that are like simulated scenes alone, which train and
    never judge.
    """
    known = {sample.tags.get("set") for sample in judged_on}
    return [sample for sample in samples if sample.tags.get("set") in known] or samples


def _calibration(images: Sequence[Judged]) -> CalibrationConfig | None:
    cells = together(images)
    if len(cells.scores) < LEAST_CELLS:
        return None
    curve = fit_beta(*cells)
    error = calibration_error(*by_the_others(images))
    return CalibrationConfig(
        a=curve.a,
        b=curve.b,
        c=curve.c,
        cells=len(cells.scores),
        error=None if math.isnan(error) else error,
    )


def _per_cell(images: Sequence[Judged], true: npt.NDArray[np.float64]) -> float:
    """Variance of the log count that one cell has by itself: it may be missed, or be false."""
    cells = together(images)
    right = int(cells.right.sum())
    missed = max(0.0, float(true.sum()) - right)
    return min(2.0, (missed + len(cells.right) - right) / max(1, right))


def _fingerprint(
    segmenter: Segmenter, samples: Sequence[Sample], *, progress: Progress
) -> FingerprintConfig | None:
    found = []
    for number, sample in enumerate(samples):
        annotated = sample.read()
        size = annotated.pixel_size_um
        traits = traits_for(annotated.image, segmenter, pixel_size_um=size)
        diameter = math.nan if is_binary(sample) else median_cell_diameter(annotated.labels)
        scale = segmenter.scale_for(annotated.image.shape, size)
        found.append({**traits, "cell_diameter_px": diameter * scale})
        progress(number + 1, len(samples))
    return fingerprint_of(found)


def _share(labels: npt.NDArray[np.int32], valid: npt.NDArray[np.bool_] | None) -> float:
    known = labels if valid is None else labels[valid]
    return float((known > 0).mean()) if known.size else math.nan
