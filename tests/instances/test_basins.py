"""Watersheds and passes against brute force."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import watershed

from softlight.instances.basins import basins, join_shallow, passes


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
