"""Evaluate a model, or finished label images, on an annotated folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from softlight.config import ConfigError
from softlight.data.classes import are_values, ignoring
from softlight.data.degradation import Degradation
from softlight.data.degraded import degraded_samples
from softlight.data.sets import open_dataset
from softlight.evaluate.classes import class_scores, write_confusion
from softlight.evaluate.table import summarize, write_metrics
from softlight.inference.predict import Segmenter
from softlight.io.files import replacing
from softlight.recipes.apart import keep_apart, keep_beside
from softlight.recipes.divide import Options
from softlight.recipes.pages import scores_page
from softlight.recipes.provenance import stamp
from softlight.recipes.score import (
    Instances,
    Scored,
    score_network,
    score_predictions,
    to_table,
)
from softlight.recipes.score_cells import coco_table, doubts
from softlight.recipes.score_classes import confusion_of


@dataclass(frozen=True)
class Evaluation:
    """Scores of every image, their summary, and the page that shows them.

    Attributes:
        images: a row an image.
        summary: a row a score, for each cell type and for all images.
        report: the page.
        coco: COCO's figures of single cells, a row a cell type and one for all; None without cells.
        classes: a row a class and one for their mean, all pixels counted together; None of cells.
    """

    images: pd.DataFrame
    summary: pd.DataFrame
    report: Path
    coco: pd.DataFrame | None = None
    classes: pd.DataFrame | None = None


def evaluate(
    data: Path,
    out: Path,
    *,
    model: str | Path | None = None,
    predicted: Path | None = None,
    annotation: str = "auto",
    classes: Sequence[str] | None = None,
    ignore_value: int | None = None,
    boundary_tolerance_px: float = 2.0,
    instances: Instances = "auto",
    degrade: Degradation | None = None,
    sizing: Options | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Score each image of a folder: ``metrics.json``, ``metrics.csv`` and a report in ``out``.

    Of several classes also ``classes.csv`` (a row a class) and ``confusion.csv``, all images
    together.

    Args:
        data: the annotated images.
        out: where the scores and the report go.
        model: a shipped model's name or a folder, to be run; or else
        predicted: a folder of label images, named like the annotated ones.
        annotation: of a Challenge folder: auto, gold, silver or complete.
        classes: with ``predicted``: the names of the values 0, 1 and on; background and cell
            where None. A model knows its own.
        ignore_value: labels of this value are left out of all scores; of a model, those that its
            training left out are too.
        boundary_tolerance_px: how far a boundary may be off.
        instances: whether single cells are scored too: auto (where the truth tells them apart),
            yes or no.
        degrade: the images are made worse before the model sees them; truths stay as they are.
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
    if predicted is not None and degrade is not None:
        raise ConfigError(
            "Finished predictions cannot be made worse; give a model to be scored on images that "
            "are, or leave out what they have lost."
        )
    keep_beside([data], out)
    if predicted is not None:
        keep_apart([], out, whole=[predicted])
    dataset = open_dataset(data, annotation=annotation, progress=progress)
    for line in dataset.notes:
        note(line)
    samples = tuple(ignoring(sample, ignore_value) for sample in dataset.samples)
    if degrade is not None:
        samples = degraded_samples(samples, degrade)
        note(f"Images are made worse: {degrade}.")
    if model is not None:
        segmenter = Segmenter.from_saved(model, device=device)
        scored = score_network(
            segmenter,
            samples,
            boundary_tolerance_px=boundary_tolerance_px,
            instances=instances,
            options=sizing or Options(),
            progress=progress,
            note=note,
        )
        of = f"model {segmenter.spec.name}"
        if degrade is not None:
            of += f", images made worse ({degrade}),"
    else:
        assert predicted is not None
        scored = score_predictions(
            predicted,
            samples,
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
    of_classes = _write_classes(scored, out) if are_values(scored[0].classes) else None
    return Evaluation(images, summarize(images, by=by), report, coco, of_classes)


def _write_classes(scored: Sequence[Scored], out: Path) -> pd.DataFrame:
    """The scores of each class, also in ``classes.csv``; the counts in ``confusion.csv``."""
    counts, classes = confusion_of(scored), scored[0].classes
    write_confusion(out / "confusion.csv", counts, classes)
    table = class_scores(counts, classes)
    with replacing(out / "classes.csv") as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    return table
