"""From raw scores of cells to the probability that each is right, and how well that holds.

Beta calibration (Kull et al. 2017, doi 10.1214/17-EJS1338SI): three numbers, a curve that only
rises, and a straight line, which changes nothing, among its shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from softlight.evaluate.matching import Labels, match, overlap_of
from softlight.evaluate.pixel import Mask, ScoreError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
BINS = 10
_FAR = 1e-4  # a score is never nearer to 0 or 1, so that its logarithms stay finite
_RIDGE = 1e-2
_STEPS = 60


class Judged(NamedTuple):
    """The raw scores of an image's cells and whether each is a true one; unknown ones are left out.

    Attributes:
        scores: 0 to 1.
        right: whether a true cell matches at IoU 0.5.
    """

    scores: Floats
    right: Flags


class Beta(NamedTuple):
    """logit of the probability = ``a`` ln(score) - ``b`` ln(1 - score) + ``c``."""

    a: float
    b: float
    c: float

    def probability(self, scores: npt.ArrayLike) -> Floats:
        """That each cell is right; nan of a nan."""
        left, right = _logs(np.asarray(scores, np.float64))
        return np.asarray(expit(self.a * left + self.b * right + self.c), np.float64)


def judge_cells(
    truth: Labels, predicted: Labels, scores: npt.ArrayLike, *, valid: Mask | None = None
) -> Judged:
    """Which predicted cells are right, in the order of their labels, with their scores.

    Args:
        truth: (Y, X), 0 is background.
        predicted: (Y, X), labels 1 to n.
        scores: of the labels 1 to n.
        valid: False where the truth says nothing; cells mostly there are left out.
    """
    overlap = overlap_of(truth, predicted, valid=valid)
    values = np.asarray(scores, np.float64)
    if len(overlap.predicted) and int(overlap.predicted.max()) > len(values):
        raise ScoreError(
            f"There are {len(values)} scores but a label {int(overlap.predicted.max())}; give one "
            "for each of the labels 1 to n."
        )
    right = np.zeros(len(overlap.predicted), np.bool_)
    right[overlap.predicted_index[match(overlap, 0.5)]] = True
    return Judged(values[overlap.predicted - 1], right)


def fit_beta(scores: npt.ArrayLike, right: npt.ArrayLike) -> Beta:
    """The likeliest curve by these cells, held a little to a plain one where there are few.

    As Platt (1999) did, truths count as nearly 0 and nearly 1, by how many there are: where all
    cells are right, the next one need not be.
    """
    values, truth = np.asarray(scores, np.float64), np.asarray(right, np.bool_)
    if values.shape != truth.shape or values.ndim != 1 or len(values) == 0:
        raise ScoreError(
            f"There are {values.size} scores and {truth.size} truths; give one of each for every "
            "cell, and at least one cell."
        )
    number = truth.sum()
    high, low = (number + 1) / (number + 2), 1 / (len(truth) - number + 2)
    wanted = np.where(truth, high, low)
    features = np.stack([*_logs(values), np.ones(len(values))], axis=1)
    for used in ((0, 1, 2), (0, 2), (1, 2), (2,)):
        found = np.zeros(3)
        found[list(used)] = _logistic(features[:, list(used)], wanted)
        if (found[:2] >= 0).all():
            return Beta(*(float(value) for value in found))
    raise AssertionError("a constant alone never falls")  # pragma: no cover


def calibration_error(probability: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """The expected calibration error: mean distance of said from true shares; nan without cells.

    The cells are taken in ten groups as large as each other by rising probability.
    """
    table = reliability(probability, right)
    if table.empty:
        return float("nan")
    off = (table["said"] - table["right"]).abs()
    return float((off * table["cells"]).sum() / table["cells"].sum())


def reliability(probability: npt.ArrayLike, right: npt.ArrayLike) -> pd.DataFrame:
    """For each of ten groups of cells by rising probability: what was said, and what is so.

    Columns ``said`` (mean probability), ``right`` (share of right cells), ``cells``.
    """
    said, truth = np.asarray(probability, np.float64), np.asarray(right, np.bool_)
    order = np.argsort(said, kind="stable")
    groups = [part for part in np.array_split(order, BINS) if len(part)]
    return pd.DataFrame(
        {
            "said": [float(said[part].mean()) for part in groups],
            "right": [float(truth[part].mean()) for part in groups],
            "cells": [len(part) for part in groups],
        }
    )


def by_the_others(images: Sequence[Judged]) -> Judged:
    """Every cell with the probability that the cells of the other images give it.

    Of a single image, each fifth of its cells by the rest.
    """
    known = [image for image in images if len(image.scores)]
    if len(known) == 1:
        known = [Judged(known[0].scores[start::5], known[0].right[start::5]) for start in range(5)]
        known = [part for part in known if len(part.scores)]
    if len(known) < 2:
        return Judged(np.zeros(0), np.zeros(0, np.bool_))
    said = []
    for index, image in enumerate(known):
        rest = [other for number, other in enumerate(known) if number != index]
        curve = fit_beta(*together(rest))
        said.append(curve.probability(image.scores))
    return Judged(np.concatenate(said), together(known).right)


def together(images: Sequence[Judged]) -> Judged:
    """The cells of all images."""
    return Judged(
        np.concatenate([image.scores for image in images] or [np.zeros(0)]),
        np.concatenate([image.right for image in images] or [np.zeros(0, np.bool_)]),
    )


def _logs(scores: Floats) -> tuple[Floats, Floats]:
    inside = np.clip(scores, _FAR, 1 - _FAR)
    return np.log(inside), -np.log1p(-inside)


def _logistic(features: Floats, wanted: Floats) -> Floats:
    """The weights of a logistic regression by Newton's method, with a small ridge."""
    weights = np.zeros(features.shape[1])
    ridge = _RIDGE * np.eye(features.shape[1])
    for _ in range(_STEPS):
        said = expit(features @ weights)
        slope = features.T @ (wanted - said) - ridge @ weights
        curvature = (features * (said * (1 - said))[:, None]).T @ features + ridge
        step = np.linalg.solve(curvature, slope)
        weights = weights + step * min(1.0, 4.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return weights
