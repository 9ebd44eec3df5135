import json
import uuid
from dataclasses import replace

import numpy as np
import pytest
from skimage.measure import grid_points_in_poly
from tests.io.exchange.compare import same_masks, same_tracks

from softlight.io.exchange.geojson import read_geojson, write_geojson
from softlight.io.exchange.movie import ExchangeError


@pytest.fixture
def path(tmp_path, tracked):
    write_geojson(tmp_path / "cells.geojson", tracked)
    return tmp_path / "cells.geojson"


def test_round_trip(path, tracked):
    back = read_geojson(path)
    same_masks(back.labels, tracked.labels)
    same_tracks(back.tracks, tracked.tracks)
    assert (back.name, back.pixel_size_um, back.frame_interval_min) == ("cells", 0.65, 15)
    assert back.notes == ()


def test_masks_without_tracks(tmp_path, masks_only):
    write_geojson(tmp_path / "a.geojson", masks_only)
    back = read_geojson(tmp_path / "a.geojson")
    same_masks(back.labels, masks_only.labels)
    assert back.tracks is None


def test_features_are_as_geojson_and_qupath_have_them(path, tracked):
    whole = json.loads(path.read_text())
    assert whole["type"] == "FeatureCollection"
    assert len(whole["features"]) == len(tracked.objects)
    ids = [feature["id"] for feature in whole["features"]]
    assert len({uuid.UUID(one) for one in ids}) == len(ids)
    for feature in whole["features"]:
        assert feature["type"] == "Feature"
        assert feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["classification"]["name"] == "Cell"
        measured = feature["properties"]["measurements"]
        assert feature["geometry"]["plane"]["t"] == measured["frame"]
        assert measured["area_px"] > 0
        kind, coordinates = feature["geometry"]["type"], feature["geometry"]["coordinates"]
        for polygon in [coordinates] if kind == "Polygon" else coordinates:
            for ring in polygon:
                assert ring[0] == ring[-1]
                assert len({tuple(point) for point in ring}) == len(ring) - 1
    seven = [f for f in whole["features"] if f["properties"]["name"] == "track 7"]
    assert [(f["geometry"]["type"], len(f["geometry"]["coordinates"])) for f in seven] == [
        ("MultiPolygon", 3)
    ] * 2


def test_the_same_export_gives_the_same_file(path, tmp_path, tracked):
    write_geojson(tmp_path / "again.geojson", tracked)
    assert (tmp_path / "again.geojson").read_bytes() == path.read_bytes()


def test_scikit_image_finds_the_same_pixels(path, tracked):
    for feature in json.loads(path.read_text())["features"]:
        frame, label = (feature["properties"]["measurements"][key] for key in ("frame", "label"))
        coordinates = feature["geometry"]["coordinates"]
        found = np.zeros((20, 24), bool)
        multi = feature["geometry"]["type"] == "MultiPolygon"
        for polygon in coordinates if multi else [coordinates]:
            for ring in polygon:  # the middle of a pixel never lies on a ring
                found ^= grid_points_in_poly((20, 24), np.array(ring)[:, ::-1] - 0.5)
        np.testing.assert_array_equal(found, tracked.labels[frame] == label)


SQUARE = [[1, 1], [5, 1], [5, 4], [1, 4], [1, 1]]


def other(tmp_path, *features, **more):
    whole = {"type": "FeatureCollection", "features": list(features)} | more
    (tmp_path / "a.geojson").write_text(json.dumps(whole))
    return tmp_path / "a.geojson"


def feature(kind="Polygon", coordinates=(SQUARE,), **properties):
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_files_of_qupath(tmp_path):
    old = feature(measurements=[{"name": "Area", "value": 12.0}, {"name": "empty"}])
    point = feature("Point", [3, 3])
    movie = read_geojson(other(tmp_path, old, point, feature()))
    assert movie.size == (1, 4, 5)
    assert [frame.max() for frame in movie.labels] == [2]
    assert movie.tracks is None
    assert "1 features are points" in movie.notes[0]
    assert "does not say how large" in movie.notes[1]
    assert "Outlines without a pixel of their own (1)" in movie.notes[2]
    given = read_geojson(other(tmp_path, feature()), shape=(2, 10, 12))
    expected = np.zeros((10, 12))
    expected[1:4, 1:5] = 1
    np.testing.assert_array_equal(given.labels[0], expected)
    assert not given.labels[1].any()


