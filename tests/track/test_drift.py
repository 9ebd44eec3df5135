import numpy as np
import pytest
from scipy import ndimage

from softlight.track.drift import image_shift, shift_of_places
from softlight.track.settings import TrackError


@pytest.mark.parametrize("shift", [(0, 0), (3, -7), (-40, 25), (45, 0)])
def test_images_show_their_shift(shift: tuple[int, int]) -> None:
    scene = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(300, 400)), 2)
    top, left = 100, 100
    one = scene[top : top + 120, left : left + 200]
    two = scene[top - shift[0] : top - shift[0] + 120, left - shift[1] : left - shift[1] + 200]
    assert image_shift(one, two) == shift


def test_images_of_two_sizes_are_one_sentence() -> None:
    with pytest.raises(TrackError, match="two images"):
        image_shift(np.zeros((4, 5)), np.zeros((5, 4)))


def test_even_images_have_not_moved() -> None:
    assert image_shift(np.ones((16, 16)), np.ones((16, 16))) == (0.0, 0.0)


@pytest.mark.parametrize("cells", [15, 100])
@pytest.mark.parametrize("shift", [(50.0, -30.0), (0.0, 0.0)])
def test_most_cells_decide(cells: int, shift: tuple[float, float]) -> None:
    rng = np.random.default_rng(cells)
    places = rng.uniform(0, 800, (cells, 2))
    late = places + rng.normal(0, 1, places.shape) + shift
    late = np.concatenate([late[cells // 6 :], rng.uniform(0, 800, (cells // 6, 2))])
    found = shift_of_places(places, late, farthest_px=250, tolerance_px=4)
    assert found == pytest.approx(shift, abs=1.5)


def test_few_cells_and_cells_that_disagree_are_believed_nothing() -> None:
    rng = np.random.default_rng(0)
    few = rng.uniform(0, 500, (4, 2))
    assert shift_of_places(few, few + 40, farthest_px=200).tolist() == [0, 0]
    one, two = rng.uniform(0, 500, (2, 60, 2))
    assert shift_of_places(one, two, farthest_px=200).tolist() == [0, 0]
