import json
from dataclasses import replace

import numpy as np
import pytest
import zarr
from tests.io.exchange.compare import by_track, same_masks, same_tracks

from softlight.io.exchange.movie import ExchangeError
from softlight.io.exchange.ome_zarr import read_ome_zarr_labels, write_ome_zarr_labels
from softlight.io.zarr import write_ome_zarr


@pytest.fixture(params=["0.4", "0.5"])
def version(request):
    return request.param


def attributes(path, version):
    if version == "0.5":
        return json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    return json.loads((path / ".zattrs").read_text())


def test_round_trip(tmp_path, tracked, version):
    path = tmp_path / "a.ome.zarr"
    notes = write_ome_zarr_labels(path, tracked, version=version)
    assert notes[0] == "The labels are the numbers of the tracks."
    back = read_ome_zarr_labels(path)
    same_masks(back.labels, by_track(tracked))
    same_tracks(back.tracks, tracked.tracks)
    assert (back.name, back.pixel_size_um, back.frame_interval_min) == ("cells", 0.65, 15)


def test_masks_without_tracks_keep_their_labels(tmp_path, masks_only, version):
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr_labels(path, masks_only, version=version)
    back = read_ome_zarr_labels(path)
    same_masks(back.labels, masks_only.labels)
    assert back.tracks is None
    assert "properties" not in attributes(path, version)["image-label"]


def test_zarr_and_the_fields_of_the_specification(tmp_path, tracked, version):
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr_labels(path, tracked, version=version)
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == (3 if version == "0.5" else 2)
    array = group["0"]
    assert array.dtype.kind == "u"
    same_masks(np.asarray(array), by_track(tracked))
    held = attributes(path, version)
    (scale,) = held["multiscales"]
    assert (held if version == "0.5" else scale)["version"] == version
    assert [axis["type"] for axis in scale["axes"]] == ["time", "space", "space"]
    assert [axis.get("unit") for axis in scale["axes"]] == ["minute", "micrometer", "micrometer"]
    (level,) = scale["datasets"]
    assert level["coordinateTransformations"] == [{"type": "scale", "scale": [15, 0.65, 0.65]}]
    described = held["image-label"]
    assert [item["label-value"] for item in described["properties"]] == [1, 2, 3, 4, 5, 6, 7]
    assert described["properties"][1] == {"label-value": 2, "track_id": 2, "parent_id": 1}
    if version == "0.4":
        assert described["version"] == "0.4"


def test_labels_beside_images_are_read(tmp_path, tracked, version):
    images = np.ones((5, 20, 24), np.uint8)
    path = tmp_path / "movie.ome.zarr"
    write_ome_zarr(path, images, labels=tracked.labels, version=version, pixel_size_um=0.5)
    back = read_ome_zarr_labels(path)
    same_masks(back.labels, tracked.labels)
    assert back.pixel_size_um == 0.5


def test_damaged_properties(tmp_path, tracked):
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr_labels(path, tracked, version="0.4")
    held = json.loads((path / ".zattrs").read_text())
    held["image-label"]["properties"][0]["parent_id"] = "x"
    (path / ".zattrs").write_text(json.dumps(held))
    with pytest.raises(ExchangeError, match="the parent of a track is 'x'"):
        read_ome_zarr_labels(path)
    held["image-label"]["properties"][0]["parent_id"] = 2
    (path / ".zattrs").write_text(json.dumps(held))
    with pytest.raises(ExchangeError, match="in a circle"):
        read_ome_zarr_labels(path)


def test_nothing_is_written_where_masks_and_table_disagree(tmp_path, tracked):
    with pytest.raises(ExchangeError, match="do not belong together"):
        write_ome_zarr_labels(
            tmp_path / "a.zarr", replace(tracked, objects=tracked.objects[1:], tracks=None)
        )
    assert not list(tmp_path.iterdir())
