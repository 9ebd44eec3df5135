import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import bright_segmenter, tiny_recipe, write_discs

from softlight.config import parse_model_spec, read_toml, to_toml
from softlight.data.samples import Annotated, Sample
from softlight.data.sets import open_dataset
from softlight.data.splits import split_list
from softlight.evaluate.calibration import Judged
from softlight.io.labels import read_labels
from softlight.models.saved import find_model, read_spec
from softlight.recipes.divide import Options, find_cells
from softlight.recipes.segment import segment
from softlight.recipes.train import train
from softlight.recipes.trust import ImageJudged, in_words, judge_images, learn_trust, trust_of


def disc_field(seed: int, *, debris: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Sixteen bright cells and dimmer debris, which the network takes for cells too."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :96]
    image, labels = np.full((96, 96), 20, np.uint8), np.zeros((96, 96), np.int32)
    wrong = set(rng.choice(25, debris, replace=False).tolist())
    for number, (row, column) in enumerate(np.ndindex(5, 5)):
        inside = (rows - 19 * row - 9) ** 2 + (columns - 19 * column - 9) ** 2 <= 36
        image[inside] = 140 if number in wrong else 200
        if number not in wrong:
            labels[inside] = number + 1
    return (image + rng.normal(0, 2, image.shape)).astype(np.uint8), labels


def fields(number: int, *, start: int = 0) -> list[Sample]:
    def sample(seed: int) -> Sample:
        image, labels = disc_field(seed)
        return Sample(f"s{seed}", f"g{seed}", lambda: Annotated(image, labels))

    return [sample(seed) for seed in range(start, start + number)]


def test_scores_become_the_share_of_right_cells() -> None:
    spec = learn_trust(bright_segmenter(), fields(2), fields(4, start=5))
    assert spec.trust is not None
    assert (spec.trust.source, spec.trust.images) == ("images held out", 4)
    calibration = spec.trust.calibration
    assert calibration is not None
    assert calibration.cells == 100
    assert calibration.error is not None
    assert calibration.error < 0.1
    image, labels = disc_field(30)
    found = find_cells(image, bright_segmenter(trust=spec.trust), Options())
    assert found.labels.max() == len(found.scores) == 25
    right = np.array([labels[found.labels == n].any() for n in range(1, 26)])
    assert found.scores[right].min() > 0.9
    assert found.scores[~right].max() < 0.3


def test_intervals_need_images_of_two_groups_that_were_held_out() -> None:
    known = learn_trust(bright_segmenter(), fields(2), fields(4, start=5)).trust
    assert known is not None
    assert known.count is not None
    assert known.confluence is not None
    assert (known.count.images, known.count.groups) == (4, 4)
    assert "probabilities, learned from 100 cells of 4 images held out" in in_words(known)[0]
    trained_on = learn_trust(bright_segmenter(), fields(4), []).trust
    assert trained_on is not None
    assert trained_on.source == "training images"
    assert trained_on.count is trained_on.confluence is None
    assert "No image was held out" in in_words(trained_on)[1]
    alone = learn_trust(bright_segmenter(), fields(2), fields(1, start=5)).trust
    assert alone is not None
    assert alone.count is None
    assert "one well or movie" in in_words(alone)[1]


def test_the_fingerprint_is_of_the_sets_whose_errors_are_known() -> None:
    def of(name: str, samples: list[Sample]) -> list[Sample]:
        return [replace(sample, tags={"set": name}) for sample in samples]

    def bright(sample: Sample) -> Sample:
        annotated = sample.read()
        image = np.minimum(annotated.image.astype(int) * 2, 255).astype(np.uint8)
        return replace(sample, reader=lambda: replace(annotated, image=image))

    real, held_out = of("real", fields(3)), of("real", fields(2, start=5))
    other = of("simulated", [bright(sample) for sample in fields(3, start=9)])
    alone = learn_trust(bright_segmenter(), real, held_out).fingerprint
    both = learn_trust(bright_segmenter(), real + other, held_out).fingerprint
    unjudged = learn_trust(bright_segmenter(), real + other, []).fingerprint
    assert alone is not None
    assert both is not None
    assert both.traits == alone.traits
    assert unjudged is not None
    assert unjudged.traits != alone.traits  # nothing was held out: all trained, all count


def test_a_network_of_few_cells_says_nothing_of_probabilities() -> None:
    few = ImageJudged(Judged(np.full(5, 0.5), np.ones(5, bool)), 5.0, 0.1, 0.1, "a")
    trust = trust_of([few], held_out=True)
    assert trust.calibration is None
    assert trust.count is None


def test_masks_without_cells_give_an_interval_of_covered_area_only() -> None:
    def mask(sample: Sample) -> Sample:
        annotated = sample.read()
        labels = (annotated.labels > 0).astype(np.int32)
        return Sample(sample.name, sample.group, lambda: Annotated(annotated.image, labels))

    trust = learn_trust(bright_segmenter(), fields(1), [mask(s) for s in fields(3)]).trust
    assert trust is not None
    assert trust.calibration is None
    assert trust.count is None
    assert trust.confluence is not None
    judged = judge_images(bright_segmenter(), [mask(fields(1)[0])])
    assert math.isnan(judged[0].true_cells)


def test_unannotated_parts_are_no_evidence() -> None:
    image, labels = disc_field(0)
    valid = np.zeros(labels.shape, bool)
    valid[:, :48] = True
    half = Sample("s", "g", lambda: Annotated(image, labels, valid=valid))
    whole = Sample("t", "g", lambda: Annotated(image, labels))
    judged = judge_images(bright_segmenter(), [half, whole])
    assert len(judged[0].cells.scores) < len(judged[1].cells.scores) == 25
    assert judged[0].true_cells < judged[1].true_cells == 22


def test_segment_writes_scores_and_intervals(tmp_path: Path) -> None:
    spec = learn_trust(bright_segmenter(), fields(3), fields(6, start=5))
    image, labels = disc_field(40)
    tifffile.imwrite(tmp_path / "a.tif", image)
    segmenter = bright_segmenter(trust=spec.trust, fingerprint=spec.fingerprint)
    (result,) = segment([tmp_path / "a.tif"], segmenter, tmp_path / "out")
    assert result.warnings == []
    row = pd.read_csv(tmp_path / "out" / "frames.csv").iloc[0]
    true = len(np.unique(labels)) - 1
    assert row["cells"] == 25
    assert row["cells_low"] <= true <= row["cells_high"] < 60
    assert row["confluence_low"] <= (labels > 0).mean() <= row["confluence_high"]
    cells = pd.read_csv(tmp_path / "out" / "cells.csv")
    assert list(cells) == ["file", "frame", "label", "y_px", "x_px", "area_px", "score"]
    assert len(cells) == 25
    found = read_labels(tmp_path / "out" / "labels" / "a.tif")
    first = cells.iloc[0]
    rows, columns = np.nonzero(found == first["label"])
    assert (first["y_px"], first["x_px"]) == pytest.approx((rows.mean(), columns.mean()), abs=1e-3)
    assert row["mean_score"] == pytest.approx(cells["score"].mean(), abs=1e-4)


def test_of_an_image_unlike_the_training_nothing_is_promised(tmp_path: Path) -> None:
    spec = learn_trust(bright_segmenter(), fields(3), fields(6, start=5))
    rng = np.random.default_rng(0)
    noisy = np.clip(disc_field(1)[0] + rng.normal(0, 40, (96, 96)), 0, 250).astype(np.uint8)
    tifffile.imwrite(tmp_path / "noisy.tif", noisy)
    segmenter = bright_segmenter(trust=spec.trust, fingerprint=spec.fingerprint)
    (result,) = segment([tmp_path / "noisy.tif"], segmenter, tmp_path / "out")
    assert "Look at noisy.tif before you trust its cells" in result.warnings[0]
    assert "than the training images" in result.warnings[0]
    assert np.isnan(result.rows[0]["cells_low"])


def test_training_stores_it_and_old_models_still_open(tmp_path: Path) -> None:
    folder = write_discs(tmp_path / "data", ("a", "b", "c"), count=8, side=64)
    split = split_list(open_dataset(folder).samples, ["c"])
    trained = train(tiny_recipe(), split, tmp_path / "model")
    spec = read_spec(tmp_path / "model")
    assert spec == trained.spec
    assert spec.fingerprint is not None
    assert spec.fingerprint.images == 2
    low, middle, high = spec.fingerprint.traits["contrast"]
    assert low <= middle <= high
    assert spec.trust is not None
    assert spec.trust.source == "images held out"
    assert spec.format_version == 1
    old = read_spec(find_model("phase-sim"))
    assert old.fingerprint is old.trust is None
    again = tmp_path / "again.toml"
    again.write_text(to_toml(spec), encoding="utf-8")
    assert parse_model_spec(read_toml(again)) == spec
