from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from softlight.data.samples import Annotated, Sample
from softlight.data.sets import open_dataset
from softlight.data.unlabelled import doubting, unlabelled_cells


def field(
    *, bright: float = 0.0, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """A field whose left 60 % is covered by textured cells of 16 pixels, and their labels."""
    rng = np.random.default_rng(seed)
    image = rng.normal(100, 0.5, (128, 160)).astype(np.float32)
    image[:, :96] += rng.normal(bright, 12, (128, 96)).astype(np.float32)
    labels = np.zeros((128, 160), np.int32)
    rows, columns = np.mgrid[:128, :96] // 16
    labels[:, :96] = 1 + rows * 6 + columns
    return image, labels


def test_a_complete_annotation_is_not_doubted() -> None:
    image, labels = field()
    assert unlabelled_cells(image, labels) is None


def test_a_large_unannotated_part_of_a_confluent_field_is_found() -> None:
    image, labels = field()
    labels[:, :48] = 0
    found = unlabelled_cells(image, labels)
    assert found is not None
    assert found[:, :36].mean() > 0.9  # nothing is claimed within a cell's reach of the annotated
    assert not found[labels > 0].any()
    assert found[:, 110:].mean() < 0.01


def test_cells_that_are_bright_as_such_are_left_alone() -> None:
    image, labels = field(bright=60)
    labels[:, :48] = 0
    assert unlabelled_cells(image, labels) is None


@pytest.mark.parametrize("value", [0, 1])
def test_nothing_or_everything_annotated_is_not_doubted(value: int) -> None:
    image, labels = field()
    assert unlabelled_cells(image, np.full_like(labels, value)) is None


def test_a_doubting_sample_keeps_what_was_known_before() -> None:
    image, labels = field()
    labels[:, :48] = 0
    known = np.ones(labels.shape, bool)
    known[-5:] = False
    sample = Sample("a", "a", lambda: Annotated(image, labels, known))
    valid = doubting(sample).read().valid
    assert valid is not None
    assert not valid[-5:].any()
    assert not valid[60, 10]
    assert valid[60, 150]


def test_of_the_real_images_only_the_partly_annotated_one_is_doubted(real_data: Path) -> None:
    doubted = {}
    for sample in open_dataset(real_data / "livecell").samples:
        annotated = sample.read()
        found = unlabelled_cells(annotated.image, annotated.labels)
        if found is not None:
            doubted[sample.name] = float(found.mean())
    assert doubted == {"MCF7_Phase_H4_1_03d08h00m_4": pytest.approx(0.23, abs=0.03)}
