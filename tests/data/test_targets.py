import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import disk, ellipse, line
from tests.cell_shapes import neurite, touching_discs

from softlight.data.random_walk import hitting_times
from softlight.data.targets import TARGETS, _depth, _pieces, flow_targets


def random_cells(seed, shape=(40, 50), seeds=30):
    """Touching cells with background between some of them, all of one piece."""
    rng = np.random.default_rng(seed)
    points = np.ones(shape, bool)
    points[tuple(rng.integers(0, s, seeds) for s in shape)] = False
    row, column = ndimage.distance_transform_edt(
        points, return_distances=False, return_indices=True
    )
    _, labels = np.unique(row * shape[1] + column, return_inverse=True)
    labels = labels.reshape(shape).astype(np.int32)  # 0 is the background, one of the regions
    return np.where(rng.random(shape) < 0.05, 0, labels)


def test_hitting_times_on_a_line_are_known():
    """From the k-th of n pixels before a wall a walk takes k (2n + 1 - k) / 2 in units of 1/2."""
    line_of_seven = np.ones((1, 8), np.int32)
    start = np.zeros((1, 8), bool)
    start[0, 0] = True
    k, n = np.arange(8), 7
    np.testing.assert_allclose(hitting_times(line_of_seven, start)[0], k * (2 * n + 1 - k) / 2)


def test_hitting_times_solve_their_equation():
    pieces = random_cells(5)
    pieces = np.where(np.isin(pieces, [3, 4, 5, 6]), pieces, 0)
    start = np.zeros(pieces.shape, bool)
    for label in (3, 4, 5, 6):
        parts, number = ndimage.label(pieces == label, np.ones((3, 3)))
        for part in range(1, number + 1):
            start[tuple(np.argwhere(parts == part)[0])] = True
    times = hitting_times(pieces, start)
    for row, column in np.argwhere((pieces > 0) & ~start):
        leaving = coming = 0.0
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                y, x = row + down, column + right
                inside = 0 <= y < pieces.shape[0] and 0 <= x < pieces.shape[1]
                if (down or right) and inside and pieces[y, x] == pieces[row, column]:
                    weight = 0.25 if down and right else 1.0
                    leaving += weight
                    coming += weight * times[y, x]
        assert leaving * times[row, column] == pytest.approx(1 + coming)


def centres_of(labels):
    """Where in cells the flow ends."""
    return np.argwhere((labels > 0) & ~flow_targets(labels).any(axis=0))


def test_two_touching_discs_have_their_middles():
    assert centres_of(touching_discs()).tolist() == [[30, 25], [30, 54]]


@pytest.mark.parametrize("seed", range(3))
def test_depth_is_the_distance_to_the_nearest_other_pixel(seed):
    labels = random_cells(seed)
    pieces, count = _pieces(labels)
    depth = _depth(pieces)
    np.testing.assert_array_equal(depth > 0, labels > 0)
    for piece in range(1, count + 1):
        cell = pieces == piece
        exact = ndimage.distance_transform_edt(np.pad(cell, 1, "edge"))[1:-1, 1:-1][cell]
        assert (depth[cell] >= exact - 1e-4).all()
        assert (depth[cell] <= exact + 0.6).all()  # where another pixel is near by its corner


def test_a_cell_cut_by_the_edge_of_the_image_goes_on_beyond_it():
    labels = np.zeros((40, 40), np.int32)
    labels[disk((0, 20), 12, shape=labels.shape)] = 1
    ((row, column),) = centres_of(labels)
    assert row <= 5  # near where it is cut, not in the middle of what is left
    assert abs(column - 20) <= 1


def test_the_centre_of_a_ring_is_in_the_cell_and_ways_go_around_the_hole():
    labels = np.zeros((41, 41), np.int32)
    labels[disk((20, 20), 16)] = 1
    labels[disk((20, 20), 8)] = 0
    ((row, column),) = centres_of(labels)
    assert labels[row, column] == 1
    flow = flow_targets(labels)
    assert not flow[:, 20, 20].any()
    across = np.array([row - 20, column - 20]) / np.hypot(row - 20, column - 20)
    beside = np.rint(20 + 12 * np.array([[-across[1], across[0]], [across[1], -across[0]]]))
    for y, x in beside.astype(int):  # a quarter of the way around it leads along the ring
        assert flow[:, y, x] @ across > 0.9


