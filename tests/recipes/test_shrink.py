import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from softlight.config import ConfigError
from softlight.io.images import open_movie
from softlight.io.shrunk import read_origin
from softlight.recipes.segment import Reading
from softlight.recipes.shrink import shrink


def movie_file(path: Path, frames: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path, frames, imagej=frames.dtype != np.float64, metadata={"axes": "TYX"[3 - frames.ndim :]}
    )
    return path


def scene(dtype: type = np.uint16, *, side: tuple[int, int] = (64, 80)) -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = 1000 + 400 * np.sin(np.arange(side[0])[:, None] / 9) * np.cos(np.arange(side[1]) / 7)
    return np.stack([rng.poisson(smooth) for _ in range(3)]).astype(dtype)


def test_means_of_what_coarse_pixels_cover(tmp_path: Path) -> None:
    frames = scene()
    file = movie_file(tmp_path / "in" / "a.tif", frames)
    (result,) = shrink([file], tmp_path / "out", reading=Reading(None, None, 0.5, 20.0))
    assert result.error is None
    assert result.path == tmp_path / "out" / "a.ome.tif"
    movie = open_movie(result.path)
    assert movie.shape == (3, 16, 20)
    assert movie.dtype == np.uint8
    assert (movie.pixel_size_um, movie.frame_interval_min) == (2.0, 20.0)
    origin = read_origin(result.path)
    assert origin is not None
    assert origin.shape == (64, 80)
    by_hand = frames.reshape(3, 16, 4, 20, 4).mean(axis=(2, 4))
    back = origin.offset + origin.step * np.stack(list(movie)).astype(float)
    assert np.abs(back - by_hand).max() <= origin.step / 2 + 1e-3
    assert origin.step == pytest.approx(np.ptp(by_hand) / 255)
    assert result.bytes_after < 0.1 * result.bytes_before
    assert "brightness measured on the smaller movie" in result.notes[0]
    said = json.loads((tmp_path / "out" / "shrunk.json").read_text())
    assert said["files"][0]["bytes_after"] == result.path.stat().st_size
    assert result.line().startswith("a.tif: a.ome.tif, 3 x 16 x 20, ")


@pytest.mark.parametrize("side", [(63, 81), (50, 97), (33, 32)])
@pytest.mark.parametrize("factor", [1.0, 0.5, 0.3, 0.25])
def test_any_size_and_factor(tmp_path: Path, side: tuple[int, int], factor: float) -> None:
    file = movie_file(tmp_path / "a.tif", scene(side=side))
    (result,) = shrink([file], tmp_path / "out", factor=factor, bits=16)
    assert result.error is None, result.error
    movie = open_movie(result.path or "")
    assert movie.shape[1:] == (round(side[0] * factor), round(side[1] * factor))
    assert movie.frame(0).mean() == pytest.approx(scene(side=side)[0].mean(), rel=0.01)
    if factor == 1:
        assert np.array_equal(movie.frame(2), scene(side=side)[2])


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint8, 12), (np.uint16, 16)])
def test_whole_numbers_that_fit_keep_their_values(tmp_path: Path, dtype: type, bits: int) -> None:
    file = movie_file(tmp_path / "a.tif", (scene() // 8).astype(dtype))
    (result,) = shrink([file], tmp_path / "out", factor=1.0, bits=bits)
    assert result.path is not None
    origin = read_origin(result.path)
    assert origin is not None
    assert origin.keeps_values
    assert np.array_equal(open_movie(result.path).frame(1), scene()[1] // 8)


def test_few_bits_and_numbers_with_fractions(tmp_path: Path) -> None:
    frames = scene().astype(np.float32) / 7
    file = movie_file(tmp_path / "a.tif", frames)
    (result,) = shrink([file], tmp_path / "out", factor=1.0, bits=4)
    assert result.path is not None
    movie, origin = open_movie(result.path), read_origin(result.path)
    assert origin is not None
    assert set(np.unique(movie.frame(0))) <= set(range(16))
    back = origin.offset + origin.step * movie.frame(0)
    assert np.abs(back - frames[0]).max() <= origin.step / 2 + 1e-3


def test_an_image_of_one_value_and_a_folder_of_frames(tmp_path: Path) -> None:
    for t in range(3):
        movie_file(tmp_path / "dark" / f"t{t}.tif", np.full((32, 32), 7, np.uint16))
    (result,) = shrink([tmp_path / "dark"], tmp_path / "out", as_movies=True)
    assert result.shape == (3, 8, 8)
    assert result.bytes_before == sum(f.stat().st_size for f in (tmp_path / "dark").iterdir())


def test_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    good = movie_file(tmp_path / "good.tif", scene())
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0nothing")
    small = movie_file(tmp_path / "small.tif", scene(side=(12, 80)))
    results = shrink([bad, good, small], tmp_path / "out")
    assert [one.error is None for one in results] == [False, True, False]
    assert "would leave 3 x 20, and at least 8 a side" in (results[2].error or "")
    assert results[0].line() == "bad.tif: failed"


def test_what_was_shrunk_is_not_shrunk_again(tmp_path: Path) -> None:
    file = movie_file(tmp_path / "a.tif", scene())
    (first,) = shrink([file], tmp_path / "out")
    assert first.path is not None
    (again,) = shrink([first.path], tmp_path / "more")
    assert "was shrunk already" in (again.error or "")
    (same,) = shrink([first.path], tmp_path / "out")
    assert "would replace" in (same.error or "")
    assert read_origin(first.path) is not None


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"factor": 0.0}, "above 0 and at most 1"),
        ({"factor": 4.0}, "above 0 and at most 1"),
        ({"bits": 0}, "1 to 16 can be kept"),
        ({"bits": 32}, "1 to 16 can be kept"),
    ],
)
def test_wrong_settings(tmp_path: Path, wrong: dict[str, float], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        shrink([tmp_path], tmp_path / "out", **wrong)  # type: ignore[arg-type]