def test_a_bare_list_and_a_single_feature(tmp_path):
    for whole in ([feature()], feature()):
        (tmp_path / "a.geojson").write_text(json.dumps(whole))
        assert len(read_geojson(tmp_path / "a.geojson").objects) == 1


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"type": "Feature"}, "feature 1 has no geometry"),
        (feature("Circle"), "is a 'Circle'"),
        (feature(coordinates=[]), "not a list of rings"),
        (feature(coordinates=3), "not a list of rings"),
        (feature(coordinates=[[[1, 1], [2, 2]]]), "at least three"),
        (feature(coordinates=[[[1, 1], [2, None], [3, 3]]]), "nowhere near"),
        (feature(measurements={"label": 1.5}), "label is 1.5; it must be a whole number"),
        (feature(measurements={"track_id": "x"}), "track_id is 'x'"),
        (feature(measurements={"frame": -4}), "are not 0 to"),
        (feature(measurements={"frame": 2**30}), "are not 0 to"),
        (feature(measurements={"label": 1, "track_id": 3, "parent_id": 9}), "parent 9, which is"),
    ],
)
def test_damaged_features(tmp_path, item, message):
    with pytest.raises(ExchangeError, match=message):
        read_geojson(other(tmp_path, item))


def test_two_cells_of_one_label(tmp_path):
    cell = feature(measurements={"label": 4})
    with pytest.raises(ExchangeError, match="two cells with the label 4"):
        read_geojson(other(tmp_path, cell, cell))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"shape": [1, 10**6, 10**6]}, "claims frames"),
        ({"shape": [1, 0, 5]}, "not frames, height, width"),
        ({"pixel_size_um": -1}, "must be a number above 0"),
    ],
)
def test_absurd_claims(tmp_path, facts, message):
    with pytest.raises(ValueError, match=message):
        read_geojson(other(tmp_path, feature(), softlight=facts))


def test_frames_beyond_the_claim(tmp_path):
    late = feature(measurements={"frame": 3})
    with pytest.raises(ExchangeError, match="in frame 3, but the movie has 2 frames"):
        read_geojson(other(tmp_path, late, softlight={"shape": [2, 9, 9]}))


def test_a_cell_in_a_late_frame_takes_no_memory(tmp_path):
    late = feature(measurements={"frame": 9_000_000})
    movie = read_geojson(other(tmp_path, late))
    assert len(movie.labels) == 9_000_001
    assert movie.labels[9_000_000].sum() == 12


def test_files_that_are_none(tmp_path, path):
    text = path.read_text()
    for content, message in (
        (text[:500], "is not readable JSON.*cut off"),
        ("", "is empty"),
        ('{"type": "Topology"}', "is not GeoJSON"),
        ("[" * 100_000, "is not readable JSON"),
    ):
        path.write_text(content)
        with pytest.raises(ExchangeError, match=message):
            read_geojson(path)
    with pytest.raises(ExchangeError, match="is a folder"):
        read_geojson(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        read_geojson(tmp_path / "none.geojson")


def test_no_cells(tmp_path, tracked):
    empty = replace(
        tracked,
        labels=[np.zeros((3, 4), np.int32)] * 2,
        objects=tracked.objects[:0],
        tracks=tracked.tracks[:0],
    )
    write_geojson(tmp_path / "a.geojson", empty)
    assert read_geojson(tmp_path / "a.geojson").size == (2, 3, 4)


def test_positions_cannot_be_written(tmp_path, tracked):
    with pytest.raises(ExchangeError, match="made of masks"):
        write_geojson(tmp_path / "a.geojson", replace(tracked, labels=None))
