"""The report pages: what a training, a scoring or a segmentation run shows on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.config import Recipe, to_toml
from softlight.data.classes import are_values
from softlight.data.degraded import degraded_samples
from softlight.data.samples import DataSet, counted
from softlight.evaluate.calibration import calibration_error, reliability
from softlight.evaluate.classes import class_scores, confusion_table
from softlight.evaluate.table import format_summary, summarize
from softlight.inference.predict import Segmenter
from softlight.io.images import Movie
from softlight.io.labels import open_label_movie
from softlight.recipes.provenance import stamp
from softlight.recipes.score import Scored, score_network, to_table
from softlight.recipes.score_cells import judged_cells
from softlight.recipes.score_classes import confusion_of
from softlight.recipes.segment import SegmentedFile
from softlight.recipes.train import Trained
from softlight.recipes.trust import in_words
from softlight.report.blocks import Block, Facts, Notice, Section, Settings, Table, Text
from softlight.report.class_pictures import picture_of_classes
from softlight.report.html import write_report
from softlight.report.pictures import (
    chart_of_confluence,
    charts_of_training,
    movie_of_cells,
    pick_examples,
    picture_of_cells,
)
from softlight.report.trust_charts import chart_of_reliability

MOST_PICTURES = 9
SHOWN = ("dice", "iou", "pixel_accuracy", "precision", "recall", "boundary_dice")
SHOWN_MEMBRANE = ("rand_error", "rand_error_best", "rand_precision", "rand_recall", "voi")
SHOWN_CELLS = (
    *("ap50", "ap75", "ap", "f1", "pq", "aji", "seg", "count_error", "count_error_abs"),
    *("count_within", "confluence_within"),
)
_LESS_TELLING = [f"ap{number}" for number in (55, 60, 65, 70, 80, 85, 90, 95)]  # in metrics.csv


def training_page(trained: Trained, recipe: Recipe, dataset: DataSet) -> Path:
    """``report.html`` of a training run: curves, held-out images, settings."""
    result = trained.result
    held_out = [s for s in trained.split.validation if s not in trained.split.train]
    judged = held_out or list(trained.split.validation)
    if recipe.degrade is not None:
        judged = [*degraded_samples(judged, recipe.degrade)]
    scored = score_network(Segmenter(result.network, trained.spec), judged[:MOST_PICTURES])
    best = result.history[result.best_epoch - 1]
    notices: list[Block] = [Notice(warning) for warning in result.warnings]
    if not held_out:
        notices.append(Notice("No image was held out: the scores are of images trained on."))
    if recipe.degrade is not None:
        notices.append(Text("The images below were made worse, as those of the training were."))
    if trained.spec.trust is not None:
        notices += [Text(line) for line in in_words(trained.spec.trust)]
    sections = [
        Section("Training", [*notices, *charts_of_training(result.history)]),
        *_score_sections(scored),
        Section(
            "How it was made",
            [Text("\n\n".join(dataset.notes)), _versions(), Settings(to_toml(recipe))],
        ),
    ]
    return write_report(
        trained.folder,
        title=f"Training of {trained.spec.name}",
        subtitle=f"{len(trained.split.train)} images of {dataset.name}; {trained.split.note}",
        summary=[
            ("best Dice", f"{best['val_dice']:.3f}"),
            ("best epoch", result.best_epoch),
            ("training images", len(trained.split.train)),
            ("minutes", f"{result.history[-1]['minutes']:.1f}"),
        ],
        sections=sections,
        footer=_footer(),
    )


def scores_page(
    out: Path,
    scored: Sequence[Scored],
    *,
    title: str,
    about: dict[str, str],
    coco: pd.DataFrame | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """``report.html`` of scored images: summary, worst and best pictures, every image.

    COCO's figures, where given, follow the summary; the notes stand before it.
    """
    table = to_table(scored)
    scores, *others = _score_sections(scored)
    more: list[Block] = [] if coco is None else [_coco_block(coco)]
    before = [Notice(line) for line in notes]
    return write_report(
        out,
        title=title,
        summary=[("images", len(scored)), *_means(table)],
        sections=[
            Section(scores.title, [*before, *scores.blocks, *more]),
            *others,
            Section("How it was made", [Facts(list(about.items()))]),
        ],
        footer=_footer(),
    )


def reproduction_page(
    out: Path,
    *,
    title: str,
    tables: Mapping[str, pd.DataFrame],
    images: pd.DataFrame,
    notes: Sequence[str],
    caveats: Sequence[str] = (),
    sections: Sequence[Section] = (),
) -> Path:
    """``report.html`` of a published system: the paper's figures beside ours, image by image.

    The caveats stand before the tables: why their rows may not be compared. What the system shows
    besides, as pictures, follows them.
    """
    gains = (
        "A gain is a variant's mean less that of the first one; of the loss and the confluence "
        "error, less is better."
    )
    beside = [Table(table, caption=text or gains, digits=4) for text, table in tables.items()]
    keys = ["variant", "dataset"] if images["dataset"].nunique() > 1 else ["variant"]
    by_variant = [
        Section(
            " on ".join(str(part) for part in key),
            [
                Table(
                    _telling(group).drop(columns=keys),
                    caption="Each image by the fold that held it out.",
                )
            ],
        )
        for key, group in images.groupby(keys, sort=False)
    ]
    return write_report(
        out,
        title=title,
        summary=[("images", len(images[["dataset", "image"]].drop_duplicates()))],
        sections=[
            Section(
                "The paper beside ours",
                [*(Notice(caveat) for caveat in caveats), *beside, Text("\n\n".join(notes))],
            ),
            *sections,
            *by_variant,
            Section("How it was made", [_versions()]),
        ],
        footer=_footer(),
    )


def run_page(
    results: Sequence[SegmentedFile], segmenter: Segmenter, out: Path, *, title: str = ""
) -> Path:
    """``report.html`` of segmented files: what was found, pictures, warnings, failures."""
    rows = [row for result in results for row in result.rows]
    fine = [result for result in results if result.error is None]
    blocks: list[Block] = [
        Notice(f"{result.source.name} failed: {result.error}") for result in results if result.error
    ]
    blocks += [Notice(warning) for result in results for warning in result.warnings]
    blocks += [Text(f"{r.source.name}: {note}") for r in results for note in r.notes]
    blocks += _intervals(rows, segmenter)
    if rows:
        blocks.append(chart_of_confluence(_over_time(rows)))
    blocks += _areas(results)
    pictures: list[Block] = [_picture(result, segmenter) for result in fine[:MOST_PICTURES]]
    if len(fine) > MOST_PICTURES:
        pictures.append(Text(f"The first {MOST_PICTURES} of {len(fine)} files are shown."))
    every = [
        Table(pd.DataFrame(rows), caption="Every frame; the same as frames.csv.")
        if rows
        else Text("Nothing could be read.")
    ]
    return write_report(
        out,
        title=title or "Cells found",
        subtitle=f"Model {segmenter.spec.name}",
        summary=[
            ("files", f"{len(fine)} of {len(results)}" if len(fine) < len(results) else len(fine)),
            ("frames", len(rows)),
            # A cell of a movie is counted in each of its frames.
            (
                "cells" if len(rows) == len(fine) else "cells, all frames added up",
                sum(row["cells"] for row in rows),
            ),
            ("mean confluence", f"{np.mean([r['confluence'] for r in rows]):.1%}" if rows else "–"),
        ],
        sections=[
            Section("What was found", blocks),
            Section("Pictures", pictures),
            Section("Every frame", every),
            Section("How it was made", [_versions(), Settings(to_toml(segmenter.spec))]),
        ],
        footer=_footer(),
    )


def _intervals(rows: Sequence[dict[str, Any]], segmenter: Segmenter) -> list[Block]:
    """What the intervals mean where there are any, else why there are none."""
    known = [row for row in rows if np.isfinite(row["confluence_low"])]
    if known:
        return [
            Text(
                "The true number of cells and the covered area of a frame lie in the intervals "
                "(cells_low to cells_high, confluence_low to confluence_high) nine times in ten, "
                "for images like those that were held out in training."
            )
        ]
    if rows and segmenter.spec.trust is not None:
        return [Text("There are no intervals: nothing is known of how wrong the model is here.")]
    return []


def _areas(results: Sequence[SegmentedFile]) -> list[Block]:
    """The mean share of each class in each file, of a model of several classes."""
    rows = [row for result in results for row in result.classes]
    if not rows:
        return []
    table = pd.DataFrame(rows).pivot_table(
        index="file", columns="class", values="share", sort=False
    )
    wide = table.rename_axis(columns=None).reset_index()
    return [Table(wide, caption="Share of each class, mean over frames; classes.csv has areas.")]


class _Frames(Sequence[Any]):
    """The frames of a movie, read one at a time."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie

    def __len__(self) -> int:
        return len(self._movie)

    def __getitem__(self, index: Any) -> Any:
        return self._movie.grey(index)


