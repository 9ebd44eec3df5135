from pathlib import Path

import numpy as np
import pytest

from softlight.io.images import open_movie
from softlight.io.stacks import write_stack


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("shape", "colour"),
    [((1, 9, 7), False), ((5, 9, 7), False), ((4, 9, 7, 2), False), ((1, 9, 7, 3), True)],
)
def test_what_was_written_is_read_back(
    tmp_path: Path, shape: tuple[int, ...], colour: bool, dtype: type[np.generic]
) -> None:
    if colour and dtype is np.float32:
        pytest.skip("colours are whole numbers")
    frames = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    path = tmp_path / "a.ome.tif"
    write_stack(
        path,
        iter(frames),
        shape=shape,
        dtype=np.dtype(dtype),
        colour=colour,
        pixel_size_um=0.65,
        frame_interval_min=4.0,
    )
    movie = open_movie(path)
    assert (movie.shape, movie.dtype, movie.colour) == (shape, dtype, colour)
    assert movie.pixel_size_um == pytest.approx(0.65)
    if shape[0] > 1:
        assert movie.frame_interval_min == pytest.approx(4)
    for t, frame in enumerate(frames):
        assert np.array_equal(movie.frame(t), frame)
