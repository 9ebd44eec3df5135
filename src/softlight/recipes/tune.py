"""The thresholds with which a network's maps give the most right cells.

Few images are tuned on, and they seldom tell one threshold from the next. So the best mean counts
only beyond what chance does: of all that are within one standard error of it, those nearest to the
usual ones are taken. Images that trained the network are no judges: thresholds tuned on them are
worse on others than the usual ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from softlight.config import ModelSpec
from softlight.data.loader import Decoded
from softlight.data.samples import Progress
from softlight.evaluate.instance import score_instances
from softlight.inference.predict import Segmenter
from softlight.recipes.divide import Options, divide_cells

FOREGROUND = (0.4, 0.5, 0.6)
DIPS = (0.5, 0.75, 1.25, 2.0, 3.0)
AREAS = (1, 3)  # times the smallest area: specks may be larger than a speck should be


def tune(
    segmenter: Segmenter, images: Sequence[Decoded], *, progress: Progress | None = None
) -> ModelSpec:
    """The model's description with the thresholds that give these images a high mean AP.

    All combinations are tried, on the network's own grid; images without any annotated cell say
    nothing and are left out. Of those as good as the best one, the nearest to the description's
    own is taken.
    """
    spec = segmenter.spec
    candidates = [
        spec.model_copy(
            update={
                "threshold": foreground,
                "split": spec.split.model_copy(update={"dip": dip}),
                "min_area_px": area * spec.min_area_px,
            }
        )
        for foreground, dip, area in itertools.product(FOREGROUND, DIPS, AREAS)
    ]
    scores = np.full((len(images), len(candidates)), np.nan)
    for row, item in enumerate(images):
        if item.labels is not None and item.labels.any():
            maps = segmenter.prepared(item.image)
            for column, candidate in enumerate(candidates):
                cells = divide_cells(maps, candidate, Options())
                scored = score_instances(item.labels, cells, valid=item.valid)
                scores[row, column] = scored["ap"]
        if progress is not None:
            progress(row + 1, len(images))
    known = scores[np.isfinite(scores).all(axis=1)]
    if not len(known):
        return spec
    as_good = np.flatnonzero(_as_good_as_the_best(known))
    return candidates[min(as_good, key=lambda index: _away(candidates[index], spec))]


def _as_good_as_the_best(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which columns' means are within one standard error of the highest, over the rows in pairs."""
    best = int(scores.mean(axis=0).argmax())
    behind = scores[:, [best]] - scores
    if len(scores) == 1:
        return np.asarray(behind[0] <= 0)
    error = behind.std(axis=0, ddof=1) / np.sqrt(len(scores))
    return np.asarray(behind.mean(axis=0) <= error)


def _away(candidate: ModelSpec, usual: ModelSpec) -> float:
    """How far the thresholds are from the usual ones: dips by their ratio."""
    ratio = abs(np.log(candidate.split.dip / usual.split.dip))
    foreground = abs(candidate.threshold - usual.threshold)
    larger = candidate.min_area_px > usual.min_area_px
    return float(ratio + 4 * foreground + 0.5 * larger)
