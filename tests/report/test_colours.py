"""Neighbours differ in colour, whatever the map; colours hold through a movie."""

import numpy as np
import pytest
from skimage.segmentation import expand_labels

from softlight.report.colours import CELL_COLOURS, colour_cells, colour_movie


def _tessellation(seed: int, cells: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.zeros((90, 130), dtype=np.int32)
    places = rng.choice(labels.size, size=cells, replace=False)
    labels.ravel()[places] = rng.permutation(np.arange(1, cells + 1)) * 7
    return expand_labels(labels, distance=200)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_touching_cells_never_share_a_colour(seed: int) -> None:
    labels = _tessellation(seed, cells=150)
    colours = colour_cells(labels)
    assert set(colours) == set(np.unique(labels).tolist())
    shown = np.vectorize(colours.get)(labels)
    borders = 0
    for a, b, ca, cb in (
        (labels[1:], labels[:-1], shown[1:], shown[:-1]),
        (labels[:, 1:], labels[:, :-1], shown[:, 1:], shown[:, :-1]),
    ):
        borders += int((a != b).sum())
        assert not ((a != b) & (ca == cb)).any()
    assert borders > 1000
    assert set(colours.values()) <= set(range(len(CELL_COLOURS)))


def test_cells_close_to_each_other_differ_too() -> None:
    labels = np.zeros((20, 60), dtype=np.int32)
    labels[5:15, 2:20] = 1
    labels[5:15, 26:40] = 2
    colours = colour_cells(labels)
    assert colours[1] != colours[2]


def test_an_empty_image_has_no_colours() -> None:
    assert colour_cells(np.zeros((4, 6), dtype=np.int32)) == {}


def test_a_cell_keeps_its_colour_while_its_number_changes() -> None:
    first = _tessellation(5, cells=40)
    renumbered = np.random.default_rng(1).permutation(500)[first].astype(np.int32) + 1
    before, after = colour_movie([first, renumbered])
    for label in np.unique(first):
        new = int(renumbered[first == label][0])
        assert after[new] == before[int(label)]
    alone = colour_cells(renumbered)
    assert alone != after  # without the frame before, the colours would differ


def test_a_movie_may_change_its_size() -> None:
    frames = [np.ones((4, 4), dtype=np.int32), np.ones((5, 6), dtype=np.int32)]
    assert len(list(colour_movie(frames))) == 2