def _picture(result: SegmentedFile, segmenter: Segmenter) -> Block:
    """One file's cells: a picture, or for a movie its frames under a slider; classes if told."""
    assert result.movie is not None
    assert result.labels_path is not None
    labels = open_label_movie(result.labels_path)
    name, frames = result.source.name, _Frames(result.movie)
    if len(frames) == 1 and result.classes_path is not None:
        classes = open_label_movie(result.classes_path)[0]
        names = segmenter.spec.classes
        return picture_of_classes(name, frames[0], classes, names, caption=result.axes_note)
    if len(frames) == 1:
        return picture_of_cells(name, frames[0], labels[0], caption=result.axes_note)
    notes = [f"frame {row['frame']}: {row['cells']} cells" for row in result.rows]
    return movie_of_cells(name, frames, labels, notes=notes, caption=result.axes_note)


def _score_sections(scored: Sequence[Scored]) -> list[Section]:
    """The summary, examples from worst to best, and every image."""
    table = to_table(scored)
    by = "cell_type" if "cell_type" in table else None
    summary = summarize(table, by=by)
    of_pixels = format_summary(summary, measures=[m for m in SHOWN if m in table])
    blocks: list[Block] = [Table(of_pixels, caption="Mean ± standard deviation over images.")]
    of_cells = [measure for measure in SHOWN_CELLS if measure in table]
    if of_cells:
        caption = "Single cells, the same; ap is the mean over IoU 0.5 to 0.95."
        blocks.append(Table(format_summary(summary, measures=of_cells), caption=caption))
    blocks += [*_of_membranes(summary, table), *class_blocks(scored)]
    blocks += _reliability(scored)
    by_class = are_values(scored[0].classes)
    judged = table["ap50" if of_cells else "miou" if by_class else "dice"].tolist()
    pictures: list[Block] = [
        _picture_of_score(scored[index], kind)
        for index, kind in pick_examples(judged, most=MOST_PICTURES)
    ]
    return [
        Section("Scores", blocks),
        Section("Pictures", pictures),
        Section("Every image", [Table(_telling(table))]),
    ]


