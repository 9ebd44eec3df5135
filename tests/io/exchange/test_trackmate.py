import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from tests.io.exchange.compare import by_track, same_tracks

from softlight.io.exchange.drawing import draw_labels
from softlight.io.exchange.movie import ExchangeError
from softlight.io.exchange.trackmate import write_trackmate
from softlight.io.exchange.trackmate_read import read_trackmate


@pytest.fixture
def path(tmp_path, tracked):
    write_trackmate(tmp_path / "cells.xml", tracked)
    return tmp_path / "cells.xml"


def plain(tracked):
    """The movie without the cells whose mask one outline cannot hold."""
    keep = ~tracked.objects["track_id"].isin([5, 7])
    labels = []
    for frame, shown in zip(tracked.labels, by_track(tracked), strict=True):
        labels.append(np.where(np.isin(shown, [5, 7]), 0, frame))
    return replace(
        tracked,
        labels=labels,
        objects=tracked.objects[keep],
        tracks=tracked.tracks[~tracked.tracks["track_id"].isin([5, 7])],
    )


def test_round_trip_is_exact_for_cells_in_one_piece(tmp_path, tracked):
    expected = plain(tracked)
    notes = write_trackmate(tmp_path / "a.xml", expected)
    assert notes == ("Cells seen once (1) are spots without a track in TrackMate.",)
    back = read_trackmate(tmp_path / "a.xml")
    for found, meant in zip(back.labels, expected.labels, strict=True):
        np.testing.assert_array_equal(found, meant)
    assert list(back.tracks["track_id"]) == [1, 2, 3, 4, 6]
    same_tracks(back.tracks, expected.tracks.reset_index(drop=True))
    assert (back.pixel_size_um, back.frame_interval_min, back.size) == (0.65, 15, (5, 20, 24))


def test_holes_and_pieces_are_said(tmp_path, tracked):
    notes = write_trackmate(tmp_path / "a.xml", tracked)
    assert "Of cells with holes or several pieces (7)" in notes[0]
    back = read_trackmate(tmp_path / "a.xml")
    same_tracks(back.tracks, tracked.tracks)
    filled = by_track(back)[0]
    assert (filled[:6, :6] == 5).all()


def test_the_document_is_as_trackmate_expects_it(path, tracked):
    root = ET.parse(path).getroot()
    assert root.tag == "TrackMate"
    assert [child.tag for child in root] == ["Model", "Settings"]
    model = root.find("Model")
    assert model.attrib == {"spatialunits": "micron", "timeunits": "min"}
    assert [child.tag for child in model] == [
        "FeatureDeclarations",
        "AllSpots",
        "AllTracks",
        "FilteredTracks",
    ]
    declared = {
        group.tag: {feature.get("feature") for feature in group}
        for group in model.find("FeatureDeclarations")
    }
    spots = model.findall("AllSpots/SpotsInFrame/Spot")
    assert len(spots) == int(model.find("AllSpots").get("nspots")) == len(tracked.objects)
    for spot in spots:
        assert set(spot.attrib) - {"ID", "name", "ROI_N_POINTS"} == declared["SpotFeatures"]
        assert len(spot.text.split()) == 2 * int(spot.get("ROI_N_POINTS"))
    edges = model.findall("AllTracks/Track/Edge")
    assert set(edges[0].attrib) == declared["EdgeFeatures"]
    tracks = model.findall("AllTracks/Track")
    assert set(tracks[0].attrib) - {"name"} == declared["TrackFeatures"]
    shown = [track.get("TRACK_ID") for track in model.findall("FilteredTracks/TrackID")]
    assert shown == [track.get("TRACK_ID") for track in tracks] == ["1", "4", "5", "7"]
    frame_of = {spot.get("ID"): int(spot.get("FRAME")) for spot in spots}
    for edge in edges:
        assert frame_of[edge.get("SPOT_SOURCE_ID")] < frame_of[edge.get("SPOT_TARGET_ID")]
    image = root.find("Settings/ImageData")
    assert (image.get("width"), image.get("height"), image.get("nframes")) == ("24", "20", "5")


def test_outlines_hold_the_pixels_whose_middles_lie_in_them(path, tracked):
    """As TrackMate's own iterator over the pixels of a spot: whole coordinates are middles."""
    spots = ET.parse(path).getroot().findall(".//Spot")
    spot = next(s for s in spots if s.get("SOFTLIGHT_TRACK") == "2" and s.get("FRAME") == "2")
    centre = np.array([float(spot.get("POSITION_X")), float(spot.get("POSITION_Y"))])
    ring = (np.array(spot.text.split(), float).reshape(-1, 2) + centre) / 0.65
    inside = tracked.labels[2] == 7
    assert (ring[:, 1].min(), ring[:, 1].max()) == pytest.approx((2.5, 5.5))
    cell = draw_labels([(1, [ring + 0.5])], 20, 24)
    assert (
        cell.sum() == inside.sum() == pytest.approx(np.pi * (float(spot.get("RADIUS")) / 0.65) ** 2)
    )


@pytest.mark.filterwarnings("ignore")
def test_the_geff_package_reads_it_as_trackmate(tmp_path, path):
    import geff
    from geff.convert import from_trackmate_xml_to_geff

    from softlight.io.exchange.geff_read import read_geff

    from_trackmate_xml_to_geff(path, tmp_path / "a.geff")
    graph, _ = geff.read(tmp_path / "a.geff")
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (19, 14)
    divided = [node for node in graph if graph.out_degree(node) == 2]
    assert [graph.nodes[node]["SOFTLIGHT_TRACK"] for node in divided] == [1]
    movie = read_geff(tmp_path / "a.geff")
    assert len(movie.tracks) == 7
    assert movie.frame_interval_min == 15


