"""How well each class is found, over all pixels of many images at once, and from fold to fold.

Pixels of all images are counted together, so an image without a class neither helps nor harms it,
and large images count for more. This is what papers on several classes report for each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.evaluate.pixel import ScoreError, class_names, confusion
from softlight.io.files import replacing

MEAN = "mean"  # the row of the mean over all classes
SCORES = ("iou", "dice", "precision", "recall")
Counts = npt.NDArray[np.int64]


def counted_together(
    pairs: Sequence[tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]], *, classes: int
) -> Counts:
    """Pixels of all images by true class (row) and predicted class (column).

    Args:
        pairs: (predicted, truth) of each image, only pixels that count.
        classes: their number.
    """
    total = np.zeros((classes, classes), np.int64)
    for predicted, truth in pairs:
        total += confusion(predicted, truth, number_of_classes=classes)
    return total


def class_scores(counts: Counts, classes: Sequence[str]) -> pd.DataFrame:
    """One row a class and one for their mean: ``class, iou, dice, precision, recall``, pixels.

    With TP on the diagonal: IoU = TP / (TP + FP + FN), Dice = 2 TP / (2 TP + FP + FN), precision =
    TP / (TP + FP), recall = TP / (TP + FN). A score without pixels is nan, and left out of means.
    """
    names = class_names(classes)
    if counts.shape != (len(names), len(names)):
        raise ScoreError(
            f"The counts are {counts.shape[0]} x {counts.shape[1]} for {len(names)} classes."
        )
    both = np.diag(counts).astype(float)
    true, found = counts.sum(axis=1).astype(float), counts.sum(axis=0).astype(float)
    table = pd.DataFrame(
        {
            "class": names,
            "iou": _over(both, true + found - both),
            "dice": _over(2 * both, true + found),
            "precision": _over(both, found),
            "recall": _over(both, true),
            "pixels_true": true.astype(np.int64),
            "pixels_predicted": found.astype(np.int64),
        }
    )
    means = {name: table[name].mean() for name in SCORES}
    pixels = {name: int(table[name].sum()) for name in ("pixels_true", "pixels_predicted")}
    return pd.concat([pd.DataFrame([{"class": MEAN, **means, **pixels}]), table], ignore_index=True)


def across_folds(by_fold: pd.DataFrame) -> pd.DataFrame:
    """Mean and sample standard deviation over the folds, one row a class, the mean of all first.

    Args:
        by_fold: ``class_scores`` of each fold with a column ``fold``.
    """
    rows = []
    for name, part in by_fold.groupby("class", sort=False):
        row: dict[str, object] = {"class": name, "folds": len(part)}
        for score in SCORES:
            values = part[score].dropna()
            row[score] = values.mean() if len(values) else np.nan
            row[f"{score}_sd"] = values.std(ddof=1) if len(values) > 1 else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def in_percent(table: pd.DataFrame, *, scores: Sequence[str] = ("iou", "dice")) -> pd.DataFrame:
    """The classes to read: one row each, scores in percent as "57.90 ± 1.33", as papers print."""
    shown = pd.DataFrame({"class": table["class"]})
    for score in scores:
        sds = table[f"{score}_sd"] if f"{score}_sd" in table else [np.nan] * len(table)
        shown[f"{score} (%)"] = [
            f"{100 * mean:.2f}" + ("" if np.isnan(sd) else f" ± {100 * sd:.2f}")
            for mean, sd in zip(table[score], sds, strict=True)
        ]
    return shown


def confusion_table(counts: Counts, classes: Sequence[str]) -> pd.DataFrame:
    """Where the pixels of each true class went: a row a true class, a column a predicted one."""
    names = class_names(classes)
    table = pd.DataFrame(counts, columns=names)
    table.insert(0, "true", names)
    return table


def write_confusion(path: Path, counts: Counts, classes: Sequence[str]) -> None:
    """Write the counts as a CSV file that `read_confusion` reads."""
    with replacing(path) as temporary:
        confusion_table(counts, classes).to_csv(temporary, index=False, lineterminator="\n")


def read_confusion(path: Path) -> tuple[Counts, tuple[str, ...]]:
    """(the counts, the classes) of such a file."""
    table = pd.read_csv(path, converters={"true": str})
    names = tuple(table["true"])
    if tuple(table.columns[1:]) != names:
        raise ScoreError(f"{path} is not a table of pixels by true and predicted class.")
    return table[list(names)].to_numpy(np.int64), names


def _over(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = np.divide(
        part, whole, out=np.full(part.shape, np.nan), where=whole > 0
    )
    return shares
