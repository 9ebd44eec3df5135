import time

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import watershed
from tests.cell_shapes import SHAPES, assert_valid, best_ious, many_cells, touching_discs

from softlight.data.targets import distance_targets
from softlight.instances.basins import basins, join_shallow, passes
from softlight.instances.distance import cell_scores, split_by_distance


def maps_of(labels):
    """Perfect maps: the foreground, the depth and the nearness to the centre."""
    return ((labels > 0).astype(np.float32), *distance_targets(labels))


def smooth_noise(shape, seed=0, sigma=2.0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return (noise / noise.std()).astype(np.float32)


def brute_basins(height, foreground):
    """Each pixel climbs alone, to the highest neighbour, of equal ones to the first."""
    peaks = np.zeros(height.shape, np.int64)
    for start in zip(*np.nonzero(foreground), strict=True):
        row, column = start
        while True:
            own = height[row, column]
            ways = [
                (-height[y, x], y, x)
                for y in range(max(row - 1, 0), min(row + 2, height.shape[0]))
                for x in range(max(column - 1, 0), min(column + 2, height.shape[1]))
                if foreground[y, x]
            ]
            top = -min(ways)[0]
            ties = [(y, x) for value, y, x in ways if -value == top]
            goal = ties[0] if top > own or ties[0] < (row, column) else (row, column)
            if goal == (row, column):
                break
            row, column = goal
        peaks[start] = 1 + row * height.shape[1] + column
    return peaks


def same_partition(one, other):
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(one)) == pairs.shape[1] == len(np.unique(other))


@pytest.mark.parametrize("levels", [3, 1000])
def test_basins_are_those_of_pixels_that_climb_alone(levels):
    rng = np.random.default_rng(levels)
    height = rng.integers(0, levels, (25, 30)).astype(np.float32)
    foreground = rng.random(height.shape) < 0.7
    found = basins(height, foreground)
    expected = brute_basins(height, foreground)
    assert same_partition(found, expected)
    np.testing.assert_array_equal(found > 0, foreground)


def test_passes_are_the_highest_places_of_the_borders():
    rng = np.random.default_rng(3)
    height = rng.random((20, 24)).astype(np.float32)
    parts = basins(height, rng.random(height.shape) < 0.8)
    expected = {}
    for row, column in np.ndindex(parts.shape):
        for y, x in [
            (row, column + 1),
            (row + 1, column - 1),
            (row + 1, column),
            (row + 1, column + 1),
        ]:
            if 0 <= x < 24 and y < 20:
                p, q = sorted((parts[row, column], parts[y, x]))
                if 0 < p < q:
                    way = min(height[row, column], height[y, x])
                    expected[p, q] = max(expected.get((p, q), 0), way)
    first, second, way = passes(parts, height)
    found = dict(zip(zip(first.tolist(), second.tolist(), strict=True), way, strict=True))
    assert found == expected
    assert (np.diff(way) <= 0).all()


def test_without_dips_it_is_the_watershed_from_the_peaks():
    height = smooth_noise((80, 90), 1, sigma=4)
    foreground = smooth_noise((80, 90), 2, sigma=6) > -0.5
    found = basins(height, foreground)
    peaks = np.zeros(found.shape, np.int32)
    for value, (row, column) in enumerate(
        ndimage.maximum_position(height, found, range(1, found.max() + 1)), 1
    ):
        peaks[row, column] = value
    expected = watershed(-height, peaks, mask=foreground, connectivity=2)
    assert (found == expected).mean() > 0.99  # borders may differ by a pixel


def test_parts_are_joined_across_shallow_passes_only():
    height = np.array([[9, 5, 8, 2, 7, 6, 7.5, 0, 4]], np.float32)
    parts = basins(height, np.ones_like(height, bool))
    assert parts.tolist() == [[1, 1, 2, 2, 3, 4, 4, 4, 5]]

    def cut(depth, **settings):
        return join_shallow(parts, height, lambda peak, way: peak - way < depth, **settings)

    assert cut(0.5).tolist() == [[1, 1, 2, 2, 3, 4, 4, 4, 5]]
    assert cut(1.5).tolist() == [[1, 1, 2, 2, 3, 3, 3, 3, 5]]  # 7 - 6
    assert cut(3.5).tolist() == [[1, 1, 1, 1, 3, 3, 3, 3, 5]]  # 8 - 5
    assert cut(4.5).tolist() == [[1, 1, 1, 1, 3, 3, 3, 3, 3]]  # 4 - 0; 7.5 - 2 stays
    assert cut(9.0).tolist() == [[1] * 9]
    assert cut(0.5, min_area_px=2).tolist() == [[1, 1, 2, 2, 3, 3, 3, 3, 3]]


@pytest.mark.parametrize("name", SHAPES)
def test_perfect_maps_give_the_cells_back(name):
    truth = SHAPES[name]
    probability, depth, nearness = maps_of(truth)
    for center in (nearness, None):
        labels = split_by_distance(probability, depth, center)
        assert labels.max() == truth.max()
        assert_valid(labels, truth > 0)
        np.testing.assert_array_equal(labels > 0, truth > 0)
        assert best_ious(truth, labels).min() > (0.75 if name == "sheet" else 0.85)


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_cut_cells(seed):
    truth = touching_discs()
    probability, depth, nearness = maps_of(truth)
    noise = 0.05 * smooth_noise(truth.shape, seed)
    labels = split_by_distance(probability, depth + noise, nearness - noise)
    assert labels.max() == 2


