from collections.abc import Sequence

import numpy as np
import pytest

from softlight.data.classes import ClassesHeld, are_values, cell_pixels, ignoring, membrane_of
from softlight.data.samples import Annotated, DataError, Sample

BLOOD = ("background", "cytoplasm", "nucleus")


def sample(name: str, values: Sequence[int], valid: Sequence[bool] | None = None) -> Sample:
    labels = np.array([values], np.int32)
    known = None if valid is None else np.array([valid])
    return Sample(name, name, lambda: Annotated(np.zeros(labels.shape), labels, known))


def test_a_membrane_is_known_by_its_name() -> None:
    assert membrane_of(BLOOD) is None
    assert membrane_of(("cytoplasm", "Cell membrane", "nucleus")) == 1
    assert are_values(BLOOD)
    assert are_values(("background", "membrane"))
    assert not are_values(("background", "cell"))


def test_cells_are_all_but_the_membrane_or_all_but_the_background() -> None:
    values = np.array([[0, 1, 2]])
    assert cell_pixels(values, BLOOD).tolist() == [[False, True, True]]
    tissue = ("cytoplasm", "membrane", "nucleus")
    assert cell_pixels(values, tissue).tolist() == [[True, False, True]]


def test_ignored_pixels_are_unknown_and_the_rest_is_as_it_was() -> None:
    read = ignoring(sample("a", [0, 1, 255, 2], [True, False, True, True]), 255).read()
    assert read.labels.tolist() == [[0, 1, 0, 2]]
    assert read.labels.dtype == np.int32
    assert read.valid is not None
    assert read.valid.tolist() == [[True, False, False, True]]
    known = ignoring(sample("b", [0, 1]), 255).read()
    assert known.valid is None
    one = sample("c", [3])
    assert ignoring(one, None) is one


def test_values_outside_of_the_classes_are_named_with_their_files() -> None:
    samples = [sample("a", [0, 1, 2]), sample("b", [0, 7, 9]), sample("c", [1, 3])]
    with pytest.raises(
        DataError,
        match=r"0 background, 1 cytoplasm, 2 nucleus\): b holds 7, 9, c holds 3\. Correct these",
    ):
        ClassesHeld(BLOOD).check_values(samples)
    ClassesHeld(BLOOD, ignore_value=7).check_values([sample("a", [0, 2, 7])])
    unknown = sample("a", [0, 7], [True, False])
    ClassesHeld(BLOOD).check_values([unknown])


def test_of_two_classes_labels_are_cells_unless_one_is_a_membrane() -> None:
    many = [sample("a", [0, 17, 4])]
    ClassesHeld(("background", "cell")).check_values(many)
    with pytest.raises(DataError, match="1 membrane"):
        ClassesHeld(("background", "membrane")).check_values(many)


def test_a_part_without_a_class_is_named_with_its_files() -> None:
    samples = [sample("a", [0, 1, 2]), sample("b", [0, 1]), sample("c", [0, 1])]
    held = ClassesHeld(BLOOD)
    held.check_parts([("fold 1 trains on", samples), ("fold 1 tests", samples[:1])])
    with pytest.raises(
        DataError,
        match=r"fold 1 tests no pixel of the class nucleus \(value 2\): the images are b, c; "
        r"only a of 3 images hold it\. Annotate",
    ):
        held.check_parts([("fold 1 trains on", samples[:1]), ("fold 1 tests", samples[1:])])
    with pytest.raises(DataError, match="no image holds it"):
        held.check_parts([("fold 2 trains on", samples[1:])])


def test_each_image_is_read_once() -> None:
    reads = []

    def read() -> Annotated:
        reads.append(1)
        return Annotated(np.zeros((1, 3)), np.array([[0, 1, 2]], np.int32))

    held = ClassesHeld(BLOOD)
    one = Sample("a", "a", read)
    held.check_values([one])
    held.check_parts([("it trains on", [one])])
    assert len(reads) == 1
