import pickle

import numpy as np
import pytest
import tifffile
from PIL import Image

from softlight.io.images import ImageError, find_images, open_movie, read_image

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 4096, (5, 12, 17), np.uint16)  # 12 bits in 16


def write(path, array, **options):
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, array, **options)
    return path


def frames(movie):
    return np.stack(list(movie))


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
def test_tiff_pixels_come_back_exactly(tmp_path, dtype, compression):
    array = (STACK % (2 if dtype == "?" else 200)).astype(dtype)
    if dtype == "?" and compression == "lzw":
        pytest.skip("tifffile does not write bits as LZW")
    path = write(tmp_path / "a.tif", array, compression=compression, metadata=None)
    movie = open_movie(path)
    assert movie.shape == array.shape
    assert movie.dtype == array.dtype
    np.testing.assert_array_equal(frames(movie), array)


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"byteorder": ">"}, {"tile": (16, 16)}])
def test_tiff_flavours(tmp_path, options):
    path = write(tmp_path / "a.tif", STACK, compression="zlib", predictor=True, **options)
    np.testing.assert_array_equal(frames(open_movie(path)), STACK)


def test_packed_twelve_bits(tmp_path):
    pixels = STACK[0, :, :16]
    bits = (pixels[..., None] >> np.arange(11, -1, -1)) & 1
    packed = np.packbits(bits.reshape(12, -1).astype(np.uint8), axis=1)  # (Y, X * 12 / 8)
    path = write(tmp_path / "a.tif", packed, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(16)
        tif.pages[0].tags["BitsPerSample"].overwrite(12)
    movie = open_movie(path)
    assert movie.dtype == np.uint16
    np.testing.assert_array_equal(movie.frame(0), pixels)


def test_a_still_is_a_movie_of_one_frame(tmp_path):
    movie = open_movie(write(tmp_path / "cells.ome.tif", STACK[0]))
    assert (movie.name, movie.shape, movie.axes, len(movie)) == ("cells", (1, 12, 17), "YX", 1)
    assert movie.source == tmp_path / "cells.ome.tif"


def test_plain_pages_are_taken_as_time_and_it_is_said(tmp_path):
    movie = open_movie(write(tmp_path / "a.tif", STACK, metadata=None))
    assert movie.axes == "TYX"
    assert "does not say what its 5 pages are, so they were taken as time" in movie.axes_note
    assert movie.pixel_size_um is None
    assert movie.frame_interval_min is None


def test_ome_tiff(tmp_path):
    array = RNG.integers(0, 60000, (3, 2, 12, 17), np.uint16)
    meta = {
        "axes": "TCYX",
        "PhysicalSizeX": 650.0,
        "PhysicalSizeXUnit": "nm",
        "TimeIncrement": 90.0,
        "TimeIncrementUnit": "s",
    }
    movie = open_movie(write(tmp_path / "a.ome.tif", array, metadata=meta))
    assert movie.axes == "TCYX"
    assert movie.pixel_size_um == pytest.approx(0.65)
    assert movie.frame_interval_min == pytest.approx(1.5)
    assert "OME" in movie.axes_note
    np.testing.assert_array_equal(frames(movie), array.transpose(0, 2, 3, 1))
    one = open_movie(tmp_path / "a.ome.tif", channel=1)
    np.testing.assert_array_equal(frames(one), array[:, 1])


def test_imagej_hyperstack(tmp_path):
    array = RNG.integers(0, 60000, (3, 2, 12, 17), np.uint16)
    path = write(
        tmp_path / "a.tif",
        array,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"axes": "TCYX", "finterval": 300.0, "unit": "um"},
    )
    movie = open_movie(path)
    assert (movie.axes, movie.pixel_size_um) == ("TCYX", 0.5)
    assert movie.frame_interval_min == pytest.approx(5)
    np.testing.assert_array_equal(frames(movie), array.transpose(0, 2, 3, 1))