def _of_membranes(summary: pd.DataFrame, table: pd.DataFrame) -> list[Block]:
    """How well membranes part the cells, where there are membranes."""
    measures = [measure for measure in SHOWN_MEMBRANE if measure in table]
    if not measures:
        return []
    caption = (
        "Cells between the membranes, as in the ISBI 2012 challenge: rand_error falls to 0 where "
        "all cells are parted as they should be, rand_precision falls with cells merged, "
        "rand_recall with cells split; voi in bits."
    )
    return [Table(format_summary(summary, measures=measures), caption=caption)]


def class_blocks(scored: Sequence[Scored]) -> list[Block]:
    """The scores of each class and where its pixels went, over all images; of cells alone none."""
    classes = scored[0].classes
    if not are_values(classes):
        return []
    counts = confusion_of(scored)
    images = counted(len(scored), "image")
    of_classes = class_scores(counts, classes).rename(columns={"class": "Class"})
    gone = confusion_table(counts, classes).rename(columns={"true": "True class"})
    return [
        Table(of_classes, caption=f"Classes, the pixels of {images} counted together."),
        Table(gone, caption="Pixels by true class (row) and predicted class (column)."),
    ]


def _reliability(scored: Sequence[Scored]) -> list[Block]:
    """How often cells that were said to be right so surely are right."""
    cells = judged_cells(scored)
    if cells is None:
        return []
    table = reliability(*cells)
    return [chart_of_reliability(table, error=calibration_error(*cells))]


def _telling(table: pd.DataFrame) -> pd.DataFrame:
    """The table without the scores that say little beside the others; metrics.csv has them."""
    return table.drop(columns=[name for name in _LESS_TELLING if name in table])


def _picture_of_score(item: Scored, kind: str) -> Block:
    """One image with what is right and wrong in it: cells where they are scored, else pixels."""
    caption = f"{kind}: Dice {item.scores['dice']:.3f}"
    annotated = item.annotated
    if are_values(item.classes):
        return picture_of_classes(
            item.sample.name,
            annotated.image,
            item.predicted,
            item.classes,
            truth=item.truth,
            valid=annotated.valid,
            caption=f"{kind}: mean IoU {item.scores['miou']:.3f}",
        )
    if item.cells is None:
        found, truth = item.predicted, item.truth
    else:
        found, truth = item.cells, annotated.labels
        caption += f", AP at IoU 0.5 {item.scores['ap50']:.3f}"
    return picture_of_cells(
        item.sample.name,
        annotated.image,
        found,
        truth=truth,
        valid=annotated.valid,
        caption=caption,
        single_cells=item.cells is not None,
    )


def _coco_block(coco: pd.DataFrame) -> Table:
    """COCO's main figures."""
    keys = ["group", "images", "coco_ap", "coco_ap50", "coco_ap75", "coco_ap_small"]
    keys += ["coco_ap_medium", "coco_ap_large", "coco_afnr"]
    return Table(
        coco[keys],
        caption="COCO mask AP with LIVECell's settings, over the cells of all images at once; afnr "
        "is the share of true cells that were not found, averaged over IoU 0.5 to 0.95.",
    )


def _means(table: pd.DataFrame) -> list[tuple[str, object]]:
    names = {"dice": "Dice", "ap50": "AP50", "ap": "mean AP"}
    if "ap50" not in table:
        names = {"dice": "Dice", "iou": "IoU", "boundary_dice": "boundary Dice"}
    return [(label, f"{table[key].mean():.3f}") for key, label in names.items() if key in table]


def _over_time(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "image": row["file"], "time_h": row["time_min"] / 60} for row in rows]


def _versions() -> Facts:
    return Facts(list(stamp().items()))


def _footer() -> str:
    return f"Softlight {stamp()['softlight']}"
