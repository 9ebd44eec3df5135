import time

import numpy as np
import pytest
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from skimage.draw import disk, ellipse, line
from tests.cell_shapes import neurite, touching_discs

from softlight.data.geodesic import path_lengths
from softlight.data.random_walk import hitting_times
from softlight.data.targets import TARGETS, distance_targets, flow_targets

SLANTED = 99 / 70  # the length of a step by a corner


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


def brute_path_lengths(pieces, start):
    """Dijkstra on a graph of all pixels."""
    index = np.arange(pieces.size).reshape(pieces.shape)
    ends, lengths = [], []
    for one, other, length in [
        (np.s_[:, :-1], np.s_[:, 1:], 1),
        (np.s_[:-1], np.s_[1:], 1),
        (np.s_[:-1, :-1], np.s_[1:, 1:], SLANTED),
        (np.s_[:-1, 1:], np.s_[1:, :-1], SLANTED),
    ]:
        same = pieces[one] == pieces[other]
        ends.append(np.stack([index[one][same], index[other][same]]))
        lengths.append(np.full(same.sum(), length))
    ends = np.concatenate(ends, axis=1)
    graph = coo_array((np.concatenate(lengths), ends), shape=(pieces.size,) * 2).tocsr()
    found = dijkstra(graph, directed=False, indices=np.flatnonzero(start), min_only=True)
    return found.reshape(pieces.shape)


@pytest.mark.parametrize("seed", range(3))
def test_path_lengths_are_those_of_dijkstra(seed):
    pieces = random_cells(seed)
    start = np.random.default_rng(seed).random(pieces.shape) < 0.01
    start &= pieces > 0
    found = path_lengths(pieces, start)
    expected = brute_path_lengths(pieces, start)
    np.testing.assert_allclose(found[pieces > 0], expected[pieces > 0], rtol=1e-5)
    assert np.isinf(found[pieces == 0]).all()


def test_path_through_a_maze():
    maze = np.ones((21, 31), np.int32)
    for number, row in enumerate(range(1, 21, 2)):
        maze[row] = 0
        maze[row, -1 if number % 2 == 0 else 0] = 1
    start = np.zeros(maze.shape, bool)
    start[0, 0] = True
    found = path_lengths(maze, start)
    np.testing.assert_allclose(
        found[maze > 0], brute_path_lengths(maze, start)[maze > 0], rtol=1e-5
    )
    assert found[20].min() > 10 * 29


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


def test_two_touching_discs():
    labels = touching_discs()
    depth, nearness = distance_targets(labels)
    for label, center in [(1, (30, 25)), (2, (30, 54))]:
        cell = labels == label
        assert depth[cell].max() == nearness[cell].max() == 1
        assert depth[cell].min() == pytest.approx(1 / 15, abs=0.01)  # above 0 at the edge
        assert nearness[cell].min() == 0
        assert tuple(np.argwhere(cell & (nearness == 1))[0]) == center
    assert not depth[labels == 0].any()
    assert not nearness[labels == 0].any()
    # Where they touch is as much their boundary as where the background begins.
    assert depth[30, 39] < 0.15
    assert depth[30, 40] < 0.15


@pytest.mark.parametrize("seed", range(3))
def test_depth_is_the_distance_to_the_nearest_other_pixel(seed):
    labels = random_cells(seed)
    depth, _ = distance_targets(labels)
    np.testing.assert_array_equal(depth > 0, labels > 0)
    for label in range(1, labels.max() + 1):
        parts, number = ndimage.label(labels == label, np.ones((3, 3)))
        for part in range(1, number + 1):
            cell = parts == part
            exact = ndimage.distance_transform_edt(np.pad(cell, 1, "edge"))[1:-1, 1:-1][cell]
            assert depth[cell].max() == 1
            in_pixels = depth[cell] / depth[cell].min()  # an edge pixel is one pixel deep
            assert (in_pixels >= exact - 1e-4).all()
            assert (in_pixels <= exact + 0.6).all()  # where another pixel is near by its corner


def test_a_cell_cut_by_the_edge_of_the_image_goes_on_beyond_it():
    labels = np.zeros((40, 40), np.int32)
    labels[disk((0, 20), 12, shape=labels.shape)] = 1
    depth, _ = distance_targets(labels)
    assert np.argmax(depth[:, 20]) == 0  # it is deepest where it is cut
    assert depth[0, 20] == 1
    assert depth[0, 9] < 0.2


def test_a_hole_is_a_boundary_and_paths_go_around_it():
    labels = np.zeros((41, 41), np.int32)
    labels[disk((20, 20), 16)] = 1
    labels[disk((20, 20), 8)] = 0
    depth, nearness = distance_targets(labels)
    assert depth[20, 29] < 0.6  # beside the hole
    assert depth[20, 32] == pytest.approx(1, abs=0.15)
    row, column = np.argwhere(nearness == 1)[0]
    assert labels[row, column] == 1  # the centre is in the cell, not in its hole
    assert nearness[40 - row, 40 - column] < 0.25  # the other side is far
    assert not nearness[20, 20]


def test_the_centre_of_a_cell_with_arms_is_in_its_body():
    labels = neurite()
    _, nearness = distance_targets(labels)
    row, column = np.argwhere(nearness == 1)[0]
    assert np.hypot(row - 45, column - 45) < 4
    arm = nearness[line(45, 45, 5, 10)]
    assert (np.diff(arm[4:]) < 0).all()  # ever farther along the arm


def test_the_centre_of_an_even_spindle_is_half_way():
    labels = np.zeros((100, 100), np.int32)
    labels[ellipse(50, 50, 4, 45, rotation=np.pi / 4)] = 1
    _, nearness = distance_targets(labels)
    row, column = np.argwhere(nearness == 1)[0]
    assert np.hypot(row - 50, column - 50) < 3


def test_pieces_of_one_label_have_a_centre_each():
    labels = np.zeros((20, 40), np.int32)
    labels[disk((10, 10), 6)] = 5
    labels[disk((10, 30), 6)] = 5
    depth, nearness = distance_targets(labels)
    assert (depth == 1).sum() >= 2
    assert nearness[10, 10] == nearness[10, 30] == 1


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
    if name == "distance" and labels.any():
        assert (maps[0][labels > 0] > 0).all()
        assert maps.max() == 1


def test_a_single_pixel_is_its_own_centre():
    labels = np.zeros((3, 3), np.int32)
    labels[1, 1] = 1
    np.testing.assert_array_equal(distance_targets(labels)[:, 1, 1], [1, 1])
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


def test_maps_turn_with_the_labels():
    labels = random_cells(2)
    # A centre may be another of equal pixels, so only the depth is exactly the same.
    turned = distance_targets(np.ascontiguousarray(np.rot90(labels)))
    np.testing.assert_allclose(turned[0], np.rot90(distance_targets(labels)[0]), rtol=1e-6)


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


def test_a_frame_of_900_cells_takes_a_fraction_of_a_second():
    rows, columns = np.mgrid[:520, :704]
    labels = (1 + rows // 20 * 36 + columns // 20).astype(np.int32)
    labels[(rows % 20 == 0) | (columns % 20 == 0)] = 0
    start = time.process_time()
    distance_targets(labels)
    assert time.process_time() - start < 0.75  # 0.1 on an idle core
