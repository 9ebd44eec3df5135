import numpy as np
import pytest
import tifffile
from PIL import Image

from softlight.io.images import ImageError, open_movie

RNG = np.random.default_rng(1)


def write_frames(folder, numbers, name="well_B2_t{}.tif", shape=(8, 11)):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        frame = np.full(shape, number, np.uint16)
        tifffile.imwrite(folder / name.format(number), frame, photometric="minisblack")
    return folder


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    movie = open_movie(write_frames(tmp_path / "a", [10, 9, 11, 8]))
    assert (movie.shape, movie.axes, movie.notes) == ((4, 8, 11), "TYX", ())
    assert [int(frame[0, 0]) for frame in movie] == [8, 9, 10, 11]


def test_missing_numbers_are_told(tmp_path):
    movie = open_movie(write_frames(tmp_path / "a", [1, 2, 5, 6, 9]))
    assert len(movie) == 5
    assert "Frame numbers 3, 4, 7, 8 are missing" in movie.notes[0]
    many = open_movie(write_frames(tmp_path / "b", [0, 10]))
    assert "1, 2, 3, 4, 5 and 4 more" in many.notes[0]


def test_folders_of_pictures(tmp_path):
    for number in range(3):
        Image.fromarray(np.full((6, 7), number, np.uint8)).save(tmp_path / f"{number}.png")
    assert open_movie(tmp_path).shape == (3, 6, 7)


def test_sizes_and_types_must_agree(tmp_path):
    folder = write_frames(tmp_path / "a", [1, 2])
    write_frames(folder, [3], shape=(8, 12))
    with pytest.raises(ImageError, match=r"t3.tif is 8×12 pixels and the first frame 8×11"):
        open_movie(folder)
    tifffile.imwrite(folder / "well_B2_t3.tif", np.zeros((8, 11), np.uint8))
    with pytest.raises(ImageError, match="uint8 and the first frame uint16"):
        open_movie(folder)


def test_folders_that_are_not_one_movie(tmp_path):
    with pytest.raises(ImageError, match="holds no images"):
        open_movie(tmp_path)
    two = write_frames(tmp_path / "two", [1], name="a{}.tif")
    write_frames(two, [2], name="b{}.tif")
    with pytest.raises(ImageError, match="more than the frame number differs"):
        open_movie(two)
    same = write_frames(tmp_path / "same", [1], name="a{}.tif")
    write_frames(same, [1], name="a0{}.tif")
    with pytest.raises(ImageError, match=r"more than the frame number|same frame number"):
        open_movie(same)
    none = write_frames(tmp_path / "none", [1], name="a.tif")
    write_frames(none, [1], name="b.tif")
    with pytest.raises(ImageError, match="do not carry one frame number"):
        open_movie(none)
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    for number in range(2):
        tifffile.imwrite(stacks / f"{number}.tif", np.zeros((5, 8, 9), np.uint8), metadata=None)
    with pytest.raises(ImageError, match=r"0.tif alone holds 5"):
        open_movie(stacks)


def test_one_damaged_file_is_named(tmp_path):
    folder = write_frames(tmp_path / "a", [1, 2])
    whole = (folder / "well_B2_t2.tif").read_bytes()
    (folder / "well_B2_t2.tif").write_bytes(whole[:-20])
    with pytest.raises(ImageError, match=r"well_B2_t2\.tif is truncated"):
        open_movie(folder)
