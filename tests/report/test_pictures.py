"""Blocks of the page made from images and labels."""

import io

import numpy as np
import pytest
from PIL import Image

from softlight.report.pictures import (
    charts_of_training,
    movie_of_cells,
    pick_examples,
    picture_of_cells,
)
from softlight.report.view import PictureError

IMAGE = np.random.default_rng(0).integers(0, 4000, size=(30, 50)).astype(np.uint16)
LABELS = np.zeros((30, 50), dtype=np.int32)
LABELS[5:15, 10:40] = 7


def _size(file: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(file)).size


def test_without_truth_the_image_stands_beside_the_cells() -> None:
    picture = picture_of_cells("well A1", IMAGE, LABELS)
    assert [panel.title for panel in picture.panels] == ["Image", "Cells found"]
    assert picture.size == (30, 50)
    assert _size(picture.image) == (50, 30)
    (layer,) = picture.layers
    width, height = _size(layer.file)
    assert (width % 50, height % 30) == (0, 0)
    assert width // 50 == height // 30 > 1
    assert "20 %" in picture.alt
    assert picture.sharp


def test_with_truth_there_are_annotation_and_errors() -> None:
    picture = picture_of_cells("a", IMAGE, LABELS, truth=np.roll(LABELS, 3, axis=0))
    assert [panel.title for panel in picture.panels] == ["Cells found", "Annotation", "Errors"]
    assert len(picture.panels[2].legend) == 2
    valid = np.ones(LABELS.shape, dtype=bool)
    valid[:5] = False
    partial = picture_of_cells("a", IMAGE, LABELS, truth=LABELS, valid=valid)
    assert [text for _, text in partial.panels[2].legend][-1] == "not annotated"


def test_sizes_that_differ_are_named() -> None:
    with pytest.raises(PictureError, match=r"well 3: image is \(30, 50\), labels \(50, 30\)"):
        picture_of_cells("well 3", IMAGE, LABELS.T)


def test_a_long_movie_is_thinned_and_says_so() -> None:
    movie = movie_of_cells("m", [IMAGE] * 9, [LABELS] * 9, most_frames=4)
    assert [frame.note for frame in movie.frames] == [f"frame {n} of 9" for n in (1, 4, 6, 9)]
    assert "4 of 9 frames are shown" in movie.caption
    assert movie_of_cells("m", [IMAGE] * 2, [LABELS] * 2).caption == ""


def test_a_movie_needs_labels_for_each_frame() -> None:
    with pytest.raises(PictureError, match="m: 2 frames, 1 label images and 0 notes"):
        movie_of_cells("m", [IMAGE] * 2, [LABELS])
    with pytest.raises(PictureError, match="at least one frame"):
        movie_of_cells("m", [], [])


def test_only_recorded_curves_become_charts() -> None:
    charts = charts_of_training([{"epoch": 1, "train_loss": 0.5, "learning_rate": 1e-3}])
    assert [chart.alt for chart in charts] == [
        "Loss by epoch, 1 epochs",
        "Learning rate by epoch, 1 epochs",
    ]
    assert charts_of_training([]) == []


def test_examples_are_the_worst_the_median_and_the_best() -> None:
    scores = [0.9, float("nan"), 0.1, 0.5, 0.7, 0.2, 0.8, 0.6]
    assert pick_examples(scores, most=3) == [(2, "worst"), (7, "median"), (0, "best")]
    picked = [index for index, _ in pick_examples(scores, most=6)]
    assert len(set(picked)) == 6
    assert 1 not in picked


@pytest.mark.parametrize("most", range(1, 12))
def test_no_example_is_picked_twice(most: int) -> None:
    picked = [index for index, _ in pick_examples([0.3, 0.1, 0.2, 0.5, 0.4], most=most)]
    assert len(picked) == len(set(picked)) == min(most, 5)
    assert picked[0] == 1


def test_without_scores_the_first_images_are_shown() -> None:
    assert pick_examples([float("nan")] * 3, most=2) == [(0, ""), (1, "")]
    assert pick_examples([]) == []
