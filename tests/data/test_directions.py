import numpy as np
import pytest

from softlight.config import AugmentConfig
from softlight.data.augment import Augmenter
from softlight.data.directions import turned


@pytest.mark.parametrize("seed", range(8))
def test_directions_point_to_the_same_pixel_after_flips_turns_and_zoom(seed: int) -> None:
    """Each pixel points at the centre of a disc, wherever the patch has it."""
    side, middle = 64, np.array([30.0, 34.0])
    rows, columns = np.mgrid[:side, :side]
    away = middle[:, None, None] - np.stack([rows, columns])
    field = (away / np.maximum(np.hypot(*away), 1e-6)).astype(np.float32)
    image = np.exp(-np.hypot(rows - middle[0], columns - middle[1]))[None].astype(np.float32)
    places = np.arange(side * side, dtype=np.int32).reshape(side, side)
    augmenter = Augmenter(AugmentConfig(flips=True, quarter_turns=True, zoom=(0.9, 1.3)))
    patch, source, _ = augmenter(image, places, None, np.random.default_rng(seed))
    found = turned(field.reshape(2, -1)[:, source], source, side)
    centre = np.array(np.unravel_index(patch[0].argmax(), patch[0].shape))
    y, x = np.mgrid[:side, :side]
    expected = centre[:, None, None] - np.stack([y, x])
    far = np.hypot(*expected) > 4
    inside = far & (np.hypot(*expected) < 20)
    cosine = (found * expected / np.maximum(np.hypot(*expected), 1)).sum(0)
    assert cosine[inside].min() > 0.9
