"""How well a predicted mask agrees with the truth, pixel by pixel and along its boundary.

A measure that has no answer is nan, never a quiet zero: Dice of a class that neither mask holds,
precision where nothing was predicted, recall where there is nothing to find. A class that only one
of the two masks holds is an answer, and it is 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

Mask = npt.NDArray[np.bool_]


class ScoreError(ValueError):
    """The two masks cannot be compared."""


def score_pixels(
    predicted: npt.NDArray[np.integer | np.bool_],
    truth: npt.NDArray[np.integer | np.bool_],
    *,
    valid: Mask | None = None,
    classes: Sequence[str] = ("background", "cell"),
    boundary_tolerance_px: float = 2.0,
) -> dict[str, float]:
    """The agreement of two ``(Y, X)`` class masks, by flat names.

    Foreground is every class but the first. With TP, FP and FN counted over the valid pixels:

    - ``dice`` = 2 TP / (2 TP + FP + FN) and ``iou`` = TP / (TP + FP + FN), of the foreground
    - ``precision`` = TP / (TP + FP) and ``recall`` = TP / (TP + FN), of the foreground
    - ``pixel_accuracy``: share of pixels with the right class
    - ``mdice``, ``miou``: mean over all classes with the background, without undefined ones
    - ``boundary_dice``: see `boundary_dice`; of the foreground
    - ``confluence``, ``confluence_true``: share of the valid pixels that is foreground, and
      ``confluence_error``: their absolute difference
    - with three classes or more also ``dice_<class>`` and ``iou_<class>`` of each class, and
      ``boundary_dice_<class>`` of each but the first

    Args:
        predicted: Class indices, or True for foreground.
        truth: Class indices, or True for foreground.
        valid: False where the truth says nothing; those pixels are left out everywhere.
        classes: Names by index, background first.
        boundary_tolerance_px: How far a boundary may lie from the true one and still be right.
    """
    names = class_names(classes)
    predicted, truth, inside = _comparable(predicted, truth, valid, names)
    counts = confusion(predicted[inside], truth[inside], number_of_classes=len(names))
    scores = _foreground_scores(counts)
    per_class = _class_scores(counts)
    for measure, values in per_class.items():
        scores[f"m{measure}"] = _mean_of_defined(values)

    def along_boundary(of_predicted: Mask, of_truth: Mask) -> float:
        return boundary_dice(
            of_predicted, of_truth, valid=inside, tolerance_px=boundary_tolerance_px
        )

    scores["boundary_dice"] = along_boundary(predicted > 0, truth > 0)
    if len(names) > 2:
        for measure, values in per_class.items():
            scores |= {f"{measure}_{name}": float(values[i]) for i, name in enumerate(names)}
        for index, name in enumerate(names[1:], start=1):
            scores[f"boundary_dice_{name}"] = along_boundary(predicted == index, truth == index)
    return scores


def confusion(
    predicted: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], *, number_of_classes: int
) -> npt.NDArray[np.int64]:
    """Pixels by true class (row) and predicted class (column)."""
    pairs = truth.ravel().astype(np.int64) * number_of_classes + predicted.ravel()
    counts = np.bincount(pairs, minlength=number_of_classes**2)
    return counts.reshape(number_of_classes, number_of_classes)


def boundary_dice(
    predicted: Mask, truth: Mask, *, valid: Mask | None = None, tolerance_px: float = 2.0
) -> float:
    """The share of both boundaries that lies within a tolerance of the other one, 0 to 1.

    With P and T the boundary pixels of the two masks, and d the Euclidean distance between pixel
    centres: (|{p in P: d(p, T) <= tol}| + |{t in T: d(t, P) <= tol}|) / (|P| + |T|), the surface
    Dice of Nikolov et al. (2018, arXiv:1809.04430) counted in pixels.

    A boundary pixel is a foreground pixel with background above, below, left or right of it. The
    image's edge and the edge of what is valid are not boundaries. nan when neither mask has a
    boundary, 0 when only one has.
    """
    if not tolerance_px >= 0:
        raise ScoreError(f"Boundary tolerance is {tolerance_px} px; it must be 0 or more.")
    inside = np.ones(truth.shape, dtype=bool) if valid is None else valid
    of_predicted = np.argwhere(_boundary(predicted, inside))
    of_truth = np.argwhere(_boundary(truth, inside))
    total = len(of_predicted) + len(of_truth)
    if total == 0:
        return float("nan")
    if len(of_predicted) == 0 or len(of_truth) == 0:
        return 0.0
    near = _count_near(of_predicted, of_truth, tolerance_px)
    near += _count_near(of_truth, of_predicted, tolerance_px)
    return near / total


def _boundary(mask: Mask, inside: Mask) -> Mask:
    """Foreground pixels that touch valid background along an edge."""
    background = ~mask & inside
    touches = np.zeros_like(background)
    touches[1:] |= background[:-1]
    touches[:-1] |= background[1:]
    touches[:, 1:] |= background[:, :-1]
    touches[:, :-1] |= background[:, 1:]
    result: Mask = touches & mask & inside
    return result


def _count_near(points: npt.NDArray[np.intp], others: npt.NDArray[np.intp], distance: float) -> int:
    """How many of the points have one of the others within this distance, ends included."""
    # The tree's bound is strict; squared pixel distances are whole numbers, so half of the step
    # between neighbouring ones above the tolerance changes nothing but includes it.
    bound = np.sqrt(distance**2 + 1e-6)
    nearest, _ = KDTree(others).query(points, distance_upper_bound=bound)
    return int(np.isfinite(nearest).sum())


def _foreground_scores(counts: npt.NDArray[np.int64]) -> dict[str, float]:
    total = float(counts.sum())
    both = float(counts[1:, 1:].sum())
    only_predicted = float(counts[0, 1:].sum())
    only_true = float(counts[1:, 0].sum())
    confluence = _ratio(both + only_predicted, total)
    confluence_true = _ratio(both + only_true, total)
    return {
        "dice": _ratio(2 * both, 2 * both + only_predicted + only_true),
        "iou": _ratio(both, both + only_predicted + only_true),
        "precision": _ratio(both, both + only_predicted),
        "recall": _ratio(both, both + only_true),
        "pixel_accuracy": _ratio(float(np.trace(counts)), total),
        "confluence": confluence,
        "confluence_true": confluence_true,
        "confluence_error": abs(confluence - confluence_true),
    }


def _class_scores(counts: npt.NDArray[np.int64]) -> dict[str, list[float]]:
    both = np.diag(counts)
    summed = counts.sum(axis=0) + counts.sum(axis=1)
    return {
        "dice": [_ratio(2.0 * b, float(s)) for b, s in zip(both, summed, strict=True)],
        "iou": [_ratio(float(b), float(s - b)) for b, s in zip(both, summed, strict=True)],
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _mean_of_defined(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """The names as scores carry them: without blanks, all different, at least two."""
    names = tuple(name.strip().replace(" ", "_") for name in classes)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ScoreError(
            f"Classes are {list(classes)}; give two or more different names, background first."
        )
    return names


def _comparable(
    predicted: npt.NDArray[np.integer | np.bool_],
    truth: npt.NDArray[np.integer | np.bool_],
    valid: Mask | None,
    names: Sequence[str],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Mask]:
    """Both masks as class indices and where they count, or a ScoreError."""
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    inside = np.ones(truth.shape, dtype=bool) if valid is None else np.asarray(valid)
    if truth.ndim != 2 or predicted.shape != truth.shape or inside.shape != truth.shape:
        shapes = f"Predicted mask is {predicted.shape}, truth {truth.shape}, valid {inside.shape}"
        raise ScoreError(f"{shapes}; give (Y, X) arrays of one shape.")
    if inside.dtype != np.bool_:
        raise ScoreError(f"valid is {inside.dtype}; give booleans, False where truth is unknown.")
    for what, mask in (("Predicted mask", predicted), ("Truth", truth)):
        if mask.dtype.kind not in "biu":
            raise ScoreError(f"{what} is {mask.dtype}; give class indices or booleans.")
        wrong = mask[inside] >= len(names)
        if mask.dtype.kind == "i":
            wrong |= mask[inside] < 0
        if wrong.any():
            raise ScoreError(
                f"{what} holds {mask[inside][wrong][0]}; classes are 0 to {len(names) - 1} "
                f"({', '.join(names)}). Make labels a mask first (labels > 0)."
            )
    return predicted.astype(np.int64), truth.astype(np.int64), inside
