"""Our OME-Zarr, opened by the package of its authors (see docs/reference/exchange.md)."""

import warnings

import numpy as np
import pytest
import tifffile
from tests.io.exchange.compare import by_track

from softlight.io.exchange.ome_zarr import write_ome_zarr_labels
from softlight.io.images import open_movie
from softlight.io.zarr import write_ome_zarr

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    io = pytest.importorskip("ome_zarr.io", reason="the package ome-zarr is not installed")
    reader = pytest.importorskip("ome_zarr.reader", reason="the package ome-zarr is not installed")


@pytest.fixture(params=["0.4", "0.5"])
def version(request):
    return request.param


def nodes(path):
    location = io.parse_url(path, mode="r")
    assert location is not None
    return list(reader.Reader(location)())


@pytest.mark.filterwarnings("ignore")
def test_labels_of_tracks(tmp_path, tracked, version):
    write_ome_zarr_labels(tmp_path / "a.ome.zarr", tracked, version=version)
    (node, *_) = nodes(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(np.asarray(node.data[0]), np.stack(by_track(tracked)))
    assert [axis["name"] for axis in node.metadata["axes"]] == ["t", "y", "x"]
    ((scale,),) = node.metadata["coordinateTransformations"]
    assert scale == {"type": "scale", "scale": [15, 0.65, 0.65]}
    assert node.zarr.version == version
    assert any(isinstance(spec, reader.Label) for spec in node.specs)
    assert set(node.metadata["properties"]) == set(range(1, 8))


@pytest.mark.filterwarnings("ignore")
def test_images_with_their_labels(tmp_path, version):
    images = np.arange(3 * 20 * 24, dtype=np.uint16).reshape(3, 20, 24)
    labels = [np.where(image % 7 == 0, 5, 0).astype(np.int32) for image in images]
    tifffile.imwrite(tmp_path / "a.tif", images, photometric="minisblack", metadata={"axes": "TYX"})
    movie = open_movie(tmp_path / "a.tif", pixel_size_um=0.5, interval_min=10)
    write_ome_zarr(tmp_path / "a.ome.zarr", movie, labels=labels, version=version)
    found = nodes(tmp_path / "a.ome.zarr")
    drawn = [any(isinstance(spec, reader.Label) for spec in node.specs) for node in found]
    (image,) = [
        node for node, is_label in zip(found, drawn, strict=True) if node.data and not is_label
    ]
    (label,) = [node for node, is_label in zip(found, drawn, strict=True) if node.data and is_label]
    np.testing.assert_array_equal(np.asarray(image.data[0]).squeeze(), images)
    np.testing.assert_array_equal(np.asarray(label.data[0]).squeeze(), np.stack(labels))
