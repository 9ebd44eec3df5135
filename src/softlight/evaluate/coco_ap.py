"""COCO's average precision of masks over many images, with the settings of LIVECell.

COCO's own defaults look at 100 cells an image and drop the others in silence, and call a cell small
up to 1024 pixels, which nearly all cells are. LIVECell (Edlund et al. 2021) looks at 2000, and has
324 and 961 pixels as limits.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from softlight.evaluate.matching import Labels
from softlight.evaluate.pixel import ScoreError
from softlight.io.coco import labels_to_coco
from softlight.io.coco_masks import CocoAnnotation, annotation_runs

IOUS = np.arange(10, 20) / 20  # 0.5, 0.55, … 0.95
AREA_LIMITS_PX = (324, 961)  # 18² and 31²
MAX_DETECTIONS = (100, 500, 2000)
_AREAS = ("all", "small", "medium", "large")
_LARGEST_PX = 1e10


@dataclass(frozen=True)
class CellsOfImage:
    """The true and the predicted cells of one image.

    Attributes:
        truth: Labels ``(Y, X)``, or outlines, which may overlap.
        predicted: Labels ``(Y, X)``.
        scores: How sure the prediction is of each label; None where it does not say.
    """

    truth: Labels | Sequence[CocoAnnotation]
    predicted: Labels
    scores: Mapping[int, float] | None = None

    @cached_property
    def true_cells(self) -> list[dict[str, Any]]:
        """The true cells as COCO writes them."""
        if isinstance(self.truth, np.ndarray):
            _check_size(self.truth, self.predicted)
            return labels_to_coco(self.truth, image_id=0)
        height, width = self.predicted.shape
        cells = []
        for outline in self.truth:
            runs = annotation_runs(outline, height, width)
            area, crowd = int(coco_mask.area(runs)), int(outline.iscrowd)
            cells.append({"category_id": 1, "iscrowd": crowd, "area": area, "segmentation": runs})
        return cells

    @cached_property
    def found_cells(self) -> list[dict[str, Any]]:
        """The predicted cells as COCO writes them, each with its score."""
        cells = labels_to_coco(self.predicted, image_id=0)
        if self.scores is None:
            return [{**cell, "score": 1.0} for cell in cells]
        labels = np.unique(self.predicted[self.predicted > 0]).tolist()
        missing = [label for label in labels if label not in self.scores]
        if missing:
            raise ScoreError(
                f"There is no score for label {missing[0]} ({len(missing)} in all); give one for "
                "each predicted cell, or none at all."
            )
        return [
            {**cell, "score": float(self.scores[label])}
            for cell, label in zip(cells, labels, strict=True)
        ]


def coco_average_precision(
    images: Sequence[CellsOfImage],
    *,
    max_detections: tuple[int, ...] = MAX_DETECTIONS,
    area_limits_px: tuple[float, float] = AREA_LIMITS_PX,
) -> dict[str, float]:
    """COCO's figures over all cells of all images, by flat names; 0 to 1, nan without a true cell.

    - ``coco_ap50``, ``coco_ap75``: precision at IoU 0.5 and 0.75 averaged over recall 0, 0.01 … 1,
      the surest cells first, precision made to fall with recall; ``coco_ap``: mean over IoU 0.5,
      0.55 … 0.95
    - ``coco_ap_small``, ``_medium``, ``_large``: ``coco_ap`` of cells up to the lower, between the
      two and from the upper limit of area; of no such true cell, nan
    - ``coco_ar_100`` and so on: recall averaged over IoU, with so many cells an image at most
    - ``coco_recall50`` … ``coco_recall95``: share of the true cells that were found at each IoU
    - ``coco_afnr``: 1 - the mean of those, LIVECell's average false-negative ratio

    The figures of small to large, and of recall, are for the largest of ``max_detections``.

    Without scores there is no order of cells, and COCO's own curve would depend on how they happen
    to be numbered. Then all cells come at once: the precision of all of them up to their recall,
    and 0 beyond.

    Args:
        images: The cells of each image.
        max_detections: Of each image only so many of the surest cells count.
        area_limits_px: Pixels that divide small from medium and medium from large.
    """
    with_scores = {image.scores is not None for image in images}
    if len(with_scores) != 1:
        raise ScoreError(
            "Some of the images have scores of their cells and some have not, or there is no image "
            "at all; give scores for each image or for none."
        )
    judge = _Evaluation(
        _as_coco(images, [image.true_cells for image in images]),
        _as_coco(images, [image.found_cells for image in images]),
        iouType="segm",
    )
    small, large = area_limits_px
    judge.params.useCats = 0
    judge.params.iouThrs = IOUS
    judge.params.maxDets = sorted(max_detections)
    judge.params.areaRng = [
        [0, _LARGEST_PX],
        [0, small],
        [small, large],
        [large, _LARGEST_PX],
    ]
    judge.params.areaRngLbl = list(_AREAS)
    with contextlib.redirect_stdout(io.StringIO()):  # it reports on its progress
        judge.evaluate()
        if with_scores == {True}:
            judge.accumulate()
            precision, recall = judge.eval["precision"], judge.eval["recall"]
        else:
            precision, recall = _all_at_once(judge)
    return _figures(precision, recall, judge.params.maxDets)


def _all_at_once(judge: COCOeval) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Precision and recall as COCO lays them out, of cells between which there is no order."""
    levels, limits = judge.params.recThrs, judge.params.maxDets
    precision = np.full((len(IOUS), len(levels), 1, len(_AREAS), len(limits)), -1.0)
    recall = np.full((len(IOUS), 1, len(_AREAS), len(limits)), -1.0)
    of_areas = np.array(judge.evalImgs, dtype=object).reshape(len(_AREAS), -1)
    for area, results in enumerate(of_areas):
        images = [result for result in results if result is not None]
        true = sum(int((result["gtIgnore"] == 0).sum()) for result in images)
        if true == 0:
            continue
        for at, limit in enumerate(limits):
            right, wrong = np.zeros(len(IOUS)), np.zeros(len(IOUS))
            for result in images:
                counts = ~result["dtIgnore"][:, :limit]
                matched = result["dtMatches"][:, :limit] > 0
                right += (matched & counts).sum(axis=1)
                wrong += (~matched & counts).sum(axis=1)
            recall[:, 0, area, at] = right / true
            share = right / np.maximum(right + wrong, 1)
            reached = levels <= recall[:, 0, area, at][:, None]
            precision[:, :, 0, area, at] = np.where(reached, share[:, None], 0)
    return precision, recall


