import json

import numpy as np
import pytest
import tifffile
import zarr

from softlight.io.images import ImageError, find_images, open_frames, open_movie
from softlight.io.labels import open_label_movie, write_labels
from softlight.io.zarr import write_ome_zarr

RNG = np.random.default_rng(0)
MOVIE = RNG.integers(0, 4000, (3, 20, 31), np.uint16)
LABELS = RNG.integers(0, 3, (3, 20, 31)).astype(np.int32) * 70_000


@pytest.fixture(params=["0.4", "0.5"])
def version(request):
    return request.param


def attributes(path, version):
    if version == "0.5":
        return json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    return json.loads((path / ".zattrs").read_text())


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(3, 20, 31), (2, 20, 31, 3), (20, 31)])
def test_round_trip(tmp_path, version, dtype, shape):
    array = (RNG.random(shape) * 200).astype(dtype)
    write_ome_zarr(tmp_path / "a.zarr", array, version=version)
    movie = open_movie(tmp_path / "a.zarr")
    found = np.stack(list(movie))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array if array.ndim > 2 else array[None])
    assert (movie.pixel_size_um, movie.frame_interval_min) == (None, None)


def test_sizes_labels_and_metadata(tmp_path, version):
    path = tmp_path / "cells.ome.zarr"
    write_ome_zarr(
        path, MOVIE, labels=LABELS, version=version, pixel_size_um=0.65, frame_interval_min=15
    )
    movie = open_movie(path)
    assert (movie.name, movie.axes) == ("cells", "TYX")
    assert (movie.pixel_size_um, movie.frame_interval_min) == (0.65, 15)
    np.testing.assert_array_equal(open_label_movie(path), LABELS)
    held = attributes(path, version)
    scale = held["multiscales"][0]
    assert [axis["name"] for axis in scale["axes"]] == ["t", "y", "x"]
    assert [axis["unit"] for axis in scale["axes"]] == ["minute", "micrometer", "micrometer"]
    step = scale["datasets"][0]["coordinateTransformations"]
    assert step == [{"type": "scale", "scale": [15, 0.65, 0.65]}]
    assert (held if version == "0.5" else scale)["version"] == version
    assert attributes(path / "labels", version)["labels"] == ["cells"]
    assert attributes(path / "labels" / "cells", version)["image-label"]["source"]
    array = zarr.open_array(path / "0", mode="r")
    assert array.chunks == (1, 20, 31)
    assert array.metadata.zarr_format == (3 if version == "0.5" else 2)
    np.testing.assert_array_equal(array[1], MOVIE[1])
    assert zarr.open_array(path / "labels" / "cells" / "0", mode="r").dtype == np.uint32
    assert find_images([tmp_path]) == [path]


def test_a_movie_is_written_frame_by_frame(tmp_path, version):
    tifffile.imwrite(tmp_path / "a.tif", MOVIE, photometric="minisblack", metadata={"axes": "TYX"})
    movie = open_movie(tmp_path / "a.tif", pixel_size_um=2, interval_min=3)
    write_ome_zarr(tmp_path / "a.zarr", movie, version=version)
    found = open_movie(tmp_path / "a.zarr")
    assert (found.pixel_size_um, found.frame_interval_min) == (2, 3)
    np.testing.assert_array_equal(np.stack(list(found)), MOVIE)


def test_labels_are_written_frame_by_frame(tmp_path, version):
    write_labels(tmp_path / "a.tif", LABELS)
    lazy = open_label_movie(tmp_path / "a.tif")
    write_ome_zarr(tmp_path / "a.zarr", MOVIE, labels=lazy, version=version)
    np.testing.assert_array_equal(list(open_label_movie(tmp_path / "a.zarr")), LABELS)
    with pytest.raises(ImageError, match="they must agree"):
        write_ome_zarr(tmp_path / "a.zarr", MOVIE[:, 1:], labels=lazy, version=version)


def test_what_is_there_is_replaced_only_if_it_is_a_zarr(tmp_path):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, MOVIE)
    write_ome_zarr(path, MOVIE[:1], version="0.4")
    assert len(open_movie(path)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["a.zarr"]
    (tmp_path / "mine").mkdir()
    with pytest.raises(ImageError, match="is not an OME-Zarr; choose another name"):
        write_ome_zarr(tmp_path / "mine", MOVIE)


def test_a_failure_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, MOVIE)
    tifffile.imwrite(tmp_path / "nan.tif", np.full((20, 31), np.nan, np.float32))
    with pytest.raises(ImageError, match="NaN"):
        write_ome_zarr(path, open_movie(tmp_path / "nan.tif"))
    np.testing.assert_array_equal(np.stack(list(open_movie(path))), MOVIE)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.zarr", "nan.tif"]


def test_what_cannot_be_written(tmp_path):
    for array in (np.zeros(5), np.zeros((2, 0, 5)), np.zeros((2, 5, 5), complex)):
        with pytest.raises(ImageError, match="is no movie"):
            write_ome_zarr(tmp_path / "a.zarr", array)
    with pytest.raises(ImageError, match="they must agree"):
        write_ome_zarr(tmp_path / "a.zarr", MOVIE, labels=LABELS[:2])
    with pytest.raises(ImageError, match=r"choose 0.4 or 0.5"):
        write_ome_zarr(tmp_path / "a.zarr", MOVIE, version="0.3")


