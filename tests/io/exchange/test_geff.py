import json
from dataclasses import replace

import geff
import numpy as np
import pytest
import zarr
from tests.io.exchange.compare import same_masks, same_tracks

from softlight.io.exchange.geff import write_geff
from softlight.io.exchange.geff_read import read_geff
from softlight.io.exchange.movie import ExchangeError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture
def written(tmp_path, tracked):
    path = tmp_path / "cells.zarr"
    assert write_geff(path, tracked) == ()
    return path


def test_round_trip(written, tracked):
    back = read_geff(written)
    same_tracks(back.tracks, tracked.tracks)
    same_masks(back.labels, tracked.labels)
    assert (back.name, back.pixel_size_um, back.frame_interval_min) == ("cells", 0.65, 15)
    keys = ["frame", "label", "track_id", "y_px", "x_px", "area_px"]
    found = back.objects.sort_values(["frame", "label"])[keys].to_numpy()
    expected = tracked.objects.sort_values(["frame", "label"])[keys].to_numpy()
    np.testing.assert_allclose(found, expected)
    assert back.notes == ()
    assert read_geff(written / "tracks").size == tracked.size


def test_the_geff_package_validates_and_reads_it(written, tracked):
    geff.validate_structure(str(written / "tracks"))
    graph, metadata = geff.read(
        str(written / "tracks"),
        structure_validation=True,
        data_validation=geff.validate.data.ValidationConfig(
            graph=True, lineage=True, tracklet=True
        ),
    )
    assert graph.number_of_nodes() == len(tracked.objects)
    assert graph.number_of_edges() == 14
    divided = [node for node in graph if graph.out_degree(node) == 2]
    assert [graph.nodes[node]["track_id"] for node in divided] == [1]
    gaps = [
        graph.nodes[one]["track_id"]
        for one, other in graph.edges
        if graph.nodes[other]["t"] - graph.nodes[one]["t"] > 1
    ]
    assert gaps == [4]
    assert [(axis.name, axis.scale) for axis in metadata.axes] == [
        ("t", 15),
        ("y", 0.65),
        ("x", 0.65),
    ]
    (labels,) = metadata.related_objects
    masks = zarr.open_array(written / "tracks" / labels.path, mode="r")
    for _, node in graph.nodes(data=True):
        inside = masks[int(node["t"])] == node[labels.node_prop]
        assert np.argwhere(inside).mean(axis=0) == pytest.approx((node["y"], node["x"]))


def test_what_the_geff_package_writes_is_read(tmp_path):
    import networkx as nx

    graph = nx.DiGraph()
    for node, (t, y, x) in {10: (0, 1, 2), 20: (5, 2, 3), 30: (10, 1, 1), 40: (10, 4, 4)}.items():
        graph.add_node(node, t=float(t), y=y / 2, x=x / 2)
    graph.add_edges_from([(10, 20), (20, 30), (20, 40)])
    geff.write(
        graph,
        tmp_path / "g.zarr" / "tracks",
        axis_names=["t", "y", "x"],
        axis_types=["time", "space", "space"],
        axis_units=["second", "micrometer", "micrometer"],
    )
    movie = read_geff(tmp_path / "g.zarr" / "tracks")
    assert movie.tracks.to_numpy().tolist() == [[1, 0, 0, 1], [2, 1, 2, 2], [3, 1, 2, 2]]
    assert movie.frame_interval_min == pytest.approx(5 / 60)
    assert movie.objects["y_px"].tolist() == [0.5, 1.0, 0.5, 2.0]
    assert (movie.pixel_size_um, movie.labels) == (1.0, None)
    assert "a pixel was taken as 1 micrometer" in movie.notes[0]


def test_positions_without_masks(tmp_path, tracked):
    write_geff(tmp_path / "a.zarr", replace(tracked, labels=None))
    back = read_geff(tmp_path / "a.zarr")
    assert back.labels is None
    same_tracks(back.tracks, tracked.tracks)