def test_it_does_not_matter_how_high_a_peak_is():
    """Where the network is unsure the maps are low as such; a fixed threshold loses these cells."""
    truth = touching_discs()
    probability, depth, nearness = maps_of(truth)
    weaker = np.where(truth == 2, 0.45, 1).astype(np.float32)
    labels = split_by_distance(probability, depth * weaker, nearness * weaker)
    assert labels.max() == 2
    assert best_ious(truth, labels).min() > 0.9


def test_each_setting_changes_the_result():
    truth = touching_discs()
    probability, depth, nearness = maps_of(truth)
    lower = np.where(truth == 2, np.float32(0.25), np.float32(1))

    def count(weaker=1.0, **settings):
        return split_by_distance(
            0.7 * probability, depth * weaker, nearness * weaker, **settings
        ).max()

    assert count() == 2
    assert count(foreground_threshold=0.8) == 0
    assert count(dip=0.99) == 1
    assert count(lower) == 1
    assert count(lower, seed_threshold=0.1) == 2
    assert count(smoothing_px=30) == 1
    assert count(min_area_px=800) == 1  # the smaller one belongs to what it touches
    assert count(min_area_px=10_000) == 0


def test_a_piece_without_a_seed_is_a_cell():
    probability = touching_discs() > 0
    zero = np.zeros(probability.shape, np.float32)
    np.testing.assert_array_equal(split_by_distance(probability, zero, zero), probability)


def test_nothing_in_nothing_out():
    zero = np.zeros((5, 7), np.float32)
    labels = split_by_distance(zero, zero, zero)
    assert labels.shape == (5, 7)
    assert labels.dtype == np.int32
    assert not labels.any()
    assert cell_scores(labels, zero, zero).shape == (0,)


def test_all_foreground_without_any_dip_is_one_cell():
    one = np.ones((9, 12), np.float32)
    assert (split_by_distance(one, one, one) == 1).all()


def test_negative_maps_are_no_heights():
    """Two maps below zero must not be a peak by their product."""
    truth = touching_discs()
    probability, depth, nearness = maps_of(truth)
    assert split_by_distance(probability, depth - 2, nearness - 2).max() == 1


def test_many_cells_and_labels_beyond_16_bits():
    truth = many_cells()
    probability, depth, nearness = maps_of(truth)
    labels = split_by_distance(probability, depth, nearness)
    np.testing.assert_array_equal(labels, truth)
    scores = cell_scores(labels, probability, depth)
    assert scores.shape == (70_000,)
    np.testing.assert_allclose(scores, 1)


def test_it_is_deterministic_and_changes_nothing():
    truth = SHAPES["sheet"]
    maps = maps_of(truth)
    noisy = [one + 0.2 * smooth_noise(truth.shape, seed) for seed, one in enumerate(maps)]
    before = [one.copy() for one in noisy]
    first, second = split_by_distance(*noisy), split_by_distance(*noisy)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.bool_])
def test_maps_of_other_types(dtype):
    probability, depth, nearness = maps_of(touching_discs())
    if dtype is np.bool_:
        assert split_by_distance(probability > 0, depth, nearness).max() == 2
    else:
        assert (
            split_by_distance(*(m.astype(dtype) for m in (probability, depth, nearness))).max() == 2
        )


def test_scores_by_hand():
    labels = np.array([[1, 1, 0], [2, 2, 2], [0, 0, 4]], np.int32)
    probability = np.array([[0.8, 1.0, 1], [0.6, 0.6, 0.9], [1, 1, 0.5]], np.float32)
    distance = np.array([[0.5, 0.9, 1], [0.2, 0.5, 0.1], [1, 1, 1.2]], np.float32)
    scores = cell_scores(labels, probability, distance)
    np.testing.assert_allclose(scores, [0.9 * 0.9, 0.7 * 0.5, np.nan, 0.5], rtol=1e-6)


def test_scores_find_the_cells_that_are_unsure():
    truth = touching_discs()
    probability, depth, nearness = maps_of(truth)
    weaker = np.where(truth == 2, np.float32(0.7), np.float32(1))
    labels = split_by_distance(probability * weaker, depth * weaker, nearness)
    first, second = cell_scores(labels, probability * weaker, depth * weaker)
    assert first == pytest.approx(1, abs=0.02)
    assert second == pytest.approx(0.49, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p, d, c: (p[None], d, c),
            r"foreground has shape \(1, 60, 80\); it must be one plane",
        ),
        (lambda p, d, c: (p, d[:, 1:], c), r"boundary distances has shape \(60, 79\) and the fore"),
        (lambda p, d, c: (p, d, c[1:]), r"map of centres has shape \(59, 80\) and the foreground"),
        (lambda p, d, c: (p, d * np.nan, c), "map of boundary distances holds NaN or infinity"),
        (lambda p, d, c: (p / np.float32(0), d, c), "foreground holds NaN or infinity"),
    ],
)
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
def test_what_cannot_be_split(change, message):
    with pytest.raises(ValueError, match=message):
        split_by_distance(*change(*maps_of(touching_discs())))


def test_a_frame_takes_a_fraction_of_a_second():
    rows, columns = np.mgrid[:520, :704]
    truth = (1 + rows // 32 * 22 + columns // 32).astype(np.int32)
    maps = maps_of(truth)
    noisy = [one + 0.05 * smooth_noise(truth.shape, seed) for seed, one in enumerate(maps)]
    start = time.process_time()
    split_by_distance(*noisy)
    assert time.process_time() - start < 0.4  # 0.05 on an idle core