def test_five_dimensions_sharding_and_sparse_chunks(tmp_path):
    array = np.zeros((3, 2, 1, 20, 32), np.uint16)
    array[..., 4:8, 4:8] = RNG.integers(1, 99, (3, 2, 1, 4, 4))
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    axes = [{"name": name} for name in "tczyx"]
    scale = {"axes": axes, "datasets": [{"path": "0"}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [scale]}
    kept = group.create_array(
        "0", shape=array.shape, chunks=(1, 1, 1, 5, 8), shards=(1, 1, 1, 10, 16), dtype="u2"
    )
    kept[:] = array
    movie = open_movie(tmp_path / "a.zarr")
    assert (movie.shape, movie.axes) == ((3, 20, 32, 2), "TCYX")
    np.testing.assert_array_equal(np.stack(list(movie)), array[:, :, 0].transpose(0, 2, 3, 1))
    with pytest.raises(ImageError, match="2 Z slices"):
        open_movie(tmp_path / "a.zarr", axes="TZCYX")


def test_a_converted_file_and_a_plate(tmp_path, version):
    write_ome_zarr(tmp_path / "a.zarr" / "0", MOVIE, version=version)
    root = {"bioformats2raw.layout": 3}
    (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps(root))
    assert open_movie(tmp_path / "a.zarr").shape == MOVIE.shape
    (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps({"plate": {"wells": [{}, {}]}}))
    with pytest.raises(ImageError, match="plate of 2 wells"):
        open_movie(tmp_path / "a.zarr")


def break_array(path, version, **changes):
    file = path / "0" / ("zarr.json" if version == "0.5" else ".zarray")
    held = json.loads(file.read_text())
    file.write_text(json.dumps(held | changes))


@pytest.mark.parametrize(
    ("modern", "legacy", "message"),
    [
        ({"shape": [3, 10**7, 31]}, {"shape": [3, 10**7, 31]}, "no side may be over"),
        ({"shape": [3, 10**5, 10**5]}, {"shape": [3, 10**5, 10**5]}, "the limit is"),
        ({"shape": [10**12, 20, 31]}, {"shape": [10**12, 20, 31]}, "planes; at most"),
        ({"shape": "x"}, {"shape": [3, -1, 31]}, "its shape is"),
        ({"shape": [1] * 40}, {"shape": [2] * 40}, "its shape is"),
        ({"data_type": "string"}, {"dtype": "|O"}, "pixels of type"),
        ({"codecs": [{"name": "pickle"}]}, {"filters": [{"id": "pickle"}]}, "'pickle'"),
        ({"codecs": [{"name": "evil"}]}, {"compressor": {"id": "evil"}}, "'evil'"),
    ],
)
def test_lying_arrays(tmp_path, version, modern, legacy, message):
    write_ome_zarr(tmp_path / "a.zarr", MOVIE, version=version)
    break_array(tmp_path / "a.zarr", version, **(modern if version == "0.5" else legacy))
    with pytest.raises(ImageError, match=message):
        open_movie(tmp_path / "a.zarr").frame(0)


def test_huge_chunks(tmp_path):
    write_ome_zarr(tmp_path / "a.zarr", MOVIE, version="0.4")
    break_array(tmp_path / "a.zarr", "0.4", chunks=[10**6, 20, 31])
    with pytest.raises(ImageError, match=r"claims chunks of 1.2 GB"):
        open_movie(tmp_path / "a.zarr")


@pytest.mark.parametrize("where", ["../other", "/etc", "", 5, "a/../../b"])
def test_pixels_outside_the_group(tmp_path, version, where):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, MOVIE, version=version)
    file = path / ("zarr.json" if version == "0.5" else ".zattrs")
    file.write_text(file.read_text().replace('"path": "0"', f'"path": {json.dumps(where)}'))
    with pytest.raises(ImageError, match="does not say where its pixels lie"):
        open_movie(path)


def test_chunks_that_were_never_copied(tmp_path, version):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, MOVIE, labels=LABELS, version=version)
    chunk = path / "0" / ("c/1/0/0" if version == "0.5" else "1/0/0")
    whole = chunk.read_bytes()
    movie = open_movie(path)
    for damage in (whole[: len(whole) // 2], b"\0" * len(whole), whole[:-1]):
        chunk.write_bytes(damage)
        with pytest.raises(ImageError, match="damaged"):
            movie.frame(1)
    chunk.write_bytes(b"")
    with pytest.raises(ImageError, match="empty file"):
        movie.frame(1)
    chunk.unlink()
    with pytest.raises(ImageError, match="no stored pixels"):
        movie.frame(1)
    np.testing.assert_array_equal(movie.frame(2), MOVIE[2])


def test_missing_frames_are_not_stored_as_dark_ones(tmp_path, version):
    for t in (0, 2):
        tifffile.imwrite(tmp_path / f"t{t}.tif", MOVIE[t])
    files = [tmp_path / "t0.tif", None, tmp_path / "t2.tif"]
    movie = open_frames(files, name="gap")
    assert (movie.name, movie.missing) == ("gap", (1,))
    write_ome_zarr(tmp_path / "a.zarr", movie, version=version)
    found = open_movie(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.frame(2), MOVIE[2])
    with pytest.raises(ImageError, match="no stored pixels"):
        found.frame(1)
    with pytest.raises(ImageError, match="No file was given for none"):
        open_frames([None], name="none")