def _figures(
    precision: npt.NDArray[np.float64], recall: npt.NDArray[np.float64], limits: Sequence[int]
) -> dict[str, float]:
    """The figures of precision (IoU, recall, 1, area, limit) and recall (IoU, 1, area, limit)."""
    at_50, at_75 = (int(np.flatnonzero(iou == IOUS)[0]) for iou in (0.5, 0.75))
    figures = {
        "coco_ap": _mean(precision[..., 0, -1]),
        "coco_ap50": _mean(precision[at_50, ..., 0, -1]),
        "coco_ap75": _mean(precision[at_75, ..., 0, -1]),
    }
    for index, name in enumerate(_AREAS[1:], start=1):
        figures[f"coco_ap_{name}"] = _mean(precision[..., index, -1])
    for index, limit in enumerate(limits):
        figures[f"coco_ar_{limit}"] = _mean(recall[..., 0, index])
    for index, iou in enumerate(IOUS):
        figures[f"coco_recall{round(100 * iou)}"] = _mean(recall[index, ..., 0, -1])
    return figures | {"coco_afnr": 1 - _mean(recall[..., 0, -1])}


def _mean(values: npt.NDArray[np.float64]) -> float:
    """The mean; COCO writes -1 where there is no true cell."""
    return math.nan if (values < 0).any() else float(values.mean())


def _check_size(truth: Labels, predicted: Labels) -> None:
    if truth.ndim != 2 or truth.shape != predicted.shape:
        raise ScoreError(
            f"Predicted labels are {predicted.shape}, truth {truth.shape}; give (Y, X) arrays of "
            "one shape."
        )


def _as_coco(images: Sequence[CellsOfImage], cells: list[list[dict[str, Any]]]) -> COCO:
    coco = COCO()
    numbered = [(image, cell) for image, its in enumerate(cells, start=1) for cell in its]
    coco.dataset = {
        "images": [
            {"id": number, "height": image.predicted.shape[0], "width": image.predicted.shape[1]}
            for number, image in enumerate(images, start=1)
        ],
        "annotations": [  # copies, since it writes into them; it takes the number 0 for none
            {**cell, "image_id": image, "id": number}
            for number, (image, cell) in enumerate(numbered, start=1)
        ],
        "categories": [{"id": 1, "name": "cell"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


class _Evaluation(COCOeval):  # type: ignore[misc]
    """pycocotools' own, but one cell is compared only with those that it could match.

    The original compares each cell with each other one in Python, forty times: minutes where there
    are thousands.
    """

    def evaluateImg(  # noqa: N802
        self,
        imgId: int,  # noqa: N803
        catId: int,  # noqa: N803
        aRng: Sequence[float],  # noqa: N803
        maxDet: int,  # noqa: N803
    ) -> dict[str, Any] | None:
        """The matches of one image for one range of areas, as the original gives them."""
        del catId  # one class
        truth, found = self._gts[imgId, 1], self._dts[imgId, 1]
        if not truth and not found:
            return None
        areas = np.array([cell["area"] for cell in truth])
        crowd = np.array([bool(cell["iscrowd"]) for cell in truth], bool)
        ignored = crowd | (areas < aRng[0]) | (areas > aRng[1])
        order = np.argsort(ignored, kind="stable")
        ranked = np.argsort([-cell["score"] for cell in found], kind="stable")[:maxDet]
        found = [found[index] for index in ranked]
        ious = np.reshape(self.ious[imgId, -1], (len(found), len(truth)))[:, order]
        ignored, crowd = ignored[order], crowd[order]
        matched_truth = np.zeros((len(IOUS), len(truth)))
        matched = np.zeros((len(IOUS), len(found)))
        unjudged = np.zeros((len(IOUS), len(found)), bool)
        for index, cell in enumerate(found):
            near = np.flatnonzero(ious[index] >= IOUS[0])
            for level, least in enumerate(IOUS):
                free = near[(ious[index, near] >= least)]
                free = free[(matched_truth[level, free] == 0) | crowd[free]]
                if not ignored[free].all():
                    free = free[~ignored[free]]
                if len(free) == 0:
                    continue
                # Of equally good ones the last, as in the original.
                best = free[len(free) - 1 - np.argmax(ious[index, free][::-1])]
                matched[level, index] = truth[order[best]]["id"]
                matched_truth[level, best] = cell["id"]
                unjudged[level, index] = ignored[best]
        out = np.array([not aRng[0] <= cell["area"] <= aRng[1] for cell in found], bool)
        return {
            "image_id": imgId,
            "category_id": -1,
            "aRng": aRng,
            "maxDet": maxDet,
            "dtIds": [cell["id"] for cell in found],
            "gtIds": [truth[index]["id"] for index in order],
            "dtMatches": matched,
            "gtMatches": matched_truth,
            "dtScores": [cell["score"] for cell in found],
            "gtIgnore": ignored.astype(int),
            "dtIgnore": unjudged | ((matched == 0) & out),
        }
