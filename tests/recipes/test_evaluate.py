import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import bright_segmenter, discs, write_discs

from softlight.config import ConfigError
from softlight.data.samples import Annotated, DataError, Sample
from softlight.inference.predict import Segmenter
from softlight.io.coco_masks import CocoAnnotation, rasterize
from softlight.io.labels import read_labels, write_labels
from softlight.recipes.divide import Options, label_cells
from softlight.recipes.evaluate import evaluate
from softlight.recipes.score import Scored, cross_entropy, score_network, to_table
from softlight.recipes.score_cells import coco_table, doubts

NAMES = ("a", "b", "c")
CELLS = {"count": 9, "side": 96}  # discs enough, so that they are not taken for classes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("data"), NAMES)


@pytest.fixture
def _bright(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every saved model is the one whose answer is known."""
    monkeypatch.setattr(
        Segmenter, "from_saved", staticmethod(lambda name, device: bright_segmenter())
    )
    return


def predictions(data: Path, folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """The truth itself, each cell with another number."""
    for name in names:
        labels = read_labels(data / "labels" / f"{name}.tif")
        write_labels(folder / f"{name}.tif", np.where(labels > 0, labels + 10, 0))
    return folder


@pytest.mark.usefixtures("_bright")
def test_a_model_is_scored_image_by_image(data: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    done = evaluate(data, tmp_path, model="bright", progress=lambda *now: told.append(now))
    assert done.images["image"].tolist() == list(NAMES)
    assert (done.images["dice"] > 0.97).all()  # the discs are bright, the noise is weak
    assert told[-1] == (3, 3)
    assert done.report.is_file()
    about = json.loads((tmp_path / "metrics.json").read_text())["about"]
    assert about["of"] == "model bright"
    every = done.summary[done.summary["group"] == "all"].set_index("measure")
    assert every.loc["dice", "mean"] == pytest.approx(done.images["dice"].mean())


def test_predictions_are_scored(data: Path, tmp_path: Path) -> None:
    predicted = predictions(data, tmp_path / "predicted")
    done = evaluate(data, tmp_path / "out", predicted=predicted)
    assert (done.images["dice"] == 1).all()
    assert (done.images["boundary_dice"] == 1).all()
    text = (tmp_path / "out" / "metrics.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["about"]["of"] == "predictions in predicted"
    assert pd.read_csv(tmp_path / "out" / "metrics.csv")["dice"].tolist() == [1, 1, 1]


def test_the_tolerance_counts(data: Path, tmp_path: Path) -> None:
    for name in NAMES:
        labels = read_labels(data / "labels" / f"{name}.tif")
        write_labels(tmp_path / "p" / f"{name}.tif", np.roll(labels, 3, 0))

    def boundary(px: float) -> float:
        done = evaluate(data, tmp_path / "o", predicted=tmp_path / "p", boundary_tolerance_px=px)
        return float(done.images["boundary_dice"].mean())

    assert boundary(0) < boundary(3)


def test_missing_predictions_are_told_at_once(data: Path, tmp_path: Path) -> None:
    predicted = predictions(data, tmp_path / "predicted", ("b",))
    with pytest.raises(DataError, match=r"no prediction for 2 of 3 images: a, c\. Each needs"):
        evaluate(data, tmp_path / "out", predicted=predicted)
    with pytest.raises(DataError, match="absent is not a folder"):
        evaluate(data, tmp_path / "out", predicted=tmp_path / "absent")


def test_a_prediction_of_another_size_is_named(data: Path, tmp_path: Path) -> None:
    predicted = predictions(data, tmp_path / "predicted")
    write_labels(predicted / "b.tif", np.ones((48, 40), np.uint8))
    with pytest.raises(DataError, match=r"prediction for b is 48 x 40, its truth 48 x 48"):
        evaluate(data, tmp_path / "out", predicted=predicted)


def test_classes_name_the_values_of_predictions(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", NAMES, classes=3)
    classes = ("background", "dead", "alive")
    done = evaluate(data, tmp_path / "out", predicted=data / "labels", classes=classes)
    assert (done.images["dice_dead"] == 1).all()
    assert (done.images["iou_alive"] == 1).all()
    write_labels(tmp_path / "p" / "a.tif", np.full((48, 48), 7))
    for name in "bc":
        write_labels(tmp_path / "p" / f"{name}.tif", np.zeros((48, 48)))
    with pytest.raises(DataError, match=r"a\.tif holds the label 7"):
        evaluate(data, tmp_path / "out", predicted=tmp_path / "p", classes=classes)


@pytest.mark.usefixtures("_bright")
def test_one_of_model_and_predictions(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of them"):
        evaluate(data, tmp_path)
    with pytest.raises(ConfigError, match="one of them"):
        evaluate(data, tmp_path, model="bright", predicted=data / "labels")
    with pytest.raises(ConfigError, match="a model knows its own"):
        evaluate(data, tmp_path, model="bright", classes=("background", "cell"))


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("cells"), NAMES, **CELLS)


def scored_cells(data: Path, folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    for name in NAMES:
        write_labels(folder / f"{name}.tif", change(read_labels(data / "labels" / f"{name}.tif")))
    return folder


def test_single_cells_are_scored_where_the_truth_has_them(cells: Path, tmp_path: Path) -> None:
    predicted = predictions(cells, tmp_path / "p")
    done = evaluate(cells, tmp_path / "out", predicted=predicted)
    for measure in ("ap", "f1", "pq", "aji", "seg", "dice"):
        assert (done.images[measure] == 1).all(), measure
    assert done.images["cells"].tolist() == done.images["cells_true"].tolist()
    assert done.images["cells"].dtype.kind == "i"
    assert done.coco is not None
    assert done.coco.set_index("group").loc["all", "coco_ap"] == pytest.approx(1)
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert content["pooled"][-1]["coco_afnr"] == 0
    page = done.report.read_text(encoding="utf-8")
    assert "Cells right and wrong" in page
    assert "COCO mask AP" in page


def test_a_lost_cell_lowers_the_score(cells: Path, tmp_path: Path) -> None:
    first = scored_cells(cells, tmp_path / "p", lambda labels: np.where(labels == 1, 0, labels))
    done = evaluate(cells, tmp_path / "out", predicted=first)
    number = done.images["cells_true"]
    assert done.images["ap50"].tolist() == pytest.approx(((number - 1) / number).tolist())
    assert done.images["missed_share"].tolist() == pytest.approx((1 / number).tolist())


@pytest.mark.usefixtures("_bright")
def test_a_model_is_scored_on_the_cells_that_segment_would_write(
    cells: Path, tmp_path: Path
) -> None:
    done = evaluate(cells, tmp_path / "out", model="bright")
    segmenter = bright_segmenter()
    for name, number in zip(done.images["image"], done.images["cells"], strict=True):
        image = tifffile.imread(cells / "images" / f"{name}.tif")
        assert number == label_cells(image, segmenter, Options()).max()
    without = evaluate(cells, tmp_path / "out", model="bright", instances="no")
    assert "ap50" not in without.images
    assert without.coco is None
    assert without.images["dice"].tolist() == done.images["dice"].tolist()


def test_masks_are_not_scored_as_cells(cells: Path, tmp_path: Path) -> None:
    told: list[str] = []
    masks = scored_cells(cells, tmp_path / "p", lambda labels: 255 * (labels > 0))
    done = evaluate(cells, tmp_path / "out", predicted=masks, note=told.append)
    assert "ap50" not in done.images
    assert any("not scored: the predictions are masks" in line for line in told)
    shutil.copytree(cells / "images", tmp_path / "binary" / "images")
    masks.rename(tmp_path / "binary" / "labels")
    data, told[:] = tmp_path / "binary", []
    done = evaluate(data, tmp_path / "out", predicted=cells / "labels", note=told.append)
    assert "ap50" not in done.images
    assert any("the truth looks like masks or classes (--instances yes" in line for line in told)
    asked = evaluate(data, tmp_path / "out", predicted=cells / "labels", instances="yes")
    assert (asked.images["ap50"] < 1).all()


def test_cells_cannot_be_scored_where_there_are_none(cells: Path, tmp_path: Path) -> None:
    classes = write_discs(tmp_path / "classes", NAMES, classes=3)
    three = ("background", "dead", "alive")
    out = tmp_path / "out"
    labels = classes / "labels"
    with pytest.raises(
        DataError, match="cannot be scored with the classes background, dead, alive: labels"
    ):
        evaluate(classes, out, predicted=labels, classes=three, instances="yes")
    binary = Sample("b", "b", sample().reader, {"annotation": "STbin"})
    with pytest.raises(DataError, match="cannot be scored: the truth is binary masks, in which"):
        score_network(bright_segmenter(), [binary], instances="yes")
    with pytest.raises(ConfigError, match="instances is 'maybe'; it must be auto, yes or no"):
        evaluate(cells, out, predicted=cells / "labels", instances="maybe")  # type: ignore[arg-type]


def test_frames_whose_cells_lost_their_numbers_have_no_score_of_cells() -> None:
    frames = [
        Sample(name, "m", sample().reader, {"annotation": name}) for name in ("gold", "STbin")
    ]
    gold, binary = score_network(bright_segmenter(), frames)
    assert "ap50" in gold.scores
    assert binary.cells is None
    assert np.isnan(to_table([gold, binary])["ap50"][1])


def test_cells_that_were_not_annotated_are_spoken_of() -> None:
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:20, :20] - 9.5
    disc = yy**2 + xx**2 <= 81
    one = np.where(disc, rng.normal(0, 20, (20, 20)), 0)
    image = 128 + np.tile(one, (10, 12)) + rng.normal(0, 1, (200, 240))
    labels = np.kron(np.arange(120).reshape(10, 12) + 1, disc).astype(np.int32)
    labels[:, 120:] = 0  # there are cells, but nobody drew them
    image[:, 80:120], labels[:, 80:120] = 128 + rng.normal(0, 1, (200, 40)), 0
    found = np.kron(np.arange(120).reshape(10, 12) + 1, disc).astype(np.int32)
    found[:, 80:120] = 0
    annotated = Annotated(image.clip(0, 255).astype(np.uint8), labels)
    scores = {"ap50": 40 / 100, "ap": 0.4, "dice": 0.57}
    item = Scored(Sample("part", "p", lambda: annotated), annotated, labels, found, scores, found)
    (line,) = doubts([item])
    assert "of the image looks like cells that were not annotated" in line
    assert "0.400 as it stands and 1.000 without these regions" in line
    assert line.endswith("its Dice 0.570 and 0.999.")
    assert doubts([replace(item, cells=None)]) == []


def one_of_two(**fields: object) -> Scored:
    """Two true cells that overlap as outlines; found is the first, whole, and one elsewhere."""
    outlines = (
        CocoAnnotation(1, 1, 1, [[0, 0, 20, 0, 20, 20, 0, 20]]),
        CocoAnnotation(2, 1, 1, [[10, 0, 30, 0, 30, 20, 10, 20]]),
    )
    labels, _ = rasterize(outlines, 40, 40)
    found = np.zeros((40, 40), np.int32)
    found[:20, :20], found[30:, 30:] = 1, 2
    annotated = Annotated(labels.astype(float), labels, outlines=outlines)
    kept = replace(annotated, **fields)
    whole = Sample("a", "a", lambda: kept, {"cell_type": "X"})
    return Scored(whole, kept, labels, found, {}, found)


def test_cocos_figures_take_outlines_and_leave_out_what_is_not_known() -> None:
    def figures(**fields: object) -> pd.Series:
        table = coco_table([one_of_two(**fields)])
        assert table is not None
        assert table["group"].tolist() == ["X", "all"]
        return table.iloc[-1]

    known = np.ones((40, 40), bool)
    known[25:] = False
    assert figures()["coco_recall95"] == 1 / 2
    assert figures(outlines=None)["coco_recall95"] == 0  # as labels the first lost pixels
    precision = (
        figures(outlines=None)["coco_ap50"],
        figures(outlines=None, valid=known)["coco_ap50"],
    )
    assert precision == pytest.approx((51 / 101 / 2, 51 / 101))  # up to recall 1/2
    assert coco_table([replace(one_of_two(), cells=None)]) is None


def sample(*, valid: np.ndarray | None = None) -> Sample:
    image, labels = discs(side=32, radius=5)
    grey = (255 * image.clip(0, 1)).astype(np.uint8)
    grey[:8] = 255  # wrong, and not annotated where valid says so
    labels[:8] = 0
    return Sample("half", "half", lambda: Annotated(grey, labels, valid))


def test_what_is_not_annotated_does_not_count() -> None:
    valid = np.ones((32, 32), bool)
    valid[:8] = False
    (wrong,) = score_network(bright_segmenter(), [sample()])
    (right,) = score_network(bright_segmenter(), [sample(valid=valid)])
    assert wrong.scores["dice"] < 0.8
    assert right.scores["dice"] > 0.97
    assert right.scores["loss"] < wrong.scores["loss"] / 3


def test_the_loss_is_the_binary_cross_entropy() -> None:
    item = sample()
    annotated = item.read()
    (scored,) = score_network(bright_segmenter(), [item])
    logit = 12 * (annotated.image.astype(float) / 255 - 0.5)
    truth = annotated.labels > 0
    by_hand = np.mean(np.logaddexp(0, np.where(truth, -logit, logit)))
    assert scored.scores["loss"] == pytest.approx(by_hand, rel=1e-4)
    assert to_table([scored])["loss"].item() == scored.scores["loss"]


def test_the_loss_of_several_classes_is_that_of_the_true_one() -> None:
    probability = np.array([[[0.5, 0.1]], [[0.3, 0.2]], [[0.2, 0.7]]], np.float32)
    truth = np.array([[1, 2]], np.int32)
    assert cross_entropy(probability, truth, None) == pytest.approx(-np.log([0.3, 0.7]).mean())
    only = np.array([[False, True]])
    assert cross_entropy(probability, truth, only) == pytest.approx(-np.log(0.7))
    assert np.isnan(cross_entropy(probability, truth, np.zeros((1, 2), bool)))


@pytest.mark.usefixtures("_bright")
def test_a_model_is_scored_on_worse_images(data: Path, tmp_path: Path) -> None:
    from softlight.data.degradation import Degradation

    told: list[str] = []
    clean = evaluate(data, tmp_path / "clean", model="bright")
    how = Degradation(factor=0.125, photons=20)
    worse = evaluate(data, tmp_path / "worse", model="bright", degrade=how, note=told.append)
    assert worse.images["dice"].mean() < clean.images["dice"].mean() - 0.05
    assert any("made worse: 0.125 of the resolution, 20 photons" in line for line in told)
    about = json.loads((tmp_path / "worse" / "metrics.json").read_text())["about"]
    assert "20 photons" in about["of"]
    with pytest.raises(ConfigError, match="Finished predictions cannot be made worse"):
        evaluate(data, tmp_path / "none", predicted=predictions(data, tmp_path / "p"), degrade=how)
