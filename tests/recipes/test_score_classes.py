import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.recipes.test_class_maps import BLOOD, TISSUE, blood, three_levels
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.data.samples import DataError
from softlight.data.sets import open_dataset
from softlight.evaluate.classes import read_confusion
from softlight.io.labels import write_labels
from softlight.recipes.evaluate import evaluate
from softlight.recipes.score import score_network


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two images; in the second truth a stripe of background is called nucleus, another unknown."""
    folder = tmp_path / "data"
    for name in ("a", "b"):
        labels = np.digitize(blood(), [70, 170])
        if name == "b":
            labels[60:62] = 2  # 128 px that are not to be seen
            labels[:2] = 255
        (folder / "images").mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / "images" / f"{name}.tif", blood())
        write_labels(folder / "labels" / f"{name}.tif", labels)
    return folder


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    folder = tmp_path / "predicted"
    for name in ("a", "b"):
        write_labels(folder / f"{name}.tif", np.digitize(blood(), [70, 170]))
    return folder


def test_predictions_of_classes_are_scored_class_by_class(
    data: Path, predicted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found = evaluate(data, out, predicted=predicted, classes=BLOOD, ignore_value=255)
    assert found.classes is not None
    table = found.classes.set_index("class")
    assert table.loc["nucleus", "iou"] == pytest.approx(192 / (192 + 128))
    right = 2 * 3296 - 256  # less the stripe, and what is not known
    assert table.loc["background", "precision"] == pytest.approx(right / (right + 128))
    assert table.loc["cytoplasm", "dice"] == 1
    counts, classes = read_confusion(out / "confusion.csv")
    assert classes == BLOOD
    assert counts[2].tolist() == [128, 0, 192]
    assert counts.sum() == 2 * 4096 - 128
    pd.testing.assert_frame_equal(pd.read_csv(out / "classes.csv"), found.classes)
    page = (out / "report.html").read_text()
    for words in ("Classes found", "truly nucleus", "True class", "Pixels by true class"):
        assert words in page


def test_an_unknown_value_is_an_error_that_says_what_to_do(
    data: Path, predicted: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="b holds the label 255, but there are only the classes"):
        evaluate(data, tmp_path / "out", predicted=predicted, classes=BLOOD)


def test_a_model_leaves_out_what_its_training_left_out(data: Path) -> None:
    segmenter = three_levels()
    with pytest.raises(DataError, match="label 255"):
        score_network(segmenter, open_dataset(data).samples)
    segmenter.spec = segmenter.spec.model_copy(update={"ignore_value": 255})
    scored = score_network(segmenter, open_dataset(data).samples)
    assert [item.scores["pixel_accuracy"] for item in scored] == pytest.approx([1, 1 - 128 / 3968])


def test_the_command_prints_the_classes(data: Path, tmp_path: Path) -> None:
    predicted = tmp_path / "p"
    for name in ("a", "b"):
        write_labels(predicted / f"{name}.tif", np.digitize(blood(), [70, 170]))
    words = ["evaluate", "--data", str(data), "--predicted", str(predicted), "--out"]
    words += [str(tmp_path / "o"), "--classes", ",".join(BLOOD), "--ignore-value", "255"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "| cytoplasm | 1.000 | 1.000 |" in result.output
    said = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert said["iou_cytoplasm"] == 1


def test_membranes_are_scored_by_the_cells_that_they_part(tmp_path: Path) -> None:
    truth = np.zeros((32, 32), int)
    truth[15:17] = 1
    truth[4:8, 4:8] = 2
    gap = truth.copy()
    gap[15:17, 3:5] = 0
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    tifffile.imwrite(data / "images" / "a.tif", truth.astype(np.uint8))
    write_labels(data / "labels" / "a.tif", truth)
    write_labels(tmp_path / "same" / "a.tif", truth)
    write_labels(tmp_path / "gap" / "a.tif", gap)
    right = evaluate(data, tmp_path / "o", predicted=tmp_path / "same", classes=TISSUE)
    wrong = evaluate(data, tmp_path / "o", predicted=tmp_path / "gap", classes=TISSUE)
    assert right.images.loc[0, "rand_error"] == 0
    assert right.images.loc[0, "voi"] == 0
    assert wrong.images.loc[0, "rand_error"] > 0.3
    assert wrong.images.loc[0, "voi_merge"] == pytest.approx(1, abs=0.01)
    assert wrong.images.loc[0, "pixel_accuracy"] > 0.99
    assert "as in the ISBI 2012 challenge" in (tmp_path / "o" / "report.html").read_text()
    blood_like = evaluate(data, tmp_path / "o", predicted=tmp_path / "gap", classes=BLOOD)
    assert "rand_error" not in blood_like.images
