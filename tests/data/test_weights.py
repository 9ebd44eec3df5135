import numpy as np
import pytest

from softlight.data.weights import pixel_weights


def test_plain_pixels_weigh_one_and_unknown_ones_nothing() -> None:
    classes = np.array([[0, 1, 1, 0]], np.int32)
    valid = np.array([[True, True, False, True]])
    np.testing.assert_array_equal(pixel_weights(classes, None), [[1, 1, 1, 1]])
    np.testing.assert_array_equal(pixel_weights(classes, valid), [[1, 1, 0, 1]])


def test_borders_weigh_more_by_the_formula() -> None:
    classes = np.array([[0, 0, 0, 1, 1]], np.int32)
    weights = pixel_weights(classes, None, border_weight=2.0, border_px=1.5)
    away = np.array([2, 1, 0, 0, 1])  # beyond the first pixel of the border
    expected = 1 + 2 * np.exp(-((away / 1.5) ** 2) / 2)
    np.testing.assert_allclose(weights[0], expected, rtol=1e-6)
    assert weights[0, 2] == pytest.approx(3)


def test_one_class_has_no_border() -> None:
    assert (pixel_weights(np.ones((4, 4), np.int32), None, border_weight=5.0) == 1).all()