OTHER = """<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7.11.1"><Log>text</Log>
<Model spatialunits="pixel" timeunits="sec"><FeatureDeclarations/>
<AllSpots nspots="5"><SpotsInFrame frame="0">
<Spot ID="70" name="a" POSITION_X="4.0" POSITION_Y="2.0" FRAME="0" VISIBILITY="1" QUALITY="NaN"/>
<Spot ID="71" name="b" POSITION_X="9.0" POSITION_Y="2.0" FRAME="0" VISIBILITY="0"/>
</SpotsInFrame><SpotsInFrame frame="2">
<Spot ID="72" name="c" POSITION_X="5.0" POSITION_Y="2.5" FRAME="2" VISIBILITY="1"/>
<Spot ID="73" name="d" POSITION_X="1.0" POSITION_Y="2.5" FRAME="2" VISIBILITY="1"/>
<Spot ID="74" name="e" POSITION_X="1.0" POSITION_Y="8.5" FRAME="3" VISIBILITY="1"/>
</SpotsInFrame></AllSpots>
<AllTracks><Track name="Track_0" TRACK_ID="0">
<Edge SPOT_SOURCE_ID="72" SPOT_TARGET_ID="70" LINK_COST="1.0"/></Track>
<Track name="Track_1" TRACK_ID="1">
<Edge SPOT_SOURCE_ID="73" SPOT_TARGET_ID="74" LINK_COST="1.0"/></Track></AllTracks>
<FilteredTracks><TrackID TRACK_ID="0"/></FilteredTracks></Model>
<Settings><ImageData width="12" height="10" nframes="4" pixelwidth="1.0" timeinterval="30.0"/>
</Settings></TrackMate>"""


def test_a_file_of_trackmate_itself(tmp_path):
    (tmp_path / "a.xml").write_text(OTHER)
    movie = read_trackmate(tmp_path / "a.xml")
    assert movie.objects[["frame", "label", "y_px", "x_px", "track_id"]].to_numpy().tolist() == [
        [0, 1, 2, 4, 1],
        [2, 1, 2.5, 5, 1],
    ]
    assert movie.tracks.to_numpy().tolist() == [[1, 0, 0, 2]]
    assert (movie.labels, movie.pixel_size_um, movie.frame_interval_min) == (None, None, 0.5)
    assert "3 spots that filters hide" in movie.notes[0]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("<TrackMate", BOMB + "<TrackMate", 1),
            "declares a document type",
        ),
        (lambda text: text[:900], "is not readable XML"),
        (lambda text: "", "is empty"),
        (lambda text: "<html></html>", "is XML of 'html', not of TrackMate"),
        (lambda text: text.replace('"4.0"', '"NaN"'), "spot 70 has POSITION_X 'NaN'"),
        (lambda text: text.replace('FRAME="3"', 'FRAME="x"'), "has FRAME 'x'"),
        (lambda text: text.replace('FRAME="3"', 'FRAME="-3"'), "joins|are not 0 to"),
        (lambda text: text.replace('ID="71"', 'ID="70"'), "two spots have the same ID"),
        (lambda text: text.replace('SOURCE_ID="72"', 'SOURCE_ID="99"'), "names spot 99"),
        (lambda text: text.replace('SOURCE_ID="72"', 'SOURCE_ID="70"'), "two cells of frame 0"),
    ],
)
def test_damaged_and_hostile_files(tmp_path, change, message):
    shown = '<TrackID TRACK_ID="0"/>'
    both = OTHER.replace(shown, shown + shown.replace("0", "1"))
    (tmp_path / "a.xml").write_text(change(both))
    with pytest.raises(ExchangeError, match=message):
        read_trackmate(tmp_path / "a.xml")


def test_a_doctype_in_another_encoding_is_refused_too(tmp_path):
    text = OTHER.replace('encoding="UTF-8"', 'encoding="UTF-16"')
    (tmp_path / "a.xml").write_text(text.replace("<TrackMate", BOMB + "<TrackMate", 1), "utf-16")
    with pytest.raises(ExchangeError, match="declares a document type"):
        read_trackmate(tmp_path / "a.xml")


def test_damaged_outlines(path):
    whole = path.read_text()
    start = whole.index('ROI_N_POINTS="') + len('ROI_N_POINTS="')
    path.write_text(whole[:start] + "9" + whole[start:])
    with pytest.raises(ExchangeError, match="points of its outline and has"):
        read_trackmate(path)
    at = whole.index(">", start) + 1
    path.write_text(whole[:at] + "x" + whole[whole.index(" ", at) :])
    with pytest.raises(ExchangeError, match="no number"):
        read_trackmate(path)


def test_positions_only_and_no_calibration(tmp_path, tracked):
    bare = replace(tracked, labels=None, pixel_size_um=None, frame_interval_min=None)
    write_trackmate(tmp_path / "a.xml", bare)
    back = read_trackmate(tmp_path / "a.xml")
    same_tracks(back.tracks, tracked.tracks)
    assert (back.labels, back.pixel_size_um, back.frame_interval_min) == (None, None, None)
    found = back.objects.sort_values(["frame", "label"])["x_px"]
    np.testing.assert_allclose(found, tracked.objects.sort_values(["frame", "label"])["x_px"])
