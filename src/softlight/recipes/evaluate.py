"""Evaluate a model, or finished label images, on an annotated folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from softlight.config import ConfigError
from softlight.data.sets import open_dataset
from softlight.evaluate.table import summarize, write_metrics
from softlight.inference.predict import Segmenter
from softlight.recipes.divide import Options
from softlight.recipes.pages import scores_page
from softlight.recipes.provenance import stamp
from softlight.recipes.score import Instances, score_network, score_predictions, to_table
from softlight.recipes.score_cells import coco_table, doubts


@dataclass(frozen=True)
class Evaluation:
    """Scores of every image, their summary, and the page that shows them.

    Attributes:
        images: a row an image.
        summary: a row a score, for each cell type and for all images.
        report: the page.
        coco: COCO's figures of single cells, a row a cell type and one for all; None without cells.
    """

    images: pd.DataFrame
    summary: pd.DataFrame
    report: Path
    coco: pd.DataFrame | None = None


def evaluate(
    data: Path,
    out: Path,
    *,
    model: str | Path | None = None,
    predicted: Path | None = None,
    annotation: str = "auto",
    classes: Sequence[str] | None = None,
    boundary_tolerance_px: float = 2.0,
    instances: Instances = "auto",
    sizing: Options | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Score each image of a folder: ``metrics.json``, ``metrics.csv`` and a report in ``out``.

    Args:
        data: the annotated images.
        out: where the scores and the report go.
        model: a shipped model's name or a folder, to be run; or else
        predicted: a folder of label images, named like the annotated ones.
        annotation: of a Challenge folder: auto, gold, silver or complete.
        classes: with ``predicted``: the names of the values 0, 1 and on; background and cell
            where None. A model knows its own.
        boundary_tolerance_px: how far a boundary may be off.
        instances: whether single cells are scored too: auto (where the truth tells them apart),
            yes or no.
        sizing: ``cell_diameter_px`` and ``rescale``, how cells are brought to the size that the
            model knows; as ``softlight segment`` does if not given.
        device: where the model runs.
        progress: told (done, total).
        note: told what was found.
    """
    if (model is None) == (predicted is None):
        raise ConfigError("Give a model to run, or a folder of predictions to score: one of them.")
    if model is not None and classes is not None:
        raise ConfigError("classes are for predictions; a model knows its own. Leave them out.")
    dataset = open_dataset(data, annotation=annotation, progress=progress)
    for line in dataset.notes:
        note(line)
    if model is not None:
        segmenter = Segmenter.from_saved(model, device=device)
        scored = score_network(
            segmenter,
            dataset.samples,
            boundary_tolerance_px=boundary_tolerance_px,
            instances=instances,
            options=sizing or Options(),
            progress=progress,
            note=note,
        )
        of = f"model {segmenter.spec.name}"
    else:
        assert predicted is not None
        scored = score_predictions(
            predicted,
            dataset.samples,
            classes=classes or ("background", "cell"),
            boundary_tolerance_px=boundary_tolerance_px,
            instances=instances,
            progress=progress,
            note=note,
        )
        of = f"predictions in {predicted.name}"
    images = to_table(scored)
    by = "cell_type" if "cell_type" in images else None
    about = {**stamp(), "data": dataset.name, "of": of}
    coco, notes = coco_table(scored), doubts(scored)
    for line in notes:
        note(line)
    write_metrics(out, images, by=by, about={**about, "notes": notes}, pooled=coco)
    title = f"{of} on {dataset.name}"
    report = scores_page(out, scored, title=title, about=about, coco=coco, notes=notes)
    return Evaluation(images, summarize(images, by=by), report, coco)
