"""COCO's figures against pycocotools as it is, a definition written out, and known traps."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tests.cases import random_cells, square_cells

from softlight.evaluate.coco_ap import CellsOfImage, coco_average_precision
from softlight.evaluate.pixel import ScoreError
from softlight.io.coco import labels_to_coco
from softlight.io.coco_masks import CocoAnnotation

CASES = square_cells()
nan = float("nan")


def grid(rows: int, columns: int, *, side: int = 8) -> npt.NDArray[np.int32]:
    """Square cells, touching, numbered by row."""
    numbers = np.arange(1, rows * columns + 1, dtype=np.int32).reshape(rows, columns)
    return np.kron(numbers, np.ones((side, side), np.int32))


def random_images(seed: int, number: int) -> list[CellsOfImage]:
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(number):
        truth = np.kron(random_cells(rng), np.ones((5, 5), np.int32))
        found = np.roll(truth, int(rng.integers(0, 4)), axis=0)
        found[rng.random(found.shape) < 0.02] = 77
        found[found == rng.choice(found.ravel())] = 0
        scores = {int(label): float(rng.integers(1, 9)) / 8 for label in np.unique(found)}
        images.append(CellsOfImage(truth, found, scores))
    return images


def by_pycocotools(images: Sequence[CellsOfImage], limits: Sequence[int]) -> COCOeval:
    """pycocotools as it comes, with LIVECell's settings."""
    sets = []
    for scored in (False, True):
        cells: list[dict[str, object]] = []
        for number, image in enumerate(images, start=1):
            labels = image.predicted if scored else image.truth
            its = labels_to_coco(labels, image_id=number, first_id=len(cells) + 1)
            values = np.unique(labels[labels > 0])
            for cell, label in zip(its, values, strict=True):
                cell["score"] = image.scores[int(label)] if scored and image.scores else 1
            cells += its
        coco = COCO()
        shapes = [image.predicted.shape for image in images]
        coco.dataset = {
            "images": [
                {"id": number, "height": shape[0], "width": shape[1]}
                for number, shape in enumerate(shapes, start=1)
            ],
            "annotations": cells,
            "categories": [{"id": 1, "name": "cell"}],
        }
        sets.append(coco)
    with contextlib.redirect_stdout(io.StringIO()):
        for coco in sets:
            coco.createIndex()
        judge = COCOeval(*sets, iouType="segm")
        judge.params.maxDets = list(limits)
        judge.params.areaRng = [[0, 1e10], [0, 18**2], [18**2, 31**2], [31**2, 1e10]]
        judge.params.areaRngLbl = ["all", "small", "medium", "large"]
        judge.evaluate()
        judge.accumulate()
    return judge


def mean(values: npt.NDArray[np.float64]) -> float:
    return nan if (values == -1).all() else float(values.mean())


@pytest.mark.parametrize("seed", range(8))
def test_figures_equal_pycocotools(seed: int) -> None:
    images = random_images(seed, 4)
    limits = (3, 5, 2000)
    figures = coco_average_precision(images, max_detections=limits)
    judge = by_pycocotools(images, limits)
    precision, recall = judge.eval["precision"], judge.eval["recall"]
    expected = {
        "coco_ap": mean(precision[..., 0, -1]),
        "coco_ap50": mean(precision[0, ..., 0, -1]),
        "coco_ap75": mean(precision[5, ..., 0, -1]),
        "coco_ap_small": mean(precision[..., 1, -1]),
        "coco_ap_medium": mean(precision[..., 2, -1]),
        "coco_ap_large": mean(precision[..., 3, -1]),
        "coco_ar_3": mean(recall[..., 0, 0]),
        "coco_ar_5": mean(recall[..., 0, 1]),
        "coco_ar_2000": mean(recall[..., 0, 2]),
        "coco_recall70": mean(recall[4, ..., 0, 2]),
        "coco_afnr": 1 - mean(recall[..., 0, 2]),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    assert 0 < expected["coco_ap"] < 1


def test_the_curve_by_its_definition() -> None:
    """Four true cells; found are the first (0.9), one too many (0.8) and the second (0.7)."""
    truth = grid(1, 5)
    truth[truth == 5] = 0
    found = np.select([truth == 1, truth == 2], [1, 2], 0)
    found[:, -8:] = 3
    figures = coco_average_precision([CellsOfImage(truth, found, {1: 0.9, 3: 0.8, 2: 0.7})])
    # Precision 1 up to recall 1/4 (26 of 101 levels), 2/3 up to 1/2 (25 more), then 0.
    assert figures["coco_ap"] == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)
    assert figures["coco_recall95"] == 1 / 2
    assert figures["coco_afnr"] == 1 / 2


