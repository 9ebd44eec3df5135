"""The report of a finished cross-validation: classes over the folds, folds, every image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.config import Recipe, to_toml
from softlight.data.samples import counted
from softlight.evaluate.classes import across_folds, class_scores, confusion_table, in_percent
from softlight.evaluate.table import format_summary, summarize
from softlight.recipes.pages import SHOWN, SHOWN_CELLS, SHOWN_MEMBRANE
from softlight.recipes.provenance import stamp
from softlight.report.blocks import Block, Facts, Section, Settings, Table, Text
from softlight.report.html import write_report


def crossval_page(
    out: Path,
    recipe: Recipe,
    images: pd.DataFrame,
    counts: Sequence[npt.NDArray[np.int64]],
    notes: Sequence[str],
) -> Path:
    """``report.html`` of a cross-validation.

    Args:
        out: the folder.
        recipe: what each fold trained.
        images: a row an image, with the column ``fold``.
        counts: pixels by true and predicted class, for each fold; may be empty.
        notes: what trained, validated and was tested in each fold.
    """
    folds = int(images["fold"].nunique())
    by = "cell_type" if "cell_type" in images else None
    summary = summarize(images.drop(columns="fold"), by=by)
    known = set(summary["measure"])
    shown = [m for m in (*SHOWN, *SHOWN_MEMBRANE, *SHOWN_CELLS) if m in known]
    by_image = Table(
        format_summary(summary, measures=shown),
        caption="Mean ± standard deviation over images, each by the fold that held it out.",
    )
    sections = [
        Section("Scores", [*_of_classes(recipe, counts), by_image]),
        Section("Every image", [Table(images)]),
        Section(
            "How it was made",
            [Text("\n\n".join(notes)), Facts(list(stamp().items())), Settings(to_toml(recipe))],
        ),
    ]
    return write_report(
        out,
        title=f"Cross-validation of {recipe.name}",
        summary=[("images", len(images)), ("folds", folds)],
        sections=sections,
        footer=f"Softlight {stamp()['softlight']}",
    )


def _of_classes(recipe: Recipe, counts: Sequence[npt.NDArray[np.int64]]) -> list[Block]:
    if not counts:
        return []
    by_fold = pd.concat(
        [class_scores(each, recipe.classes).assign(fold=n) for n, each in enumerate(counts, 1)]
    )
    wide = by_fold.pivot_table(index="fold", columns="class", values="iou", sort=False)
    total = confusion_table(np.sum(counts, axis=0), recipe.classes)
    return [
        Table(
            in_percent(across_folds(by_fold)),
            caption="Classes, the pixels of a fold counted together: mean ± standard deviation "
            f"over {counted(len(counts), 'fold')}.",
        ),
        Table(wide.rename_axis(columns=None).reset_index(), caption="IoU by fold."),
        Table(
            total.rename(columns={"true": "True class"}),
            caption="Pixels of all folds by true class (row) and predicted class (column).",
        ),
    ]
