from pathlib import Path

import numpy as np
import pytest
import tifffile

from softlight.io.errors import ImageError
from softlight.io.finer import nearest, on_grid
from softlight.io.images import open_movie
from softlight.io.shrunk import Origin, read_origin, write_shrunk

FRAMES = np.random.default_rng(0).integers(0, 255, (3, 13, 17), np.uint8)
ORIGIN = Origin(height=52, width=68, offset=3.25, step=0.1, source="a b<.tif", sha256="ab")


def written(path: Path, frames: np.ndarray = FRAMES, **options: object) -> Path:
    write_shrunk(path, iter(frames), ORIGIN, shape=frames.shape, dtype=frames.dtype, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("compression", ["deflate", "zstd", "none"])
def test_pixels_and_the_way_back_survive(tmp_path: Path, compression: str) -> None:
    file = written(
        tmp_path / "a.ome.tif", compression=compression, pixel_size_um=2.5, frame_interval_min=7.5
    )
    movie = open_movie(file)
    assert np.array_equal(np.stack(list(movie)), FRAMES)
    assert (movie.pixel_size_um, movie.frame_interval_min) == (2.5, 7.5)
    assert read_origin(file) == ORIGIN
    assert tifffile.imread(file).shape == FRAMES.shape  # any other reader


def test_channels_and_single_frames(tmp_path: Path) -> None:
    two = np.stack([FRAMES, 255 - FRAMES], axis=3)
    movie = open_movie(written(tmp_path / "two.ome.tif", two))
    assert np.array_equal(movie.frame(1), two[1])
    one = open_movie(written(tmp_path / "one.ome.tif", FRAMES[:1]))
    assert np.array_equal(one.frame(0), FRAMES[0])
    assert one.pixel_size_um is None


def test_origin_says_how_coarse_it_is() -> None:
    assert ORIGIN.factor((13, 17)) == 0.25
    assert not ORIGIN.keeps_values
    assert Origin(height=1, width=1).keeps_values


def test_other_files_were_not_shrunk(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, FRAMES[0])
    (tmp_path / "text.txt").write_text("softlight-shrunk-version")
    assert read_origin(plain) is None
    assert read_origin(tmp_path) is None
    assert read_origin(tmp_path / "text.txt") is None
    ome = tmp_path / "other.ome.tif"
    says = {"axes": "TYX", "MapAnnotation": {"a": "b"}}
    tifffile.imwrite(ome, FRAMES, ome=True, photometric="minisblack", metadata=says)
    assert read_origin(ome) is None


@pytest.mark.parametrize(
    ("said", "instead", "why"),
    [
        (">1<", ">9<", "by another Softlight"),
        (">52<", ">no<", "is not readable"),
        (">52<", ">-2<", "is not readable"),
        (">3.25<", ">nan<", "is not readable"),
        (">0.1<", ">x<", "is not readable"),
    ],
)
def test_a_damaged_way_back_is_an_error(tmp_path: Path, said: str, instead: str, why: str) -> None:
    file = written(tmp_path / "a.ome.tif")
    text = tifffile.tiffcomment(file)
    changed = text.replace(said, instead)
    assert changed != text
    tifffile.tiffcomment(file, changed.encode())
    with pytest.raises(ImageError, match=why):
        read_origin(file)


def test_an_unknown_compression_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="must be one of deflate, zstd, none"):
        written(tmp_path / "a.ome.tif", compression="jpeg")


def test_a_finer_grid_makes_no_value_up(tmp_path: Path) -> None:
    movie = open_movie(written(tmp_path / "a.ome.tif", pixel_size_um=2.0))
    fine = on_grid(movie, (26, 34))
    assert fine.shape == (3, 26, 34)
    assert fine.pixel_size_um == 1.0
    assert np.array_equal(fine.frame(1), FRAMES[1].repeat(2, 0).repeat(2, 1))
    assert np.array_equal(fine.grey(1), fine.frame(1))
    assert on_grid(movie, (13, 17)) is movie
    odd = nearest(FRAMES[0], (31, 40))
    assert set(np.unique(odd)) <= set(np.unique(FRAMES[0]))
    assert odd.mean() == pytest.approx(FRAMES[0].mean(), rel=0.05)


def test_a_finer_grid_keeps_channels(tmp_path: Path) -> None:
    two = np.stack([FRAMES, 255 - FRAMES], axis=3)
    fine = on_grid(open_movie(written(tmp_path / "two.ome.tif", two)), (26, 34))
    assert np.array_equal(fine.frame(2), two[2].repeat(2, 0).repeat(2, 1))
