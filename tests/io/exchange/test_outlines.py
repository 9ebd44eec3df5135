import numpy as np
import pytest
from skimage.measure import label as connected

from softlight.io.exchange.drawing import check_ring, draw_labels, drawn_frames
from softlight.io.exchange.movie import ExchangeError
from softlight.io.exchange.outlines import trace


def drawn(pieces, shape):
    """How many pieces cover each pixel."""
    return sum(draw_labels([(1, piece.rings)], *shape) for piece in pieces)


@pytest.mark.parametrize("diagonal", [True, False])
def test_drawing_what_was_traced_gives_the_mask_again(diagonal):
    for seed in range(80):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(1, 13, 2))
        labels = (rng.integers(0, rng.integers(2, 5), shape) * 715_827_882).astype(np.int32)
        found = dict(trace(labels, diagonal=diagonal))
        assert list(found) == [number for number in np.unique(labels) if number]
        for number, pieces in found.items():
            inside = labels == number
            np.testing.assert_array_equal(drawn(pieces, shape), inside)
            assert len(pieces) == connected(inside, connectivity=2 if diagonal else 1).max()


def test_rings_are_simple_where_they_must_be():
    for seed in range(100):
        labels = np.random.default_rng(seed).integers(0, 2, (9, 9))
        for _, pieces in trace(labels, diagonal=False):
            for ring in (ring for piece in pieces for ring in piece.rings):
                assert len({tuple(point) for point in ring.tolist()}) == len(ring)


def test_a_pixel_by_hand():
    labels = np.zeros((4, 5), np.int32)
    labels[3, 4] = 7
    ((number, (piece,)),) = trace(labels, diagonal=False)
    assert number == 7
    assert {tuple(point) for point in piece.outer.tolist()} == {(4, 3), (5, 3), (5, 4), (4, 4)}
    assert piece.holes == ()


def test_a_ring_has_a_hole_that_turns_the_other_way():
    labels = np.ones((5, 6), np.int32)
    labels[1:4, 1:5] = 0
    labels[2, 2] = 1  # an island in the hole
    ((_, pieces),) = trace(labels, diagonal=False)
    frame, island = pieces
    assert [len(piece.holes) for piece in pieces] == [1, 0]

    def turn(ring):
        x, y = ring.T
        return np.sign(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))

    assert turn(frame.outer) == turn(island.outer) == -turn(frame.holes[0])


def test_pixels_that_share_a_corner_are_one_piece_only_if_asked():
    labels = np.array([[1, 0], [0, 1]])
    assert len(dict(trace(labels, diagonal=True))[1]) == 1
    assert len(dict(trace(labels, diagonal=False))[1]) == 2


def test_nothing_to_trace():
    assert list(trace(np.zeros((3, 3), int), diagonal=False)) == []


def test_slanted_polygons_by_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(40):
        ring = rng.uniform(-3, 17, (rng.integers(3, 9), 2))
        found = draw_labels([(1, [ring])], 12, 14)
        for row, column in np.ndindex(12, 14):
            x, y, inside = column + 0.5, row + 0.5, False
            for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                if (y0 > y) != (y1 > y) and x > x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                    inside = not inside
            assert found[row, column] == inside


def test_the_smaller_cell_is_on_top():
    square = np.array([[0, 0], [6, 0], [6, 6], [0, 6]])
    frames = drawn_frames({0: [(3, [square // 2]), (9, [square])]}, (2, 6, 6), "x")
    expected = np.full((6, 6), 9)
    expected[:3, :3] = 3
    np.testing.assert_array_equal(frames[0], expected)
    assert [frame.max() for frame in frames[0:2]] == [9, 0]


@pytest.mark.parametrize(
    ("ring", "message"),
    [
        ([[0, 0], [1, 1]], "at least three"),
        ("abc", "at least three"),
        ([[0, 0], [1, None], [2, 2]], "nowhere near"),
        ([[0, 0], [1, "x"], [2, 2]], "at least three"),
        ([[0, 0], [float("nan"), 1], [2, 2]], "nowhere near"),
        ([[0, 0], [1e9, 1], [2, 2]], "nowhere near"),
    ],
)
def test_rings_that_are_none(ring, message):
    with pytest.raises(ExchangeError, match=message):
        check_ring(ring, "cell 1")


def test_an_image_as_large_as_claimed_must_be_sane():
    with pytest.raises(ValueError, match="claims"):
        drawn_frames({}, (1, 900_000, 900_000), "x")


def test_outlines_that_wind_without_end():
    zigzag = np.tile([[0.0, 0.0], [1.0, 999_999.0]], (200, 1))
    with pytest.raises(ExchangeError, match="wind too often"):
        draw_labels([(1, [zigzag])], 1_000_000, 100)
