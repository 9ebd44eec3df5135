"""What single programs write into a TIFF."""

import numpy as np
import pytest
import tifffile

from softlight.io.images import ImageError, open_movie

STACK = np.random.default_rng(5).integers(0, 4096, (5, 12, 17), np.uint16)


def frames(movie):
    return np.stack(list(movie))


def write(path, array, **options):
    tifffile.imwrite(path, array, **({"photometric": "minisblack"} | options))
    return path


@pytest.mark.parametrize("options", [{"imagej": True}, {}])
def test_frames_without_directories_of_their_own(tmp_path, options):
    # ImageJ writes movies over 4 GB so: one directory, then the pixels of all frames.
    path = write(tmp_path / "a.tif", STACK, truncate=True, metadata={"axes": "TYX"}, **options)
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
    np.testing.assert_array_equal(frames(open_movie(path)), STACK)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError, match="speak of 5 planes but the file holds 4"):
        open_movie(path)


def test_metamorph_stacks(tmp_path):
    # One directory; the count of the tag UIC2 (33629) is the number of planes that follow it.
    counts = [(33629, 2, 5, b"\0" * 5, True)]
    path = write(tmp_path / "a.stk", STACK[0], metadata=None, extratags=counts)
    content = path.read_bytes()
    assert content.endswith(STACK[0].tobytes())
    path.write_bytes(content + STACK[1:].tobytes())
    movie = open_movie(path)
    assert movie.axes == "TYX"
    np.testing.assert_array_equal(frames(movie), STACK)
    path.write_bytes(content)
    with pytest.raises(ImageError, match="truncated: it claims 5 planes"):
        open_movie(path)


def test_an_imagej_stack_of_unknown_slices_is_taken_as_time(tmp_path):
    text = "ImageJ=1.53t\nimages=5\nslices=5\nunit=micron\nfinterval=600.0\n"
    path = write(tmp_path / "a.tif", STACK, description=text, metadata=None, resolution=(4.0, 4.0))
    movie = open_movie(path)
    assert movie.shape == STACK.shape
    assert "taken as time" in movie.axes_note
    assert (movie.pixel_size_um, movie.frame_interval_min) == (0.25, 10)
    hyper = text.replace("unit", "hyperstack=true\nunit").replace("finterval=600.0\n", "")
    write(path, STACK, description=hyper, metadata=None)
    with pytest.raises(ImageError, match="5 Z slices"):
        open_movie(path)


def test_ome_interval_from_the_planes_and_pages_in_any_order(tmp_path):
    places = (3, 0, 4, 1, 2)  # the page of each frame
    blocks = "".join(
        f'<TiffData IFD="{page}" FirstT="{t}" PlaneCount="1"/>' for t, page in enumerate(places)
    )
    times = "".join(
        f'<Plane TheT="{t}" TheC="0" TheZ="0" DeltaT="{t * 2.5}" DeltaTUnit="min"/>'
        for t in range(5)
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OME><Image><Pixels DimensionOrder="XYZCT" '
        'SizeX="17" SizeY="12" SizeZ="1" SizeC="1" SizeT="5" PhysicalSizeX="1.3">'
        f"{blocks}{times}</Pixels></Image><Image><Pixels/></Image></OME>"
    )
    path = write(tmp_path / "a.ome.tif", STACK, description=text, metadata=None)
    movie = open_movie(path)
    np.testing.assert_array_equal(frames(movie), STACK[list(places)])
    assert (movie.pixel_size_um, movie.frame_interval_min) == (1.3, 2.5)
    assert "2 image series" in movie.notes[0]


def test_resolution_in_centimetres_is_a_pixel_size_and_dots_per_inch_are_not(tmp_path):
    for unit, resolution, expected in (("CENTIMETER", 20_000, 0.5), ("INCH", 72, None)):
        path = tmp_path / f"{unit}.tif"
        write(path, STACK[0], metadata=None, resolution=(resolution,) * 2, resolutionunit=unit)
        assert open_movie(path).pixel_size_um == expected


def test_thumbnails_are_left_out_and_strange_pages_are_not(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for frame in STACK[:2]:
            tif.write(frame, metadata=None, contiguous=False)
            tif.write(frame[::4, ::4], metadata=None, subfiletype=1)
    np.testing.assert_array_equal(frames(open_movie(path)), STACK[:2])
    with tifffile.TiffWriter(path) as tif:
        tif.write(STACK[0], metadata=None)
        tif.write(STACK[0, :, :9], metadata=None)
    with pytest.raises(ImageError, match="page 2 is 12×9 with 16 bits and the first is 12×17"):
        open_movie(path)


def test_stored_values_are_read_whatever_the_display(tmp_path):
    path = write(tmp_path / "a.tif", STACK[0], photometric="miniswhite")
    movie = open_movie(path)
    np.testing.assert_array_equal(movie.frame(0), STACK[0])
    assert "displayed inverted" in movie.notes[0]
    table = np.arange(768, dtype=np.uint16).reshape(3, 256)
    small = STACK[0].astype(np.uint8)
    movie = open_movie(write(path, small, photometric="palette", colormap=table))
    np.testing.assert_array_equal(movie.frame(0), small)
    assert "colour table" in movie.notes[0]


def test_a_cut_jpeg_stream_is_an_error_though_its_decoder_fills_it(tmp_path):
    path = write(tmp_path / "a.tif", STACK[0].astype(np.uint8), compression="jpeg", metadata=None)
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        start, count = page.dataoffsets[0], page.databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start + count - 60 : start + count] = bytes(60)
    path.write_bytes(content)
    assert tifffile.imread(path).shape == (12, 17)  # what we must not do
    with pytest.raises(ImageError, match="JPEG stream in it breaks off"):
        open_movie(path).frame(0)


def test_a_truncated_file_is_an_error_though_tifffile_reads_fewer_frames(tmp_path):
    path = write(tmp_path / "a.tif", STACK, metadata=None, contiguous=False)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageError, match=r"truncated or damaged: it points to byte|is truncated"):
        open_movie(path)


def test_strips_that_were_never_written(tmp_path):
    path = write(tmp_path / "a.tif", STACK[0], metadata=None, rowsperstrip=4)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["StripOffsets"].overwrite([0, 0, 0])
    with pytest.raises(ImageError, match="never written"):
        open_movie(path)


def test_every_real_image_opens(real_data):
    kinds = set()
    for path in sorted(real_data.rglob("*.tif"))[::23]:
        movie = open_movie(path)
        frame = movie.frame(0)
        np.testing.assert_array_equal(frame, tifffile.imread(path))
        kinds.add((movie.dtype.name, movie.colour))
    assert kinds == {("uint8", False), ("uint16", False), ("uint8", True)}