def test_channels_before_time(tmp_path):
    array = RNG.integers(0, 60000, (2, 3, 12, 17), np.uint16)
    movie = open_movie(write(tmp_path / "a.tif", array, metadata={"axes": "CTYX"}))
    assert movie.shape == (3, 12, 17, 2)
    np.testing.assert_array_equal(frames(movie), array.transpose(1, 2, 3, 0))


def test_what_the_user_states_wins(tmp_path):
    path = write(tmp_path / "a.tif", STACK[:3], metadata={"axes": "TYX"})
    movie = open_movie(path, axes="CYX", pixel_size_um=0.7, interval_min=4)
    assert movie.shape == (1, 12, 17, 3)
    assert (movie.pixel_size_um, movie.frame_interval_min) == (0.7, 4)
    assert "given as CYX" in movie.axes_note
    assert not movie.colour


@pytest.mark.parametrize("axes", ["TYXC", "YX", "TTX", "TQX", "XYT", ""])
def test_axes_that_do_not_fit_name_the_dimensions(tmp_path, axes):
    path = write(tmp_path / "a.tif", STACK, metadata=None)
    with pytest.raises(ImageError, match="5 pages × 12 Y × 17 X"):
        open_movie(path, axes=axes)


def test_z_is_never_flattened_in_silence(tmp_path):
    path = write(tmp_path / "a.ome.tif", STACK, metadata={"axes": "ZYX"})
    with pytest.raises(ImageError, match=r"5 Z slices.*axes="):
        open_movie(path)
    np.testing.assert_array_equal(frames(open_movie(path, axes="TYX")), STACK)
    one = write(tmp_path / "b.ome.tif", STACK[:, None], metadata={"axes": "TZYX"})
    assert open_movie(one).axes == "TYX"


def test_two_unknown_axes(tmp_path):
    path = tmp_path / "a.tif"
    write(path, RNG.integers(0, 99, (5, 2, 12, 17), np.uint16))
    assert "time and channel" in open_movie(path).axes_note
    write(path, RNG.integers(0, 99, (5, 6, 12, 17), np.uint16))
    with pytest.raises(ImageError, match="does not say which is time; give axes="):
        open_movie(path)
    with pytest.raises(ImageError, match="6 Z slices"):
        open_movie(path, axes="TZYX")


@pytest.mark.parametrize("frames_count", [3, 4])
def test_small_stacks_that_call_themselves_rgb_are_frames(tmp_path, frames_count):
    # What tifffile does to three or four grey 16-bit frames when nothing is said.
    path = tmp_path / "a.tif"
    write(path, STACK[:frames_count], photometric="rgb", planarconfig="separate")
    movie = open_movie(path)
    assert movie.shape == (frames_count, 12, 17)
    np.testing.assert_array_equal(frames(movie), STACK[:frames_count])
    assert open_movie(path, axes="CYX").shape == (1, 12, 17, frames_count)


def test_colour_is_kept_and_made_grey_on_request(tmp_path):
    colours = RNG.integers(0, 256, (12, 17, 3), np.uint8)
    for name, options in (
        ("a.tif", {"photometric": "rgb"}),
        ("b.tif", {"photometric": "rgb", "planarconfig": "separate"}),
    ):
        array = colours if name == "a.tif" else np.moveaxis(colours, -1, 0)
        movie = open_movie(write(tmp_path / name, array, **options))
        assert movie.colour
        assert movie.shape == (1, 12, 17, 3)
        np.testing.assert_array_equal(movie.frame(0), colours)
        assert movie.grey(0).shape == (12, 17)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", channel=2), colours[..., 2])


