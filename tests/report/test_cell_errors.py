"""The picture of right and wrong cells: which colour lies where."""

import numpy as np
import numpy.typing as npt
import pytest

from softlight.evaluate.mistakes import Fates
from softlight.report.cell_errors import FATE_COLOURS, cell_error_layer, fate_legend
from softlight.report.colours import TRUTH
from softlight.report.figures import UNKNOWN_LEGEND
from softlight.report.layers import UNKNOWN
from softlight.report.pictures import picture_of_cells
from softlight.report.view import View

PLAIN = View()


def scene() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(truth, predicted): right, merged, split, missed and not there, each in its own corner."""
    truth = np.zeros((40, 60), np.int32)
    found = truth.copy()
    truth[2:12, 2:12], found[2:12, 2:12] = 1, 5
    truth[2:12, 22:32], truth[2:12, 32:42], found[2:12, 22:42] = 2, 3, 6
    truth[22:32, 2:22], found[22:32, 2:12], found[22:32, 12:22] = 4, 7, 8
    truth[22:32, 26:36] = 5
    found[22:32, 42:52] = 9
    return truth, found


def colour(layer: npt.NDArray[np.uint8], row: int, column: int) -> tuple[int, ...]:
    return tuple(int(value) for value in layer[row, column, :3])


def test_wrong_cells_are_filled_and_right_ones_only_outlined() -> None:
    truth, found = scene()
    layer, fates = cell_error_layer(found, truth, PLAIN)
    assert layer[6, 6, 3] == 0
    assert colour(layer, 6, 2) == FATE_COLOURS["correct"]
    for fate, (row, column) in {
        "merged": (6, 26),
        "split": (26, 6),
        "missed": (26, 30),
        "false": (26, 46),
    }.items():
        assert colour(layer, row, column) == FATE_COLOURS[fate]  # type: ignore[index]
        assert 0 < layer[row, column, 3] < 255
    assert layer[15, 15, 3] == 0
    assert set(fates.count().values()) == {1, 2}


def test_the_border_between_merged_cells_is_dotted() -> None:
    truth, found = scene()
    layer, _ = cell_error_layer(found, truth, PLAIN)
    border = [colour(layer, row, 31) for row in range(3, 11)]
    assert TRUTH in border
    assert FATE_COLOURS["merged"] in border


def test_a_cell_merged_into_a_right_one_is_seen() -> None:
    truth = np.zeros((20, 40), np.int32)
    truth[2:18, 2:30], truth[2:18, 30:36] = 1, 2
    found = (truth > 0).astype(np.int32)
    layer, _ = cell_error_layer(found, truth, PLAIN)
    assert layer[10, 10, 3] == 0
    assert colour(layer, 10, 33) == FATE_COLOURS["merged"]


def test_what_is_not_annotated_has_stripes_and_no_fate() -> None:
    truth, found = scene()
    valid = np.ones(truth.shape, bool)
    valid[:, 40:] = False
    layer, fates = cell_error_layer(found, truth, PLAIN, valid=valid)
    assert 9 not in fates.predicted
    painted = {colour(layer, row, column) for row in range(22, 32) for column in range(42, 52)}
    assert painted <= {UNKNOWN, (0, 0, 0)}
    assert UNKNOWN in painted


@pytest.mark.parametrize("view", [View(enlarge=3), View(shrink=2)])
def test_the_layer_has_the_size_of_the_view(view: View) -> None:
    truth, found = scene()
    layer, _ = cell_error_layer(found, truth, view)
    assert layer.shape == (*view.labels(truth).shape, 4)
    row, column = (26 * view.enlarge // view.shrink, 46 * view.enlarge // view.shrink)
    assert colour(layer, row, column) == FATE_COLOURS["false"]


def test_the_legend_says_how_many() -> None:
    fates = Fates({1: "correct", 2: "merged", 3: "merged"}, {1: "correct", 2: "false"})
    assert [text for _, text in fate_legend(fates)] == [
        "right: 1",
        "missed: 0",
        "not there: 1",
        "merged: 2",
        "split: 0",
    ]
    assert fate_legend(fates, partial=True)[-1] == UNKNOWN_LEGEND
    assert len({colour for colour, _ in fate_legend(fates)}) == 5


def test_a_picture_of_single_cells_has_both_kinds_of_errors() -> None:
    truth, found = scene()
    image = truth.astype(np.float32)
    of_cells = picture_of_cells("a", image, found, truth=truth, single_cells=True)
    assert [panel.title for panel in of_cells.panels] == [
        "Cells found",
        "Annotation",
        "Cells right and wrong",
    ]
    assert [layer.name for layer in of_cells.layers][-1] == "Wrong pixels"
    of_pixels = picture_of_cells("a", image, found, truth=truth)
    assert [panel.title for panel in of_pixels.panels][-1] == "Errors"
    assert len(of_pixels.layers) == 3


def test_what_was_given_stays_as_it_was() -> None:
    truth, found = scene()
    cell_error_layer(found, truth, PLAIN, valid=np.ones(truth.shape, bool))
    assert (truth == scene()[0]).all()
    assert (found == scene()[1]).all()
