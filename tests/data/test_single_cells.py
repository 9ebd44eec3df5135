"""What is a label image of single cells, and what is only a mask."""

import numpy as np
import numpy.typing as npt
import pytest
from tests.cases import discs

from softlight.data.samples import Annotated, Sample
from softlight.data.sets import open_dataset
from softlight.data.single_cells import are_masks, has_single_cells, is_binary


def samples(*labels: npt.NDArray[np.int32], **tags: str) -> list[Sample]:
    return [
        Sample(str(i), "g", lambda one=one: Annotated(one.astype(float), one), tags)
        for i, one in enumerate(labels)
    ]


CELLS = np.kron(np.arange(6, dtype=np.int32).reshape(2, 3), np.ones((5, 5), np.int32))


def test_labels_of_cells_are_cells() -> None:
    assert has_single_cells(samples(CELLS))
    assert has_single_cells(samples(discs(count=9, side=90)[1] * 65_537))


def test_one_image_with_many_cells_is_enough() -> None:
    empty = np.zeros_like(CELLS)
    assert has_single_cells(samples(empty, empty, (CELLS == 1).astype(np.int32), CELLS))


@pytest.mark.parametrize("value", [1, 255])
def test_a_mask_is_not(value: int) -> None:
    assert not has_single_cells(samples(value * (CELLS > 0)))


def test_a_few_classes_are_not() -> None:
    nucleus = np.zeros_like(CELLS)
    nucleus[2:8, 2:8], nucleus[4:6, 4:6] = 1, 2
    assert not has_single_cells(samples(nucleus, nucleus))


def test_many_classes_in_many_pieces_are_not() -> None:
    classes = np.tile(CELLS, (3, 3))
    assert not has_single_cells(samples(classes))


def test_masks_are_labels_in_pieces() -> None:
    apart = CELLS * (np.indices(CELLS.shape) % 5 > 0).all(axis=0)
    assert are_masks(samples(np.zeros_like(CELLS), (apart > 0).astype(np.int32)))
    assert not are_masks(samples((CELLS == 1).astype(np.int32)))  # may be the only cell there is
    assert not are_masks(samples((apart > 0).astype(np.int32), apart))
    assert not are_masks([])


def test_nothing_is_nothing() -> None:
    assert not has_single_cells([])
    assert not has_single_cells(samples(np.zeros_like(CELLS)))


def test_challenge_masks_say_themselves_what_they_are() -> None:
    one_cell = (CELLS == 1).astype(np.int32)
    assert has_single_cells(samples(one_cell, annotation="gold"))
    without_numbers = samples(CELLS, annotation="STbin")
    assert not has_single_cells(without_numbers)
    assert is_binary(without_numbers[0])
    assert not is_binary(samples(CELLS)[0])


def test_real_sets_are_told_apart(real_data) -> None:  # type: ignore[no-untyped-def]
    found = {
        folder: has_single_cells(open_dataset(real_data / folder).samples)
        for folder in ("livecell", "stills/usiigaci_phase", "ctc/PhC-C2DL-PSC")
    }
    assert found == {
        "livecell": True,
        "stills/usiigaci_phase": True,
        "ctc/PhC-C2DL-PSC": False,
    }
