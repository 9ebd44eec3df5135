import tracemalloc

import numpy as np
import pytest
import tifffile
from PIL import Image

from softlight.io.labels import (
    ImageError,
    label_writer,
    open_label_movie,
    read_labels,
    write_labels,
)

LABELS = np.zeros((9, 13), np.int32)
LABELS[1:3, 2:5], LABELS[5:7, 7:12] = 3, 200


@pytest.mark.parametrize(
    ("largest", "kind"),
    [(255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4"), (2**31 - 1, "u4")],
)
def test_the_smallest_type_that_holds_them(tmp_path, largest, kind):
    labels = LABELS.copy()
    labels[0, 0] = largest
    write_labels(tmp_path / "a.tif", labels)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].dtype == np.dtype(kind)
        assert tif.pages[0].compression.name == "ADOBE_DEFLATE"
    found = read_labels(tmp_path / "a.tif")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
def test_stacks_come_back(tmp_path, frames):
    stack = np.stack([LABELS * (t + 1) for t in range(frames)])
    write_labels(tmp_path / "a.tif", stack)
    found = open_label_movie(tmp_path / "a.tif")
    assert len(found) == frames
    assert found[0].dtype == np.int32
    np.testing.assert_array_equal(list(found), stack)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_any_whole_numbers_are_labels(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(dtype))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), LABELS)


def test_binary_masks_keep_their_value(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LABELS > 0)
    assert np.unique(read_labels(tmp_path / "a.tif")).tolist() == [0, 1]
    Image.fromarray(((LABELS > 0) * 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert np.unique(read_labels(tmp_path / "a.png")).tolist() == [0, 255]


def test_a_colour_table_is_a_display_of_labels(tmp_path):
    picture = Image.fromarray(LABELS.astype(np.uint8)).convert("P")
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


def test_grey_saved_as_colour_is_read_and_overlays_are_not(tmp_path):
    grey = np.stack([LABELS.astype(np.uint8)] * 3, axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="rgb")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), LABELS)
    grey[2, 3, 0] = 99
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="rgb")
    with pytest.raises(ImageError, match=r"colour picture.*not the overlay"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (2**31, "u4", "2147483648; 2,147,483,647 is the largest"),
        (2**63, "u8", "is the largest"),
        (-1, "i2", "negative label -1"),
        (0.5, "f4", "fractional values such as 0.5"),
        (np.nan, "f4", "NaN"),
        (1e30, "f8", "is the largest"),
    ],
)
def test_what_is_no_label(tmp_path, value, dtype, message):
    array = np.zeros((4, 5), dtype)
    array[1, 2] = value
    tifffile.imwrite(tmp_path / "a.tif", array)
    with pytest.raises(ImageError, match=message):
        read_labels(tmp_path / "a.tif")


def test_shapes(tmp_path):
    write_labels(tmp_path / "a.tif", np.stack([LABELS, LABELS]))
    with pytest.raises(ImageError, match="2 label frames where one is needed"):
        read_labels(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"\(3,\) cannot be written"):
        write_labels(tmp_path / "b.tif", [1, 2, 3])
    with pytest.raises(ImageError, match="negative"):
        write_labels(tmp_path / "b.tif", -LABELS)
    assert not (tmp_path / "b.tif").exists()


def test_frames_are_written_one_by_one(tmp_path):
    stack = np.stack([LABELS, LABELS * 0, LABELS * 400])
    with label_writer(tmp_path / "new" / "a.tif") as add:
        for frame in stack:
            add(frame)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.tif"]
    with tifffile.TiffFile(tmp_path / "new" / "a.tif") as tif:
        assert {(page.dtype.name, page.compression.name) for page in tif.pages} == {
            ("uint32", "ADOBE_DEFLATE")
        }
        assert (tif.series[0].axes, tif.is_bigtiff) == ("TYX", False)
    np.testing.assert_array_equal(list(open_label_movie(tmp_path / "new" / "a.tif")), stack)
    with label_writer(tmp_path / "b.tif") as add:
        add(LABELS)
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif"), LABELS)


def test_a_movie_that_could_pass_four_gigabytes_is_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("softlight.io.labels._CLASSIC_TIFF_BYTES", 2 * LABELS.size - 1)
    write_labels(tmp_path / "a.tif", [LABELS, LABELS])
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_bigtiff
    np.testing.assert_array_equal(open_label_movie(tmp_path / "a.tif")[1], LABELS)


def test_writing_and_reading_hold_one_frame(tmp_path):
    frames, side = 40, 256

    def written_and_read():
        with label_writer(tmp_path / "a.tif") as add:
            for t in range(frames):
                add(np.full((side, side), t, np.int32))
        for frame in open_label_movie(tmp_path / "a.tif"):
            assert frame.shape == (side, side)

    tracemalloc.start()
    written_and_read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * side * side * 4  # of 40 frames


def test_frames_by_index(tmp_path):
    write_labels(tmp_path / "a.tif", [LABELS, LABELS + 1, LABELS + 2])
    found = open_label_movie(tmp_path / "a.tif")
    assert found[-1].max() == 202
    assert [frame.max() for frame in found[1:]] == [201, 202]
    with pytest.raises(IndexError):
        _ = found[3]


def write_frames(path, frames):
    with label_writer(path) as add:
        for frame in frames:
            add(frame)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], r"no frame to write to a\.tif"),
        ([LABELS, LABELS[:, 1:]], r"\(9, 12\) come after labels of \(9, 13\)"),
        ([LABELS[None]], r"\(1, 9, 13\) are no frame"),
        ([LABELS, -LABELS], "negative"),
    ],
)
def test_what_is_no_movie_of_labels(tmp_path, frames, message):
    write_labels(tmp_path / "a.tif", LABELS)
    with pytest.raises(ImageError, match=message):
        write_frames(tmp_path / "a.tif", frames)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), LABELS)  # as it was
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_folder_of_label_frames(tmp_path):
    for t in range(3):
        write_labels(tmp_path / f"mask{t:03d}.tif", LABELS + t)
    assert open_label_movie(tmp_path)[2].max() == 202


def test_scikit_image_agrees(tmp_path):
    from skimage.io import imread

    write_labels(tmp_path / "a.tif", LABELS)
    np.testing.assert_array_equal(imread(tmp_path / "a.tif"), LABELS)
