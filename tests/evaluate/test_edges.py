import math

import numpy as np
import pytest

from softlight.evaluate.edges import EdgeError, edge_scores, edges

SQUARE = np.zeros((40, 40), np.bool_)
SQUARE[10:30, 10:30] = True


def shifted(pixels: int) -> np.ndarray:
    return np.roll(SQUARE, pixels, axis=1)


def test_edges_are_where_a_mask_changes_and_nowhere_else() -> None:
    found = edges(SQUARE)
    assert found[10, 20]  # the first pixel inside
    assert found[9, 20]  # the last one outside
    assert not found[20, 20]  # the middle of the cell
    assert not found[2, 2]
    rows = np.flatnonzero(found[:, 20])
    assert rows.tolist() == sorted(rows.tolist())
    assert set(rows) <= set(range(7, 13)) | set(range(27, 33))


def test_edges_of_an_image_are_the_same_at_any_brightness() -> None:
    rng = np.random.default_rng(0)
    image = 100 + 80.0 * SQUARE + rng.normal(0, 2, SQUARE.shape)
    assert np.array_equal(edges(image), edges(3 * image))
    on_mask = edges(SQUARE)
    assert edges(image)[on_mask].mean() > 0.9
    assert edges(image)[~on_mask].mean() < 0.1


def test_an_even_image_has_no_edges() -> None:
    for even in (np.zeros((9, 9)), np.full((9, 9), 7, np.uint8), np.full((1, 1), 0.3)):
        assert not edges(even).any()


def test_scores_against_arithmetic_by_hand() -> None:
    image = 50 + 100 * SQUARE.astype(np.uint8)
    same = edge_scores(SQUARE, SQUARE, image)
    assert same == {"edge_dice": 1, "edge_dice_image": 1, "dice_on_edges": 1}
    predicted = shifted(2)
    found = edge_scores(predicted, SQUARE, image)
    one, other = edges(predicted), edges(SQUARE)
    assert found["edge_dice"] == pytest.approx(2 * (one & other).sum() / (one.sum() + other.sum()))
    assert found["edge_dice_image"] == pytest.approx(found["edge_dice"])
    both = (predicted & SQUARE & other).sum()
    on_edges = 2 * both / ((predicted & other).sum() + (SQUARE & other).sum())
    assert found["dice_on_edges"] == pytest.approx(on_edges)


def test_a_shift_costs_more_on_edges_than_on_whole_cells() -> None:
    image = SQUARE.astype(float)
    for pixels in (1, 2, 4):
        predicted = shifted(pixels)
        whole = 2 * (predicted & SQUARE).sum() / (predicted.sum() + SQUARE.sum())
        assert edge_scores(predicted, SQUARE, image)["edge_dice"] < whole


def test_what_is_not_annotated_does_not_count() -> None:
    predicted = SQUARE.copy()
    predicted[:, 34:] = True  # wrong, where nothing is known
    valid = np.ones(SQUARE.shape, np.bool_)
    valid[:, 31:] = False
    image = SQUARE.astype(float)
    assert edge_scores(predicted, SQUARE, image, valid=valid)["edge_dice"] > 0.98
    assert edge_scores(predicted, SQUARE, image)["edge_dice"] < 0.9


def test_without_cells_on_both_sides_there_is_no_answer() -> None:
    none = np.zeros_like(SQUARE)
    found = edge_scores(none, none, SQUARE.astype(float))
    assert math.isnan(found["edge_dice"])
    assert math.isnan(found["dice_on_edges"])
    assert found["edge_dice_image"] == 0
    assert edge_scores(none, SQUARE, SQUARE.astype(float))["edge_dice"] == 0


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(EdgeError, match="they must be of one size"):
        edge_scores(SQUARE, SQUARE[1:], SQUARE.astype(float))
    with pytest.raises(EdgeError, match="with at least one pixel"):
        edges(np.zeros((0, 4)))
    with pytest.raises(EdgeError, match="sigma_px is 0; it must be above 0"):
        edges(SQUARE, sigma_px=0)
