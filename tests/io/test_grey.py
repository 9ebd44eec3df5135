import numpy as np
import pytest

from softlight.io.grey import to_grey
from softlight.io.images import ImageError


def test_luma_is_bt601_by_hand():
    pixel = np.array([[[200, 100, 50]]], np.uint8)
    assert to_grey(pixel)[0, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)  # 124.2


def test_luma_agrees_with_pillow():
    from PIL import Image

    rng = np.random.default_rng(3)
    colours = rng.integers(0, 256, (40, 30, 3), np.uint8)
    theirs = np.asarray(Image.fromarray(colours).convert("L")).astype(int)
    assert abs(to_grey(colours).astype(int) - theirs).max() <= 1  # Pillow cuts, we round


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "?"])
def test_equal_channels_come_back_exactly_in_their_type(dtype):
    rng = np.random.default_rng(4)
    grey = (rng.random((20, 31)) * (1 if dtype in "?f4f8" else 250)).astype(dtype)
    found = to_grey(np.stack([grey] * 3, axis=-1))
    assert found.dtype == grey.dtype
    np.testing.assert_array_equal(found, grey)


def test_alpha_is_dropped():
    colours = np.dstack([np.full((2, 3, 3), 80, np.uint8), np.zeros((2, 3, 1), np.uint8)])
    np.testing.assert_array_equal(to_grey(colours), np.full((2, 3), 80))


def test_grey_stays_as_it_is():
    grey = np.arange(6.0).reshape(2, 3)
    assert to_grey(grey) is grey


def test_other_channels_are_refused():
    with pytest.raises(ImageError, match="choose one channel"):
        to_grey(np.zeros((4, 5, 2)))
