import time

import numpy as np
import pytest
from scipy import ndimage
from tests.cell_shapes import SHAPES, assert_valid, best_ious, many_cells, touching_discs

from softlight.data.targets import flow_targets
from softlight.instances.clean import whole
from softlight.instances.flows import flow_errors, landscape, split_by_flow, valley_depths


def maps_of(labels):
    return (labels > 0).astype(np.float32), flow_targets(labels)


def noise(shape, seed):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), (0, 2, 2))
    return (smooth / smooth.std()).astype(np.float32)


@pytest.mark.parametrize("name", SHAPES)
def test_perfect_fields_give_the_cells_back(name):
    truth = SHAPES[name]
    labels = split_by_flow(*maps_of(truth))
    assert labels.max() == truth.max()
    assert_valid(labels, truth > 0)
    np.testing.assert_array_equal(labels > 0, truth > 0)
    assert best_ious(truth, labels).min() > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_cut_cells(seed):
    truth = touching_discs()
    probability, flow = maps_of(truth)
    labels = split_by_flow(probability, flow + 0.2 * noise(flow.shape, seed), min_area_px=20)
    assert labels.max() == 2
    assert_valid(labels, truth > 0)
    assert best_ious(truth, labels).min() > 0.9


def test_the_landscape_has_the_slope_that_was_asked_for():
    height = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((37, 53)), 3)
    slopes = np.stack(np.gradient(height)).astype(np.float32)
    assert np.corrcoef(landscape(slopes).ravel(), height.ravel())[0, 1] > 0.99
    plane = landscape(np.stack([np.full((9, 14), 0.5), np.full((9, 14), -0.25)]).astype(np.float32))
    rows, columns = np.mgrid[:9, :14]
    expected = 0.5 * rows - 0.25 * columns
    np.testing.assert_allclose(plane, expected - expected.mean(), atol=1e-4)


def test_a_weak_valley_counts_less_than_a_strong_one():
    probability, flow = maps_of(touching_discs())
    assert split_by_flow(probability, flow).max() == 2
    assert split_by_flow(probability, 0.05 * flow).max() == 1


def test_each_setting_changes_the_result():
    truth = touching_discs()
    probability, flow = maps_of(truth)

    def count(field=flow, **settings):
        return split_by_flow(0.7 * probability, field, **settings).max()

    assert count() == 2
    assert count(foreground_threshold=0.8) == 0
    assert count(smoothing_px=40) == 1
    assert count(min_area_px=700) == 1  # the smaller one belongs to what it touches
    assert count(min_area_px=10_000) == 0
    noisy = flow + 1.0 * noise(flow.shape, 1)
    assert count(noisy, dip=0.2) > count(noisy, dip=3)


def test_nothing_in_nothing_out():
    labels = split_by_flow(np.zeros((5, 7)), np.zeros((2, 5, 7)))
    assert labels.shape == (5, 7)
    assert labels.dtype == np.int32
    assert not labels.any()
    assert flow_errors(labels, np.zeros((2, 5, 7))).shape == (0,)


def test_a_field_of_zeros_leaves_connected_pieces():
    probability = touching_discs() > 0
    labels = split_by_flow(probability, np.zeros((2, 60, 80)), min_area_px=20)
    assert_valid(labels, probability)
    np.testing.assert_array_equal(labels > 0, probability)


def test_many_cells_and_labels_beyond_16_bits():
    truth = many_cells()  # 3 x 3 pixels each, beginning at every fourth
    flow = np.broadcast_arrays(1 - np.arange(1000)[:, None] % 4, 1 - np.arange(1120) % 4)
    np.testing.assert_array_equal(split_by_flow(truth > 0, np.stack(flow), smoothing_px=0.5), truth)


def test_it_is_deterministic_and_changes_nothing():
    probability, flow = maps_of(SHAPES["sheet"])
    flow = flow + 0.5 * noise(flow.shape, 0)
    before = probability.copy(), flow.copy()
    first, second = split_by_flow(probability, flow), split_by_flow(probability, flow)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(probability, before[0])
    np.testing.assert_array_equal(flow, before[1])


def test_errors_of_fields():
    truth = touching_discs()
    flow = flow_targets(truth)
    assert flow_errors(truth, flow).max() < 0.01
    quarter = np.stack([flow[1], -flow[0]])
    np.testing.assert_allclose(flow_errors(truth, quarter), 1, atol=0.01)
    np.testing.assert_allclose(
        flow_errors(truth, np.where(truth == 2, -flow, flow)), [0, 2], atol=0.01
    )
    gap = np.where(truth == 2, 3, truth)
    assert np.isnan(flow_errors(gap, flow)[1])


def roof(ridges, width=40, height=12):
    """A landscape that rises with slope 1 to ridges at these columns, its slope, and its parts."""
    columns = np.arange(width)
    away = np.abs(columns[:, None] - np.array(ridges))
    parts = np.broadcast_to(1 + away.argmin(axis=1), (height, width)).astype(np.int32)
    slope = np.array(ridges)[away.argmin(axis=1)] - columns
    across = np.broadcast_to(np.sign(slope), (height, width))
    return parts, np.stack([np.zeros_like(across), across]).astype(np.float32)


