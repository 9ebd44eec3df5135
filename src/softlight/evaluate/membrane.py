"""How well thin membranes part the cells: measures of the cells, not of the membrane's pixels.

As in the ISBI 2012 challenge (Arganda-Carreras et al. 2015, https://doi.org/10.3389/fnana.2015.00142):
cells are the connected pieces of what is not membrane, and only pixels that are in a true cell
count. A gap of one pixel merges two cells, which the share of right pixels hardly sees.

Membranes are drawn of any width. So that this does not matter, a predicted membrane is thinned to
nothing: each of its pixels goes to the nearest predicted cell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.metrics import variation_of_information

from softlight.evaluate.pixel import ScoreError

THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))  # of the membrane's probability
MEASURES = ("rand_error", "rand_precision", "rand_recall", "voi", "voi_split", "voi_merge")
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


def membrane_scores(
    predicted: Mask,
    truth: Mask,
    *,
    valid: Mask | None = None,
    probability: npt.NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """How well the cells between two membrane masks (Y, X) agree.

    - ``rand_error``: 1 less the F-score of pairs of pixels that are in one cell in both (adapted
      Rand error, foreground-restricted); ``rand_precision`` falls with cells merged,
      ``rand_recall`` with cells split
    - ``voi_split``, ``voi_merge``: bits of the variation of information that are due to cells
      split and merged; ``voi`` their sum
    - ``rand_error_best``: with a ``probability``, the least rand error over the ``THRESHOLDS`` at
      which membrane begins, for this image; chosen knowing the truth, as the challenge does

    All are nan where no true cell is known.

    Args:
        predicted: True on membrane.
        truth: True on membrane.
        valid: False where the truth says nothing.
        probability: of membrane.
    """
    shapes = {predicted.shape, truth.shape}
    shapes |= {item.shape for item in (valid, probability) if item is not None}
    if len(shapes) != 1 or truth.ndim != 2:
        raise ScoreError(
            f"The membranes are {' and '.join(str(s) for s in sorted(shapes))}; give (Y, X) "
            "arrays of one shape."
        )
    if predicted.dtype != np.bool_ or truth.dtype != np.bool_:
        raise ScoreError("Membranes are booleans, True on membrane.")
    cells = true_cells(truth, valid)
    scores = _agreement(cells, between(predicted))
    if probability is not None:
        errors = [_rand(cells, between(probability >= t))[0] for t in THRESHOLDS]
        scores["rand_error_best"] = float(min(errors))
    return scores


def true_cells(membrane: Mask, valid: Mask | None = None) -> Labels:
    """The cells that a true membrane parts; 0 on it and where nothing is known."""
    cells: Labels = ndimage.label(~membrane)[0].astype(np.int32)
    if valid is not None:
        cells[~valid] = 0
    return cells


def between(membrane: Mask) -> Labels:
    """The cells that a predicted membrane parts, which meet in its middle; 1 where there is none.

    Pieces are connected along edges, since a membrane that is connected by corners parts them.
    """
    cells, count = ndimage.label(~membrane)
    if count == 0:
        return np.ones(membrane.shape, np.int32)
    nearest = ndimage.distance_transform_edt(membrane, return_distances=False, return_indices=True)
    thin: Labels = cells[tuple(nearest)].astype(np.int32)
    return thin


def _agreement(truth: Labels, predicted: Labels) -> dict[str, float]:
    error, precision, recall = _rand(truth, predicted)
    known = truth > 0
    split, merge = float("nan"), float("nan")
    if known.any():
        found = variation_of_information(truth[known], predicted[known])  # type: ignore[no-untyped-call]
        split, merge = (max(float(value), 0.0) for value in found)
    values = (error, precision, recall, split + merge, split, merge)
    return dict(zip(MEASURES, values, strict=True))


def _rand(truth: Labels, predicted: Labels) -> tuple[float, float, float]:
    """(error, precision, recall) of pairs of pixels; nan where there are none."""
    known = truth > 0
    # Counted here, since scikit-image calls precision recall and the other way round.
    pairs = truth[known].astype(np.int64) * (int(predicted.max()) + 1) + predicted[known]
    together, in_truth, in_predicted = (
        _pairs_within(labels) for labels in (pairs, truth[known], predicted[known])
    )
    if not in_truth or not in_predicted:
        return float("nan"), float("nan"), float("nan")
    f_score = 2 * together / (in_truth + in_predicted)
    return 1 - f_score, together / in_predicted, together / in_truth


def _pairs_within(labels: npt.NDArray[np.integer]) -> int:
    """Twice the number of pairs of pixels that have one label."""
    counts = np.unique(labels, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1)).sum())