def test_fluorescence_channels_are_not_mixed_to_grey(tmp_path):
    movie = open_movie(write(tmp_path / "a.tif", STACK[:3], metadata={"axes": "CYX"}))
    with pytest.raises(ImageError, match=r"3 channels; choose one with channel="):
        movie.grey(0)
    with pytest.raises(ImageError, match=r"channel=3 is not in a.tif, which has 3"):
        open_movie(tmp_path / "a.tif", channel=3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures(tmp_path, suffix):
    grey = np.add.outer(np.arange(16), np.arange(24)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / f"a{suffix}", quality=100)
    found = read_image(tmp_path / f"a{suffix}")
    assert found.shape == grey.shape
    assert abs(found.astype(int) - grey).max() <= (0 if suffix == ".png" else 3)


def test_pngs_of_every_kind(tmp_path):
    grey = RNG.integers(0, 256, (9, 14), np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(STACK[0]).save(path)
    np.testing.assert_array_equal(read_image(path), STACK[0])
    Image.fromarray(grey > 100).save(path)
    np.testing.assert_array_equal(read_image(path), grey > 100)
    colours = np.stack([grey, grey // 2, 255 - grey], axis=-1)
    Image.fromarray(colours).save(path)
    np.testing.assert_array_equal(read_image(path), colours)
    Image.merge("LA", [Image.fromarray(grey)] * 2).save(path)
    np.testing.assert_array_equal(read_image(path), grey)
    indexed = Image.fromarray(grey % 4, mode=None).convert("P")
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    indexed.save(path)
    assert read_image(path).shape == (9, 14, 3)


def test_a_jpeg_named_tif_is_read_by_its_content(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.full((8, 9), 7, np.uint8)).save(path, format="PNG")
    assert read_image(path).shape == (8, 9)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_an_error_that_names_frame_and_count(tmp_path, value):
    array = STACK.astype(np.float32)
    array[2, 3, 4:6] = value
    movie = open_movie(write(tmp_path / "a.tif", array, metadata={"axes": "TYX"}))
    movie.frame(1)
    with pytest.raises(ImageError, match=r"frame 2 has 2 pixels that are NaN.*replace"):
        movie.frame(2)


@pytest.mark.parametrize("dtype", ["i2", "u4", "c8"])
def test_other_types_are_refused(tmp_path, dtype):
    path = write(tmp_path / "a.tif", STACK[0].astype(dtype))
    with pytest.raises(ImageError, match=r"convert|cannot be read"):
        open_movie(path)


def test_frames_outside_the_movie(tmp_path):
    movie = open_movie(write(tmp_path / "a.tif", STACK, metadata={"axes": "TYX"}))
    for t in (5, -1):
        with pytest.raises(ImageError, match="frames 0 to 4"):
            movie.frame(t)
    with pytest.raises(ImageError, match="holds 5 frames where one image is needed"):
        read_image(tmp_path / "a.tif")


def test_movies_can_be_sent_to_workers(tmp_path):
    movie = open_movie(write(tmp_path / "a.tif", STACK, metadata={"axes": "TYX"}))
    np.testing.assert_array_equal(frames(pickle.loads(pickle.dumps(movie))), STACK)


@pytest.mark.parametrize("option", ["pixel_size_um", "interval_min"])
@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf])
def test_impossible_sizes_are_refused(tmp_path, option, value):
    path = write(tmp_path / "a.tif", STACK[0])
    with pytest.raises(ImageError, match=f"{option}=.* above 0"):
        open_movie(path, **{option: value})


def test_find_images_is_natural_and_leaves_out_what_is_hidden(tmp_path):
    for name in ("f10.tif", "f9.tif", "F1.PNG", ".f2.tif", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "below").mkdir()
    found = find_images([tmp_path, tmp_path / "f9.tif", tmp_path / "notes.txt"])
    assert [path.name for path in found] == ["F1.PNG", "f9.tif", "f10.tif", "notes.txt"]


def test_find_images_says_what_is_missing(tmp_path):
    with pytest.raises(ImageError, match=r"no\.tif does not exist"):
        find_images([tmp_path / "no.tif"])
    with pytest.raises(ImageError, match="holds no images"):
        find_images([tmp_path])
    with pytest.raises(ImageError, match="does not exist"):
        open_movie(tmp_path / "no.tif")
