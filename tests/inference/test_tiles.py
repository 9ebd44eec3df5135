from itertools import pairwise

import numpy as np
import pytest

from softlight.inference.tiles import plan_tiles, predict_tiled

CASES = [  # shape, tile, overlap, align
    ((1, 1), 64, 16, 1),
    ((17, 23), 64, 16, 16),  # smaller than a tile
    ((64, 64), 64, 16, 16),  # exactly a tile
    ((65, 64), 64, 16, 16),  # one pixel more
    ((100, 333), 64, 31, 16),
    ((200, 90), 32, 24, 8),  # pixels in four tiles of an axis
    ((97, 41), 10, 0, 1),  # no overlap
]


@pytest.mark.parametrize(("shape", "tile", "overlap", "align"), CASES)
def test_weights_are_positive_and_sum_to_one(shape, tile, overlap, align):
    total = np.zeros(shape)
    tiles = plan_tiles(shape, tile, overlap, align=align)
    for part in tiles:
        assert part.weights.min() > 0
        assert part.rows.start % align == part.columns.start % align == 0
        assert max(part.weights.shape) <= tile
        total[part.rows, part.columns] += part.weights
    assert tiles
    np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize(("shape", "tile", "overlap", "align"), CASES)
def test_neighbours_overlap_as_asked(shape, tile, overlap, align):
    tiles = plan_tiles(shape, tile, overlap, align=align)
    edges = sorted({(part.columns.start, part.columns.stop) for part in tiles})
    for (_, stop), (start, _) in pairwise(edges):
        assert stop - start >= overlap
    assert edges[0][0] == 0
    assert edges[-1][1] == shape[1]


@pytest.mark.parametrize(("shape", "tile", "overlap", "align"), CASES)
def test_identity_gives_the_image_back(shape, tile, overlap, align):
    image = np.random.default_rng(3).random((2, *shape), dtype=np.float32)
    result = predict_tiled(image, lambda part: part, tile=tile, overlap=overlap, align=align)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, image, atol=1e-6)


def test_tiles_that_disagree_fade_into_each_other():
    def offset_by_place(part):  # each tile answers with another constant
        return np.full_like(part, part[0, 0, 0])

    image = np.tile(np.arange(200, dtype=np.float32), (1, 8, 1))
    result = predict_tiled(image, offset_by_place, tile=64, overlap=32)
    steps = np.abs(np.diff(result[0, 0]))
    assert steps.max() > 0
    assert steps.max() < 4  # neighbours differ by 32: a seam would jump by that


def test_progress_hears_of_every_tile():
    heard = []
    image = np.zeros((1, 70, 70), np.float32)
    predict_tiled(
        image,
        lambda x: x,
        tile=40,
        overlap=8,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_image_is_not_changed():
    image = np.ones((1, 20, 20), np.float32)
    predict_tiled(image, lambda x: x * 2, tile=16, overlap=4)
    assert (image == 1).all()


@pytest.mark.parametrize(
    ("tile", "overlap", "align"), [(16, 16, 1), (16, -1, 1), (32, 20, 16), (0, 0, 1), (8, 0, 0)]
)
def test_tiles_that_cannot_advance_are_refused(tile, overlap, align):
    with pytest.raises(ValueError, match="do not advance"):
        plan_tiles((50, 50), tile, overlap, align=align)


def test_empty_image_is_refused():
    with pytest.raises(ValueError, match="0×5; it needs at least one pixel"):
        plan_tiles((0, 5), 16, 0)