def test_an_only_daughter_is_no_tracklet_of_its_own(tmp_path, tracked):
    tracks = tracked.tracks.assign(parent_id=[0, 1, 0, 0, 0, 0, 0])
    write_geff(tmp_path / "a.zarr", replace(tracked, tracks=tracks))
    geff.validate_structure(str(tmp_path / "a.zarr" / "tracks"))
    same_tracks(read_geff(tmp_path / "a.zarr").tracks, tracks)
    held = json.loads((tmp_path / "a.zarr" / "tracks" / ".zattrs").read_text())["geff"]
    assert held["track_node_props"] == {"lineage": "lineage_id"}


def test_an_empty_movie(tmp_path, tracked):
    empty = replace(tracked, labels=None, objects=tracked.objects[:0], tracks=tracked.tracks[:0])
    write_geff(tmp_path / "a.zarr", empty)
    geff.validate_structure(str(tmp_path / "a.zarr" / "tracks"))
    assert len(read_geff(tmp_path / "a.zarr").objects) == 0


def test_text_is_left_out_and_said(tmp_path, tracked):
    named = replace(tracked, objects=tracked.objects.assign(well="B10"))
    (note,) = write_geff(tmp_path / "a.zarr", named)
    assert "well" in note


def _edit(path, change):
    file = path / "tracks" / ".zattrs"
    held = json.loads(file.read_text())
    change(held["geff"])
    file.write_text(json.dumps(held))


def _values(path, *parts):
    return zarr.open_array(path.joinpath("tracks", *parts), mode="r+")


def test_damaged_metadata(written):
    for change, message in (
        (lambda held: held.update(axes=None), "0 axes of time"),
        (lambda held: held["axes"].pop(0), "0 axes of time and 2 of space"),
        (lambda held: held["axes"][0].pop("name"), "an axis of its geff metadata has no name"),
        (lambda held: held["node_props_metadata"].update({"../x": {}}), "names a property"),
        (lambda held: held["node_props_metadata"].pop("t"), "its nodes have no t"),
        (lambda held: held["node_props_metadata"].update(gone={}), "array values is missing"),
    ):
        file = written / "tracks" / ".zattrs"
        whole = file.read_text()
        _edit(written, change)
        with pytest.raises(ValueError, match=message):
            read_geff(written)
        file.write_text(whole)


def test_damaged_graphs(written):
    for parts, at, value, message in (
        (("edges", "ids"), (0, 0), 999, "names node 999, which is not there"),
        (("edges", "ids"), 0, [0, 0], "joins two cells of frame 0"),
        (("nodes", "ids"), 1, 0, "two nodes have the same id"),
        (("nodes", "props", "y", "values"), 2, np.nan, "node 2 has no y"),
        (("nodes", "props", "t", "values"), 0, -3, "no whole frames from 0"),
    ):
        values = _values(written, *parts)
        before = values[at]
        values[at] = value
        with pytest.raises(ExchangeError, match=message):
            read_geff(written)
        values[at] = before


def test_masks_outside_the_zarr_are_not_read(written, tmp_path):
    zarr.save_array(tmp_path / "secret", np.ones((5, 20, 24), np.int32), zarr_format=2)
    _edit(written, lambda held: held["related_objects"][0].update(path="../../secret"))
    back = read_geff(written)
    assert back.labels is None
    assert "were not read" in back.notes[0]


def test_folders_that_are_none(tmp_path):
    with pytest.raises(ExchangeError, match="is not a GEFF"):
        read_geff(tmp_path / "none")
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(ExchangeError, match="is not a GEFF"):
        read_geff(tmp_path / "a.zarr")


def test_claims_are_checked_before_memory_is_taken(written):
    file = written / "tracks" / "nodes" / "ids" / ".zarray"
    held = json.loads(file.read_text())
    file.write_text(json.dumps(held | {"shape": [10**12]}))
    with pytest.raises(ValueError, match="no table is so large"):
        read_geff(written)
    file.write_text(json.dumps(held | {"compressor": {"id": "pickle"}}))
    with pytest.raises(ValueError, match="'pickle', which is not read here"):
        read_geff(written)