def test_valleys_are_as_deep_as_the_way_up_from_them():
    parts, flow = roof((10, 24))  # the valley is between columns 16 and 17
    np.testing.assert_allclose(valley_depths(parts, flow), [6, 6.5], atol=1)
    np.testing.assert_allclose(
        valley_depths(parts, 0.5 * flow), valley_depths(parts, flow) / 2, atol=0.01
    )
    three, flow = roof((5, 11, 30))
    first, second, third = valley_depths(three, flow)
    assert first == pytest.approx(2.5, abs=1)  # the highest pass of each counts
    assert second == pytest.approx(first, abs=1)
    assert third == pytest.approx(9, abs=1)


def test_a_cell_that_touches_none_is_as_high_as_it_stands_above_its_edge():
    rows, columns = np.mgrid[:60, :60] - 29.5
    away = np.hypot(rows, columns)
    disc = (away < 20).astype(np.int32)
    flow = np.where(disc, np.stack([-rows, -columns]) / away, 0)
    (depth,) = valley_depths(disc, flow)
    assert depth == pytest.approx(20, abs=2)
    apart = np.where(np.pad(disc, ((0, 0), (60, 0))), 3, np.pad(disc, ((0, 0), (0, 60))))
    depths = valley_depths(apart, np.concatenate([flow, flow], axis=2))
    np.testing.assert_allclose(depths, [depth, np.nan, depth], atol=0.5)
    everywhere = valley_depths(np.ones((5, 5), np.int32), np.zeros((2, 5, 5)))
    np.testing.assert_allclose(everywhere, [0], atol=1e-6)
    assert valley_depths(np.zeros((5, 5), np.int32), np.zeros((2, 5, 5))).shape == (0,)


def test_the_largest_piece_of_a_label_stays_and_the_others_join_their_neighbours():
    labels = np.array(
        [
            [1, 1, 1, 2, 2, 0, 3],
            [1, 1, 1, 1, 2, 0, 0],
            [2, 1, 1, 2, 2, 0, 3],
            [1, 1, 1, 2, 2, 0, 3],
        ],
        np.int32,
    )
    found = whole(labels)
    assert found[2, 0] == found[0, 0]  # the stray 2 in the first cell
    assert found[0, 6] != found[3, 6]  # what touches nothing is a label of its own
    assert len(np.unique(found)) == 5
    assert len(np.unique(whole(labels, min_area_px=9))) == 4  # the 2 has 7: it joins the 1
    np.testing.assert_array_equal(found > 0, labels > 0)


@pytest.mark.parametrize("seed", range(3))
def test_whole_labels_are_connected(seed):
    labels = np.random.default_rng(seed).integers(0, 4, (30, 30)).astype(np.int32)
    for least in (0, 5):
        found = whole(labels, min_area_px=least)
        for value in np.unique(found[found > 0]):
            assert ndimage.label(found == value, np.ones((3, 3)))[1] == 1
        np.testing.assert_array_equal(found > 0, labels > 0)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_maps_of_other_types(dtype):
    probability, flow = maps_of(touching_discs())
    assert split_by_flow(probability.astype(dtype), flow.astype(dtype)).max() == 2
    assert split_by_flow(probability > 0, flow).max() == 2


@pytest.mark.parametrize(
    ("foreground", "message"),
    [
        (np.zeros((1, 60, 80)), r"foreground has shape \(1, 60, 80\); it must be one plane"),
        (np.full((60, 80), np.inf), "foreground holds NaN or infinity"),
    ],
)
def test_what_is_no_foreground(foreground, message):
    with pytest.raises(ValueError, match=message):
        split_by_flow(foreground, np.zeros((2, 60, 80)))


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (np.zeros((60, 80)), r"flow has shape \(60, 80\); it must be \(2, Y, X\)"),
        (np.zeros((3, 60, 80)), r"flow has shape \(3, 60, 80\); it must be \(2, Y, X\)"),
        (np.zeros((2, 60, 79)), r"flow has shape \(60, 79\) and the foreground \(60, 80\)"),
        (np.full((2, 60, 80), np.nan), "flow holds NaN or infinity"),
    ],
)
def test_what_is_no_field(flow, message):
    with pytest.raises(ValueError, match=message):
        split_by_flow(touching_discs() > 0, flow)


def test_a_frame_takes_a_fraction_of_a_second():
    rows, columns = np.mgrid[:520, :704]
    truth = (1 + rows // 32 * 22 + columns // 32).astype(np.int32)
    row_way, column_way = 15.5 - rows % 32, 15.5 - columns % 32
    flow = np.stack([row_way, column_way]) / np.hypot(row_way, column_way)
    flow = flow + 0.3 * noise(flow.shape, 0)
    start = time.process_time()
    split_by_flow(truth > 0, flow)
    assert time.process_time() - start < 0.8  # 0.08 on an idle core
