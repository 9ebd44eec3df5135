import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.cases import bright_segmenter, discs, write_discs

from softlight.config import ConfigError
from softlight.data.samples import Annotated, DataError, Sample
from softlight.inference.predict import Segmenter
from softlight.io.labels import read_labels, write_labels
from softlight.recipes.evaluate import evaluate
from softlight.recipes.score import cross_entropy, score_network, to_table

NAMES = ("a", "b", "c")


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
