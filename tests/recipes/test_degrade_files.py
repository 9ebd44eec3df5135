from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.cases import discs, write_discs

from softlight.config import ConfigError
from softlight.data.degradation import Degradation, degrade
from softlight.data.sets import open_dataset
from softlight.io.images import open_movie
from softlight.io.stacks import write_stack
from softlight.recipes.degrade import degrade_files

HOW = Degradation(factor=0.25, photons=200)
FRAMES = np.stack([(200 * discs(seed=s)[0].clip(0, 1)).astype(np.uint16) for s in range(3)])


def movie_in(folder: Path) -> Path:
    path = folder / "movie.ome.tif"
    write_stack(
        path,
        FRAMES,
        shape=FRAMES.shape,
        dtype=FRAMES.dtype,
        pixel_size_um=0.5,
        frame_interval_min=4,
    )
    return path


def test_a_data_set_keeps_its_labels(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", ("a", "b"))
    told: list[tuple[int, int]] = []
    done = degrade_files(
        [data], tmp_path / "out", HOW, seed=3, progress=lambda *now: told.append(now)
    )
    assert [(one.source.name, one.frames, one.error) for one in done] == [
        ("a", 1, None),
        ("b", 1, None),
    ]
    assert told[-1] == (2, 2)
    before, after = open_dataset(data).samples, open_dataset(tmp_path / "out").samples
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        clean, worse = one.read(), other.read()
        assert np.array_equal(clean.labels, worse.labels)
        assert worse.image.dtype == np.uint8
        expected = degrade(clean.image, HOW, seed=3, frame=number)
        assert np.array_equal(worse.image, np.rint(expected.clip(0, 255)))


def test_a_movie_keeps_its_scale_and_its_exposure(tmp_path: Path) -> None:
    path = movie_in(tmp_path)
    how = Degradation(bleaching=0.5, bits=12)
    (done,) = degrade_files([path], tmp_path / "out", how)
    assert done.path is not None
    assert done.frames == 3
    movie = open_movie(done.path)
    assert (movie.shape, movie.dtype) == ((3, 48, 48), np.uint16)
    assert movie.pixel_size_um == pytest.approx(0.5)
    assert movie.frame_interval_min == pytest.approx(4)
    means = [movie.frame(t).mean() / FRAMES[t].mean() for t in range(3)]
    assert means == pytest.approx([1, 0.5, 0.25], abs=0.01)


def test_the_coarse_grid_has_larger_pixels(tmp_path: Path) -> None:
    (done,) = degrade_files([movie_in(tmp_path)], tmp_path / "out", Degradation(0.25, up="none"))
    assert done.path is not None
    movie = open_movie(done.path)
    assert movie.shape == (3, 12, 12)
    assert movie.pixel_size_um == pytest.approx(2)


def test_a_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    movie_in(folder)
    (folder / "broken.tif").write_bytes(b"II*\0nothing")
    tifffile.imwrite(folder / "real.tif", FRAMES[0].astype(np.float32))
    done = {one.source.name: one for one in degrade_files([folder], tmp_path / "out", HOW)}
    assert done["broken.tif"].error
    assert done["movie.ome.tif"].frames == 3
    real = done["real.tif"].path
    assert real is not None
    assert open_movie(real).dtype == np.float32


def test_what_would_be_lost_or_change_nothing_is_refused(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", ("a",))
    with pytest.raises(ConfigError, match="Nothing would be made worse"):
        degrade_files([data], tmp_path / "out", Degradation())
    with pytest.raises(ConfigError, match="labels are on its own grid"):
        degrade_files([data], tmp_path / "out", Degradation(0.5, up="none"))
    with pytest.raises(ConfigError, match="no movie that bleaches"):
        degrade_files([data], tmp_path / "out", Degradation(bleaching=0.1))
    with pytest.raises(ValueError, match="where the results would mix with it"):
        degrade_files([data], data, HOW)
    path = movie_in(tmp_path)
    with pytest.raises(ValueError, match="where the results would mix with it"):
        degrade_files([path], tmp_path, HOW)
    assert np.array_equal(open_movie(path).frame(0), FRAMES[0])
