import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.cases import tiny_recipe, write_discs
from torch import nn

from softlight.config import ConfigError, with_settings
from softlight.data.samples import Annotated, DataError, DataSet, Sample
from softlight.data.sets import open_dataset
from softlight.evaluate.classes import read_confusion
from softlight.io.labels import read_labels, write_labels
from softlight.recipes import crossval
from softlight.recipes.crossval import class_scores_by_fold, cross_validate
from softlight.recipes.fold_processes import FoldError
from softlight.training.callbacks import Callback, Row, StepReport

NAMES = ("001", "002", "003", "004")  # that must stay text
RECIPE = tiny_recipe(
    data={"validation_fraction": 0.0, "batch_size": 2, "patch_px": 24, "samples_per_epoch": 4}
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return open_dataset(write_discs(tmp_path_factory.mktemp("data"), NAMES))


@pytest.fixture(scope="module")
def finished(dataset: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished")
    cross_validate(RECIPE, dataset, out, k=2)
    return out


class Interrupt(Callback):
    def epoch(self, history: list[Row], network: nn.Module) -> None:
        raise KeyboardInterrupt


def in_fold_two(name: str) -> Sequence[Callback]:
    return [Interrupt()] if name == "fold 2 of 2" else []


def read(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "metrics.csv", dtype={"image": str, "group": str})


def test_every_image_is_tested_once_and_names_stay_text(finished: Path) -> None:
    table = read(finished)
    assert sorted(table["image"]) == list(NAMES)
    assert sorted(table["fold"]) == [1, 1, 2, 2]


def test_no_fold_trains_on_what_it_tests(finished: Path, dataset: DataSet) -> None:
    for number in (1, 2):
        tested = (finished / f"fold-{number}" / "held-out.txt").read_text().split()
        assert tested == read(finished / f"fold-{number}")["image"].tolist()
        assert len(tested) == 2


def test_an_interrupted_one_ends_in_the_same_table(
    finished: Path, dataset: DataSet, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        cross_validate(RECIPE, dataset, tmp_path, k=2, watch=in_fold_two)
    assert (tmp_path / "fold-2" / "training" / "checkpoint.safetensors").is_file()
    assert not (tmp_path / "metrics.csv").exists()
    told: list[str] = []
    table = cross_validate(RECIPE, dataset, tmp_path, k=2, note=told.append)
    assert len(told) == 1  # the first fold was finished
    pd.testing.assert_frame_equal(read(tmp_path), read(finished))
    assert table["image"].tolist() == read(finished)["image"].tolist()


def test_folds_of_other_settings_or_images_are_not_mixed_in(
    finished: Path, dataset: DataSet
) -> None:
    with pytest.raises(ConfigError, match=r"fold-1 is of other settings \(see recipe\.toml"):
        cross_validate(RECIPE.model_copy(update={"title": "x"}), dataset, finished, k=2)
    with pytest.raises(ConfigError, match=r"fold-1 holds out other images"):
        cross_validate(RECIPE, dataset, finished, k=4)


class StopAt(Callback):
    """Interrupts the second fold at this step or after this epoch."""

    def __init__(self, *, step: int = 0, epoch: int = 0) -> None:
        self.at = {"step": step, "epoch": epoch}
        self.steps = 0

    def step(self, report: StepReport) -> None:
        self.steps += 1
        if self.steps == self.at["step"]:
            raise KeyboardInterrupt

    def epoch(self, history: list[Row], network: nn.Module) -> None:
        if history[-1]["epoch"] == self.at["epoch"]:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "at", [{"step": 1}, {"step": 3}, {"epoch": 1}, {"epoch": 2}, "scores", "counts", "the end"]
)
def test_interrupted_anywhere_it_ends_in_the_same_tables(
    at: Any, finished: Path, dataset: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        watch: Any = lambda _: ()  # noqa: E731
        if isinstance(at, dict):
            watch = lambda name: [StopAt(**at)] if name == "fold 2 of 2" else []  # noqa: E731
        elif at == "scores":
            patch.setattr(crossval, "score_network", stop)
        elif at == "counts":  # the confusion is written, the scores are not
            patch.setattr(crossval, "to_table", stop)
        else:
            patch.setattr(crossval, "_write_class_scores", stop)
        with pytest.raises(KeyboardInterrupt):
            cross_validate(RECIPE, dataset, tmp_path, k=2, watch=watch)
    cross_validate(RECIPE, dataset, tmp_path, k=2)
    for name in ("metrics.csv", "metrics.json", "classes.csv"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name


def test_the_classes_of_all_folds_are_in_a_table(finished: Path) -> None:
    table = class_scores_by_fold(finished)
    assert table is not None
    assert table["class"].tolist() == ["mean", "background", "cell"] * 2
    assert table["fold"].tolist() == [1, 1, 1, 2, 2, 2]
    images = read(finished)
    pixels = table.loc[table["class"] == "mean", "pixels_true"].tolist()
    assert pixels == [48 * 48 * 2] * 2
    assert images["pixel_accuracy"].between(0, 1).all()
    assert class_scores_by_fold(finished / "fold-1") is None
    counts, _ = read_confusion(finished / "confusion.csv")
    assert counts.sum() == 48 * 48 * 4
    page = (finished / "report.html").read_text()
    assert "mean ± standard deviation over 2 folds" in page
    assert "fold 1 of 2: 2 images to train on, none to validate, 2 held out" in page
    pooled = json.loads((finished / "metrics.json").read_text())["pooled"]
    cell = table.loc[table["class"] == "cell", "iou"]
    assert pooled[2]["iou"] == pytest.approx(cell.mean())
    assert pooled[2]["iou_sd"] == pytest.approx(cell.std())


@pytest.mark.parametrize(
    ("images", "k", "settings", "expected"),
    [
        (50, 5, {"validation_fraction": 0.125}, (35, 5, 10)),
        (50, 5, {"validation_images": 5}, (35, 5, 10)),
        (1032, 3, {"validation_images": 44, "validation_from": "held-out"}, (688, 44, 300)),
    ],
)
def test_the_counts_of_papers_are_met(
    images: int, k: int, settings: dict[str, object], expected: tuple[int, ...], tmp_path: Path
) -> None:
    def half() -> Annotated:
        return Annotated(np.zeros((2, 2)), np.array([[0, 1], [1, 0]], np.int32))

    samples = tuple(Sample(f"i{n:04d}", f"i{n:04d}", half) for n in range(images))
    recipe = with_settings(RECIPE, {f"data.{key}": value for key, value in settings.items()})
    told: list[str] = []
    seen: list[crossval.Round] = []

    def keep(each: crossval.Round, _: object) -> None:
        seen.append(each)
        (each.folder / "metrics.csv").write_text(
            "image,group,dice\n" + "".join(f"{s.name},{s.group},1.0\n" for s in each.test)
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossval, "run_round", keep)
        cross_validate(
            recipe, DataSet("x", "paired", tmp_path, samples), tmp_path, k=k, note=told.append
        )
    for each in seen:
        parts = [{s.name for s in part} for part in (each.split.train, each.split.validation)]
        parts.append({s.name for s in each.test})
        assert tuple(len(part) for part in parts) == expected
        assert len(set.union(*parts)) == images  # no image in two of them
    tested = [s.name for each in seen for s in each.test]
    assert len(set(tested)) == len(tested) == k * expected[2]
    train, validate, test = expected
    assert told[0] == (
        f"fold 1 of {k}: {train} images to train on, {validate} to validate, {test} held out"
    )


def test_the_best_epoch_is_that_of_the_validation_images(dataset: DataSet, tmp_path: Path) -> None:
    recipe = with_settings(RECIPE, {"data.validation_images": 1, "train.epochs": 3})
    cross_validate(recipe, dataset, tmp_path, k=2)
    for number in (1, 2):
        folder = tmp_path / f"fold-{number}"
        said = (folder / "training" / "images.txt").read_text().split()
        chosen = said[said.index("validate") + 1]
        assert chosen not in (folder / "held-out.txt").read_text().split()
        history = pd.read_csv(folder / "training" / "history.csv")
        assert history["val_dice"].notna().all()


@pytest.mark.slow  # a process begins with importing torch
def test_jobs_give_the_same_table(finished: Path, dataset: DataSet, tmp_path: Path) -> None:
    told: list[str] = []
    cross_validate(RECIPE, dataset, tmp_path, k=2, jobs=2, note=told.append)
    for name in ("metrics.csv", "classes.csv"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name
    assert sum("held out" in line for line in told) == 2
    assert sorted(line for line in told if "finished" in line) == [
        "fold 1 of 2: finished",
        "fold 2 of 2: finished",
    ]


@pytest.mark.slow  # a process begins with importing torch
def test_an_error_in_another_process_is_raised_here(dataset: DataSet, tmp_path: Path) -> None:
    recipe = with_settings(RECIPE, {"optimizer.learning_rate": 1e30, "train.clip_norm": 0.0})
    with pytest.raises(FoldError, match=r"fold [12] of 2: The loss became"):
        cross_validate(recipe, dataset, tmp_path, k=2, jobs=2)


def test_what_cannot_be_sent_to_another_process_is_said(dataset: DataSet, tmp_path: Path) -> None:
    samples = tuple(Sample(s.name, s.group, lambda s=s: s.read()) for s in dataset.samples)
    local = DataSet("x", "paired", tmp_path, samples)
    with pytest.raises(FoldError, match=r"fold 1 of 2 cannot be handed to another process.*jobs 1"):
        cross_validate(RECIPE, local, tmp_path / "out", k=2, jobs=2)
    with pytest.raises(ConfigError, match="0 jobs were asked for"):
        cross_validate(RECIPE, dataset, tmp_path / "out", k=2, jobs=0)


THREE = with_settings(
    RECIPE, {"classes": ["background", "body", "spot"], "model.out_channels": 3,
             "loss.terms": [{"name": "cross_entropy"}]},
)  # fmt: skip


def test_wrong_labels_and_missing_classes_stop_before_any_training(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", NAMES, classes=3)
    wrong = read_labels(data / "labels" / "003.tif")
    wrong[0, 0] = 9
    write_labels(data / "labels" / "003.tif", wrong)
    out = tmp_path / "out"
    with pytest.raises(DataError, match=r"2 spot\): 003 holds 9\. Correct the label image"):
        cross_validate(THREE, open_dataset(data), out, k=2)
    for name in NAMES[1:]:
        labels = read_labels(data / "labels" / f"{name}.tif")
        write_labels(data / "labels" / f"{name}.tif", np.minimum(labels, 1))
    with pytest.raises(
        DataError,
        match=r"Fold [12] of 2 (trains on|tests) no pixel of the class spot.*only 001 of 4 images",
    ):
        cross_validate(THREE, open_dataset(data), out, k=2)
    assert not list(out.rglob("training"))
    (data / "labels" / "004.tif").unlink()
    with pytest.raises(DataError, match=r"images/004\.tif has no partner in labels/"):
        open_dataset(data)


def test_an_ignored_value_is_no_class(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", NAMES, classes=3)
    for name in NAMES:
        labels = read_labels(data / "labels" / f"{name}.tif")
        labels[:4] = 255
        write_labels(data / "labels" / f"{name}.tif", labels)
    recipe = with_settings(THREE, {"data.ignore_value": 255})
    cross_validate(recipe, open_dataset(data), tmp_path / "out", k=2)
    table = class_scores_by_fold(tmp_path / "out")
    assert table is not None
    assert table["class"].tolist()[:4] == ["mean", "background", "body", "spot"]
    pixels = table.loc[table["class"] == "mean", "pixels_true"].tolist()
    assert pixels == [2 * 48 * 44] * 2


def test_validation_from_what_is_held_out_needs_a_number(dataset: DataSet, tmp_path: Path) -> None:
    recipe = with_settings(RECIPE, {"data.validation_from": "held-out"})
    with pytest.raises(ConfigError, match=r"Say how many validate \(data\.validation_images\)"):
        cross_validate(recipe, dataset, tmp_path, k=2)
