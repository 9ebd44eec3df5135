import math

import numpy as np
import pytest

from softlight.data.cells import median_cell_diameter


def squares(*sides: int, value: int | None = None) -> np.ndarray:
    """Squares side by side with a gap, numbered, or all of one value."""
    labels = np.zeros((max(sides) + 2, sum(sides) + 2 * len(sides)), np.int32)
    column = 1
    for number, side in enumerate(sides, start=1):
        labels[1 : 1 + side, column : column + side] = value or number
        column += side + 2
    return labels


def diameter(side: int) -> float:
    return math.sqrt(side * side * 4 / math.pi)


@pytest.mark.parametrize("value", [None, 1, 255, 2**31 - 1])
def test_median_over_cells_whether_numbered_or_a_mask_of_one_value(value: int | None) -> None:
    assert median_cell_diameter(squares(4, 6, 10, value=value)) == pytest.approx(diameter(6))


def test_labels_as_large_as_their_type_take_no_memory() -> None:
    labels = squares(4, 6, 10)
    labels[labels == 3] = 2**31 - 1
    assert median_cell_diameter(labels) == pytest.approx(diameter(6))


def test_touching_labels_are_two_cells() -> None:
    labels = np.zeros((10, 20), np.int32)
    labels[:, :10], labels[:, 10:] = 1, 2
    assert median_cell_diameter(labels) == pytest.approx(diameter(10))


def test_specks_do_not_count_and_nothing_is_nan() -> None:
    assert median_cell_diameter(squares(3, 8)) == pytest.approx(diameter(8))
    assert math.isnan(median_cell_diameter(squares(3)))
    assert math.isnan(median_cell_diameter(np.zeros((5, 5), np.int32)))