def test_more_than_a_hundred_cells_are_not_cut_off() -> None:
    """The trap: COCO's default looks at a hundred cells, and LIVECell's images hold thousands."""
    cells = grid(20, 30, side=3)
    scores = dict.fromkeys(range(1, 601), 0.5)
    figures = coco_average_precision([CellsOfImage(cells, cells, scores)])
    assert figures["coco_ap"] == pytest.approx(1)
    assert figures["coco_ar_100"] == pytest.approx(100 / 600)
    assert figures["coco_ar_500"] == pytest.approx(500 / 600)
    assert figures["coco_ar_2000"] == 1
    cut = coco_average_precision([CellsOfImage(cells, cells, scores)], max_detections=(1, 10, 100))
    assert cut["coco_ap"] < 0.18


def test_cells_are_small_medium_or_large_by_livecells_limits() -> None:
    truth = np.zeros((60, 120), np.int32)
    truth[:17, :17] = 1  # 289 px
    truth[:20, 30:50] = 2  # 400 px: medium here, small in COCO
    truth[:40, 70:110] = 3  # 1600 px
    found = np.where(truth == 2, 0, truth)
    figures = coco_average_precision([CellsOfImage(truth, found, {1: 1, 3: 1})])
    assert figures["coco_ap_small"] == pytest.approx(1)
    assert figures["coco_ap_medium"] == 0
    assert figures["coco_ap_large"] == pytest.approx(1)


def test_outlines_may_overlap() -> None:
    """Of two outlines that share pixels each is whole; as labels one has lost them."""
    outlines = [
        CocoAnnotation(1, 1, 1, [[0, 0, 20, 0, 20, 20, 0, 20]]),
        CocoAnnotation(2, 1, 1, [[10, 0, 30, 0, 30, 20, 10, 20]]),
    ]
    found = np.zeros((30, 40), np.int32)
    found[:20, :20] = 1
    figures = coco_average_precision([CellsOfImage(outlines, found, {1: 1.0})])
    assert figures["coco_recall95"] == 1 / 2
    lost = np.where(np.arange(40) < 10, found, 0)
    lost[:20, 10:30] = 2
    assert coco_average_precision([CellsOfImage(lost, found, {1: 1.0})])["coco_recall55"] == 0


def test_a_crowd_is_not_a_cell() -> None:
    square = [[0, 0, 20, 0, 20, 20, 0, 20]]
    cell = CocoAnnotation(1, 1, 1, square)
    crowd = CocoAnnotation(2, 1, 1, {"size": [30, 40], "counts": [600, 600]}, iscrowd=True)
    found = np.zeros((30, 40), np.int32)
    found[:20, :20], found[:9, 25:35] = 1, 2  # the second in the crowd: neither right nor wrong
    figures = coco_average_precision([CellsOfImage([cell, crowd], found, {1: 0.5, 2: 0.9})])
    assert figures["coco_ap"] == pytest.approx(1)


def test_without_scores_the_numbering_does_not_matter() -> None:
    truth = grid(2, 5)
    truth[truth > 8] = 0
    found = grid(2, 5)
    found[found == 1] = 0  # 7 of 8 are found, 2 are not there
    other = np.where(found > 0, 11 - found, 0)
    first = coco_average_precision([CellsOfImage(truth, found)])
    assert coco_average_precision([CellsOfImage(truth, other)]) == first
    # Precision 7/9 up to recall 7/8, which 88 of the 101 levels do not exceed.
    assert first["coco_ap"] == pytest.approx(88 / 101 * 7 / 9)
    assert first["coco_afnr"] == pytest.approx(1 / 8)
    equal = dict.fromkeys(range(1, 11), 0.5)
    assert coco_average_precision([CellsOfImage(truth, found, equal)])["coco_afnr"] == 1 / 8


@pytest.mark.parametrize("scores", [None, {1: 0.5, 2: 0.5}])
def test_nothing_to_find_is_undefined_and_nothing_found_is_zero(
    scores: dict[int, float] | None,
) -> None:
    def figures(case: str) -> dict[str, float]:
        return coco_average_precision([CellsOfImage(*CASES[case], scores)])

    for case in ("nothing", "nothing there"):
        assert all(np.isnan(value) for value in figures(case).values()), case
    nothing_found = figures("nothing found")
    assert nothing_found["coco_ap"] == 0
    assert nothing_found["coco_afnr"] == 1
    assert np.isnan(nothing_found["coco_ap_large"])
    assert figures("halves")["coco_recall50"] == 1
    assert figures("halves")["coco_recall55"] == 0


def test_what_cannot_be_scored_is_told() -> None:
    truth, found = CASES["halves"]
    with pytest.raises(ScoreError, match=r"no score for label 2 \(1 in all\)"):
        coco_average_precision([CellsOfImage(truth, found, {1: 0.5})])
    with pytest.raises(ScoreError, match=r"are \(8, 4\), truth \(8, 8\); give"):
        coco_average_precision([CellsOfImage(truth, found[:, :4])])
    with pytest.raises(ScoreError, match="Some of the images have scores"):
        coco_average_precision([CellsOfImage(truth, found), CellsOfImage(truth, truth, {1: 1})])
    with pytest.raises(ScoreError, match="no image at all"):
        coco_average_precision([])
