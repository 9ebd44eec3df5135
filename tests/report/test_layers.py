"""Outlines and errors lie where they should."""

import numpy as np
import pytest
from skimage.segmentation import find_boundaries

from softlight.report.colours import CELL_COLOURS, FALSE_NEGATIVE, FALSE_POSITIVE
from softlight.report.layers import error_layer, outline_layer, outlines
from softlight.report.view import PictureError, View

LABELS = np.zeros((12, 17), dtype=np.int32)
LABELS[2:7, 3:9] = 4
LABELS[2:7, 9:14] = 9
LABELS[9:, :5] = 2


def test_thin_outlines_are_scikit_images_inner_boundaries() -> None:
    expected = find_boundaries(LABELS, mode="inner", connectivity=1)
    assert (outlines(LABELS) == expected).all()


def test_a_cell_cut_by_the_image_edge_has_no_line_there() -> None:
    assert not outlines(LABELS)[10:, 0].any()
    assert not outlines(np.ones((3, 4), dtype=np.int32), line_px=9).any()


def test_thick_outlines_stay_inside_the_cells() -> None:
    thick = outlines(LABELS, line_px=2)
    assert thick.sum() > outlines(LABELS).sum()
    assert not thick[LABELS == 0].any()
    assert not thick[4, 5]  # the middle of a cell 5 by 6 pixels


def test_touching_cells_have_lines_of_two_colours() -> None:
    layer = outline_layer(LABELS, View())
    left, right = layer[4, 8], layer[4, 9]
    assert left[3] == right[3] == 255
    assert left.tolist() != right.tolist()
    assert layer[4, 6, 3] == 0
    assert not layer[LABELS == 0].any()


def test_colours_given_are_used_and_tint_fills() -> None:
    layer = outline_layer(LABELS, View(), colours={4: 2, 9: 1, 2: 0}, tint=40)
    assert layer[4, 6].tolist() == [*CELL_COLOURS[2], 40]
    assert layer[2, 10].tolist() == [*CELL_COLOURS[1], 255]


def test_one_colour_and_dots() -> None:
    full = outline_layer(LABELS, View(enlarge=2), single=(1, 2, 3))
    dots = outline_layer(LABELS, View(enlarge=2), single=(1, 2, 3), dotted=True)
    drawn, dotted = (full[..., 3] > 0).sum(), (dots[..., 3] > 0).sum()
    assert 0.3 * drawn < dotted < 0.7 * drawn
    assert (full[full[..., 3] > 0][:, :3] == (1, 2, 3)).all()


@pytest.mark.parametrize("tint", [0, 40])
def test_no_cells_leave_an_empty_layer(tint: int) -> None:
    assert not outline_layer(np.zeros((5, 6), dtype=bool), View(), tint=tint).any()


def test_errors_are_told_apart() -> None:
    predicted = np.array([[1, 1, 0, 0, 1]], dtype=bool)
    truth = np.array([[1, 0, 1, 0, 0]], dtype=bool)
    valid = np.array([[1, 1, 1, 1, 0]], dtype=bool)
    layer = error_layer(predicted, truth, View(), valid=valid)
    assert layer[0, 1, :3].tolist() == list(FALSE_POSITIVE)
    assert layer[0, 2, :3].tolist() == list(FALSE_NEGATIVE)
    assert layer[0, 0, 3] == layer[0, 3, 3] == 0
    assert layer[0, 4, :3].tolist() not in (list(FALSE_POSITIVE), list(FALSE_NEGATIVE))


def test_probabilities_are_no_labels() -> None:
    with pytest.raises(PictureError, match=r"Labels are \(12, 17\) of float64; give a \(Y, X\)"):
        outline_layer(LABELS * 0.5, View())
