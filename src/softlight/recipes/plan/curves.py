"""What each setting costs: images made worse, segmented again and compared with what is true."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.data.degradation import coarse_shape, degrade
from softlight.evaluate.tolerance import Bounded, bounded_mean
from softlight.recipes.divide import Options, label_cells
from softlight.recipes.plan.fields import LEAST_PX, Field, Image, Labels
from softlight.recipes.plan.settings import CLEAN, Setting, Tolerances

ERRORS = ("count", "confluence", "area", "dice")  # of which each image has one; dice: below 1
Progress = Callable[[int, int], None]


def made_worse(image: Image, setting: Setting, *, seed: int) -> Image:
    """The raw image (Y, X[, C]) as this setting would have given it, on its own grid."""
    if setting.changes_nothing:
        return image
    planes = image if image.ndim == 2 else np.moveaxis(image, 2, 0)
    worse: npt.NDArray[Any] = degrade(planes, setting.degradation(), seed=seed)
    return worse if image.ndim == 2 else np.moveaxis(worse, 0, 2)


def labels_at(field: Field, setting: Setting, options: Options, *, seed: int) -> Labels:
    """The cells that the model finds in the field at this setting, on the field's grid."""
    worse = made_worse(field.image, setting, seed=seed)
    return label_cells(worse, field.segmenter, options, field.pixel_size_um)


def errors_between(found: Labels, true: Labels) -> dict[str, float]:
    """How far what is measured in one image is off, as shares; see ``Tolerances``.

    An image without a true cell has no error of count and area if none is found, else all.
    """
    areas = [np.bincount(labels.ravel())[1:] for labels in (found, true)]
    areas = [sizes[sizes > 0] for sizes in areas]
    counts = [len(sizes) for sizes in areas]
    covered, truly = found > 0, true > 0
    both = int(covered.sum()) + int(truly.sum())
    medians = [float(np.median(sizes)) if len(sizes) else 0.0 for sizes in areas]
    return {
        "count": _relative(counts[0], counts[1]),
        "confluence": abs(float(covered.mean()) - float(truly.mean())),
        "area": _relative(medians[0], medians[1]),
        "dice": 1 - 2 * int((covered & truly).sum()) / both if both else 0.0,
    }


def _relative(value: float, true: float) -> float:
    if true == 0:
        return 0.0 if value == 0 else 1.0
    return abs(value - true) / true


class Curves:
    """Errors of every setting that is asked for, image by image.

    Args:
        fields: the images.
        options: how foreground becomes labels.
        tolerances: what is tolerated: what is gentler than a clear failure is not tried.
        repeats: how often noise is drawn.
        seed: of the noise.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        options: Options,
        *,
        tolerances: Tolerances,
        repeats: int,
        seed: int = 0,
    ) -> None:
        self._fields, self._options, self._tolerances = fields, options, tolerances
        self._repeats, self._seed = repeats, seed
        self.answers = [labels_at(field, Setting(), options, seed=0) for field in fields]
        self.references = [
            answer if field.truth is None else field.truth
            for field, answer in zip(fields, self.answers, strict=True)
        ]
        self.rows: list[dict[str, Any]] = []

    def measure(self, settings: Sequence[Setting], progress: Progress | None = None) -> None:
        """Fill ``rows``, the settings nearest to the images as they are first."""
        failed: list[Setting] = []
        for number, setting in enumerate(settings):
            axis = setting.factor == 1 or setting.photons == CLEAN
            hopeless = any(worse.at_least(setting) for worse in failed)
            if self._fits(setting) and (axis or not hopeless):
                rows = self._rows_of(setting)
                self.rows += rows
                if not hopeless and self._fails(rows):
                    failed.append(setting)
            if progress is not None:
                progress(number + 1, len(settings))

    def _fits(self, setting: Setting) -> bool:
        shapes = (coarse_shape(field.image.shape[:2], setting.factor) for field in self._fields)
        return setting.factor == 1 or all(min(shape) >= LEAST_PX for shape in shapes)

    def _rows_of(self, setting: Setting) -> list[dict[str, Any]]:
        repeats = 1 if setting.photons == CLEAN else self._repeats
        rows = []
        for number, field in enumerate(self._fields):
            for repeat in range(repeats):
                if setting.changes_nothing:
                    found = self.answers[number]
                else:
                    seed = self._seed + 1000 * number + repeat
                    found = labels_at(field, setting, self._options, seed=seed)
                true = self.references[number]
                rows.append(
                    {
                        "image": field.name,
                        "group": field.group,
                        "factor": setting.factor,
                        "photons": setting.photons,
                        "repeat": repeat,
                        "cells": len(np.unique(found[found > 0])),
                        "confluence": float((found > 0).mean()),
                        **{f"{k}_error": v for k, v in errors_between(found, true).items()},
                    }
                )
        return rows

    def _fails(self, rows: list[dict[str, Any]]) -> bool:
        """Whether an error is clearly above what is tolerated."""
        found = summary_of(pd.DataFrame(rows)).iloc[0]
        judged = self._tolerances.judged()
        low = {name: float(found[f"{name}_low"]) for name in judged}
        known = {k: v if math.isfinite(v) else float(found[f"{k}_error"]) for k, v in low.items()}
        return any(value > judged[name] for name, value in known.items())


def summary_of(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a setting: the mean of each error and its interval over groups of images."""
    found = []
    for (factor, photons), part in rows.groupby(["factor", "photons"], sort=False):
        row: dict[str, Any] = {"factor": factor, "photons": photons}
        row["images"] = part["image"].nunique()
        row["groups"] = part["group"].nunique()
        for name in ERRORS:
            bounded = bounded_mean(part[f"{name}_error"], part["group"].tolist())
            row |= _named(name, bounded)
        found.append(row)
    return pd.DataFrame(found)


def _named(name: str, bounded: Bounded) -> dict[str, float]:
    most = 1.0 if name in ("confluence", "dice") else math.inf
    low, high = (float(np.clip(end, 0.0, most)) for end in (bounded.low, bounded.high))
    return {f"{name}_error": bounded.mean, f"{name}_low": low, f"{name}_high": high}