def test_the_centre_of_a_cell_with_arms_is_in_its_body():
    ((row, column),) = centres_of(neurite())
    assert np.hypot(row - 45, column - 45) < 4


def test_the_centre_of_an_even_spindle_is_half_way():
    labels = np.zeros((100, 100), np.int32)
    labels[ellipse(50, 50, 4, 45, rotation=np.pi / 4)] = 1
    ((row, column),) = centres_of(labels)
    assert np.hypot(row - 50, column - 50) < 3


def test_pieces_of_one_label_have_a_centre_each():
    labels = np.zeros((20, 40), np.int32)
    labels[disk((10, 10), 6)] = 5
    labels[disk((10, 30), 6)] = 5
    assert centres_of(labels).tolist() == [[10, 10], [10, 30]]


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((7, 9), np.int32),
        np.ones((7, 9), np.int32),
        np.eye(5, dtype=np.int32),
        np.arange(1, 50, dtype=np.int32).reshape(7, 7),
        np.full((1, 6), 2, np.int32),
        np.full((3, 3), 2**31 - 1, np.int32),
    ],
    ids=["empty", "full", "diagonal", "single pixels", "one row", "largest label"],
)
def test_canonical_small_cases(name, labels):
    maps = TARGETS[name](labels)
    assert maps.shape == (2, *labels.shape)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()
    assert (np.abs(maps) <= 1).all()
    assert not maps[:, labels == 0].any()


def test_a_single_pixel_is_its_own_centre():
    labels = np.zeros((3, 3), np.int32)
    labels[1, 1] = 1
    np.testing.assert_array_equal(flow_targets(labels)[:, 1, 1], [0, 0])


def test_flow_of_a_disc_points_to_its_middle():
    labels = np.zeros((50, 50), np.int32)
    labels[disk((25, 25), 20)] = 1
    flow = flow_targets(labels)
    length = np.hypot(*flow)
    np.testing.assert_allclose(length[labels > 0].max(), 1, rtol=1e-5)
    assert (length[labels > 0] > 0.999).sum() == (labels > 0).sum() - 1  # all but the centre
    rows, columns = np.nonzero(labels)
    to_center = np.stack([25 - rows, 25 - columns]) / np.maximum(
        np.hypot(rows - 25, columns - 25), 1
    )
    cosine = (flow[:, rows, columns] * to_center).sum(axis=0)
    away = np.hypot(rows - 25, columns - 25) > 2
    assert cosine[away].min() > 0.97


def test_flow_follows_the_arms_of_a_cell():
    labels = neurite()
    flow = flow_targets(labels)
    rows, columns = line(45, 45, 5, 10)
    to_body = np.array([40, 35]) / np.hypot(40, 35)
    along = (flow[:, rows[15:], columns[15:]] * to_body[:, None]).sum(axis=0)
    assert along.min() > 0.8


def test_flow_does_not_cross_into_a_neighbour():
    flow = flow_targets(touching_discs())
    assert flow[1, 30, 35] < -0.99
    assert flow[1, 30, 44] > 0.99


def test_maps_do_not_depend_on_the_numbers_of_the_labels():
    labels = random_cells(1)
    other = np.random.default_rng(0).permutation(10**6)[: labels.max() + 1].astype(np.int32)
    other[0] = 0
    for target in TARGETS.values():
        np.testing.assert_array_equal(target(labels), target(other[labels]))


def test_labels_are_not_changed():
    labels = touching_discs()
    before = labels.copy()
    for target in TARGETS.values():
        target(labels)
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("name", TARGETS)
def test_labels_must_be_one_plane(name):
    with pytest.raises(ValueError, match=r"\(2, 4, 4\); they must be one plane"):
        TARGETS[name](np.zeros((2, 4, 4), np.int32))
