"""Two finished runs on the same images side by side: which is better, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from softlight.config import ConfigError
from softlight.data.samples import listed
from softlight.evaluate.paired import paired_test
from softlight.recipes.crossval import METRICS, class_scores_by_fold

# Those that are compared, where both runs have them; of classes also iou_<class> and dice_<class>.
MEASURES = (
    "dice",
    "iou",
    "mdice",
    "miou",
    "pixel_accuracy",
    "boundary_dice",
    "rand_error",
    "voi",
    "ap50",
    "ap",
    "confluence_error",
    "loss",
)
OF_CLASSES = ("iou_", "dice_", "boundary_dice_")
BY_IMAGE, BY_FOLD = "image", "fold"


@dataclass(frozen=True)
class Comparison:
    """Two runs, measure by measure.

    Attributes:
        table: one row a measure: ``by`` (image or fold), ``measure``, ``n``, the means ``run`` and
            ``baseline``, ``difference`` (run less baseline) with ``low`` and ``high`` (95 %),
            ``p``, ``effect_size`` and ``test``.
        notes: which tests were made and why, and what could not be compared.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def compare_runs(run: Path, baseline: Path) -> Comparison:
    """The scores of one finished run against those of another, of the same images.

    Images are compared one by one. Where both runs are cross-validations with the same folds, the
    scores of classes are also compared fold by fold, the pixels of a fold counted together.

    Args:
        run: the folder of a finished ``crossval`` or ``evaluate``.
        baseline: the one that it is compared with.
    """
    first, second = _read(run), _read(baseline)
    _check_same_images(first, second, run, baseline)
    second = second.loc[first.index]
    notes: list[str] = []
    rows = _rows(first, second, _measures(first, second), by=BY_IMAGE, notes=notes)
    folds = _folds(run, baseline, same=_same_folds(first, second), notes=notes)
    if folds is not None:
        rows += _rows(*folds, list(folds[0].columns), by=BY_FOLD, notes=notes)
    return Comparison(pd.DataFrame(rows), tuple(dict.fromkeys(notes)))


def _read(folder: Path) -> pd.DataFrame:
    """The scores by image."""
    path = folder / METRICS if folder.is_dir() else folder
    if not path.is_file():
        raise ConfigError(
            f"{folder} holds no {METRICS}. Give the folder of a finished softlight crossval or "
            "evaluate."
        )
    table = pd.read_csv(path, converters={"image": str, "group": str})
    if "image" not in table or table["image"].duplicated().any():
        raise ConfigError(f"{path} is not a table with one row an image.")
    return table.set_index("image")


def _check_same_images(a: pd.DataFrame, b: pd.DataFrame, run: Path, baseline: Path) -> None:
    for table, other, of, beside in ((a, b, run, baseline), (b, a, baseline, run)):
        alone = [name for name in table.index if name not in other.index]
        if alone:
            raise ConfigError(
                f"{of} scores images that {beside} does not: {listed(alone, shown=5)}. Compare "
                "runs on the same images."
            )


def _measures(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    both = [name for name in a.columns if name in b.columns]
    plain = [name for name in MEASURES if name in both]
    return plain + [name for name in both if name.startswith(OF_CLASSES) and name not in plain]


def _same_folds(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    return "fold" in a and "fold" in b and bool((a["fold"] == b["fold"]).all())


def _folds(
    run: Path, baseline: Path, *, same: bool, notes: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """The scores of classes by fold, columns as ``iou membrane``; None where there are none."""
    tables = [class_scores_by_fold(folder) for folder in (run, baseline)]
    if tables[0] is None or tables[1] is None:
        return None
    if not same:
        notes.append("The runs have other folds, so folds are not compared, only images.")
        return None
    wide = []
    for table in tables:
        assert table is not None
        parts = table.pivot_table(
            index="fold", columns="class", values=["iou", "dice"], sort=False, dropna=False
        )
        parts.columns = pd.Index([" ".join(map(str, column)) for column in parts.columns.tolist()])
        wide.append(parts)
    common = [name for name in wide[0].columns if name in wide[1].columns]
    return wide[0][common], wide[1][common]


def _rows(
    a: pd.DataFrame, b: pd.DataFrame, measures: Sequence[str], *, by: str, notes: list[str]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for measure in measures:
        first, second = (table[measure].to_numpy(np.float64) for table in (a, b))
        tested = paired_test(first, second)
        notes.append(f"By {by}: {tested.why}.")
        both = np.isfinite(first) & np.isfinite(second)
        means = [float(values[both].mean()) if both.any() else np.nan for values in (first, second)]
        found = asdict(tested)
        rows.append(
            {
                "by": by,
                "measure": measure,
                "n": tested.n,
                "run": means[0],
                "baseline": means[1],
                **{key: found[key] for key in ("difference", "low", "high", "p", "effect_size")},
                "test": tested.method,
            }
        )
    return rows
