"""What is said of single cells over many images, beside the scores of each image."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from softlight.data.unlabelled import unlabelled_cells
from softlight.evaluate.calibration import Judged, judge_cells, together
from softlight.evaluate.coco_ap import CellsOfImage, coco_average_precision
from softlight.evaluate.instance import score_instances
from softlight.evaluate.matching import known_cells
from softlight.evaluate.pixel import score_pixels
from softlight.evaluate.table import ALL
from softlight.recipes.score import Scored


def coco_table(scored: Sequence[Scored]) -> pd.DataFrame | None:
    """COCO's figures over the cells of all images, a row for each cell type and for all.

    None where no cells were scored. Outlines are used where the annotation has them, so that cells
    may overlap as they do there.
    """
    with_cells = [item for item in scored if item.cells is not None]
    if not with_cells:
        return None
    groups: dict[str, list[CellsOfImage]] = {}
    every = [_cells_of(item) for item in with_cells]
    for item, cells in zip(with_cells, every, strict=True):
        if "cell_type" in item.sample.tags:
            groups.setdefault(item.sample.tags["cell_type"], []).append(cells)
    rows = [
        {"group": name, "images": len(images)} | coco_average_precision(images)
        for name, images in [*sorted(groups.items()), (ALL, every)]
    ]
    return pd.DataFrame(rows)


def _cells_of(item: Scored) -> CellsOfImage:
    annotated, cells = item.annotated, item.cells
    assert cells is not None
    scores = None if item.sureness is None else dict(enumerate(item.sureness.tolist(), start=1))
    if annotated.valid is not None:
        truth = known_cells(annotated.labels, annotated.valid)
        return CellsOfImage(truth, known_cells(cells, annotated.valid), scores)
    if annotated.outlines is not None:
        return CellsOfImage(annotated.outlines, cells, scores)
    return CellsOfImage(annotated.labels, cells, scores)


def judged_cells(scored: Sequence[Scored]) -> Judged | None:
    """All predicted cells with how surely they were said to be right, and whether they are.

    None where nothing says how sure it is.
    """
    images = [
        judge_cells(item.annotated.labels, item.cells, item.sureness, valid=item.annotated.valid)
        for item in scored
        if item.cells is not None and item.sureness is not None
    ]
    found = together(images)
    return found if len(found.scores) else None


def doubts(scored: Sequence[Scored]) -> list[str]:
    """For each image in which many cells seem not to be annotated: the scores without that part.

    Cells found there count as false in the scores, though they may be right.
    """
    found = []
    for item in scored:
        if item.cells is None:
            continue
        annotated = item.annotated
        unlabelled = unlabelled_cells(annotated.image, annotated.labels)
        if unlabelled is None:
            continue
        valid = ~unlabelled if annotated.valid is None else annotated.valid & ~unlabelled
        known = score_instances(annotated.labels, item.cells, valid=valid)
        dice = score_pixels(item.predicted > 0, item.truth > 0, valid=valid)["dice"]
        found.append(
            f"{item.sample.name}: {unlabelled.mean():.0%} of the image looks like cells that were "
            f"not annotated. Its AP at IoU 0.5 is {item.scores['ap50']:.3f} as it stands and "
            f"{known['ap50']:.3f} without these regions, its mean AP {item.scores['ap']:.3f} and "
            f"{known['ap']:.3f}, its Dice {item.scores['dice']:.3f} and {dice:.3f}."
        )
    return found
