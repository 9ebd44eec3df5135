import zipfile
from dataclasses import replace

import numpy as np
import pytest
import roifile
from skimage.measure import grid_points_in_poly
from tests.io.exchange.compare import same_masks, same_tracks

from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.exchange.roi import read_roi, write_roi


@pytest.fixture
def path(tmp_path, tracked):
    write_roi(tmp_path / "cells.zip", tracked)
    return tmp_path / "cells.zip"


def test_round_trip(path, tracked):
    back = read_roi(path)
    same_masks(back.labels, tracked.labels)
    same_tracks(back.tracks, tracked.tracks)
    assert (back.name, back.pixel_size_um, back.frame_interval_min) == ("cells", 0.65, 15)


def test_masks_without_tracks(tmp_path, masks_only):
    notes = write_roi(tmp_path / "a.zip", masks_only)
    assert "Cells with holes or several pieces (7) are composite ROIs." in notes
    back = read_roi(tmp_path / "a.zip")
    same_masks(back.labels, masks_only.labels)
    assert back.tracks is None


def test_roifile_reads_every_cell_at_its_slice(path, tracked):
    rois = roifile.roiread(path)
    assert len(rois) == len(tracked.objects)
    assert len({roi.name for roi in rois}) == len(rois)
    for roi in rois:
        held = roi.properties
        assert roi.position == held["frame"] + 1
        assert roi.name == f"t{held['frame']:04d}-track{held['track_id']:04d}"
        found = np.zeros((20, 24), bool)
        for ring in roi.coordinates(multi=True):
            found ^= grid_points_in_poly((20, 24), ring[:, ::-1] - 0.5)
        np.testing.assert_array_equal(found, tracked.labels[held["frame"]] == held["label"])
    kinds = {roi.properties["track_id"]: roi.roitype.name for roi in rois}
    assert kinds == {1: "TRACED", 2: "TRACED", 3: "TRACED", 4: "TRACED", 5: "RECT", 6: "TRACED"} | {
        7: "RECT"
    }


def test_holes_turn_the_other_way_so_that_either_rule_fills_the_same(path):
    roi = next(roi for roi in roifile.roiread(path) if roi.properties["track_id"] == 5)

    def turn(ring):
        x, y = np.asarray(ring[:-1], float).T
        return np.sign(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))

    first, *holes = roi.coordinates(multi=True)
    assert holes
    assert {turn(hole) for hole in holes} == {-turn(first)}


def test_cells_of_other_programs(tmp_path):
    square = roifile.ImagejRoi.frompoints(np.array([[2, 1], [6, 1], [6, 4], [2, 4]]), t=1)
    box = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, top=5, left=0, bottom=7, right=3)
    named = roifile.ImagejRoi.frompoints(np.array([[2.5, 1], [6, 1], [6, 4]]), name="0003-0001-2")
    named.name = "0003-0010-0012"
    point = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.POINT, n_coordinates=1, integer_coordinates=np.array([[0, 0]])
    )
    roifile.roiwrite(tmp_path / "a.zip", [square, box, named, point], mode="w")
    movie = read_roi(tmp_path / "a.zip", shape=(3, 8, 9))
    expected = np.zeros((3, 8, 9))
    expected[1, 1:4, 2:6] = 1
    expected[0, 5:7, 0:3] = 1
    np.testing.assert_array_equal(movie.labels[0], expected[0])
    np.testing.assert_array_equal(movie.labels[1], expected[1])
    assert movie.labels[2].sum() > 0
    assert "1 ROIs enclose no area" in movie.notes[0]
    box.tofile(tmp_path / "one.roi")
    assert read_roi(tmp_path / "one.roi").objects["area_px"].tolist() == [6]


def test_images_wider_than_short_numbers(tmp_path):
    labels = np.zeros((2, 40_000), np.int32)
    labels[:, 33_000:33_005] = 3
    labels[0, 10] = 4
    write_roi(tmp_path / "a.zip", TrackedMovie(name="a", labels=[labels]))
    same_masks(read_roi(tmp_path / "a.zip").labels, [labels])


def test_no_cells(tmp_path):
    write_roi(tmp_path / "a.zip", TrackedMovie(name="a", labels=[np.zeros((3, 4), np.int32)]))
    assert read_roi(tmp_path / "a.zip").size == (1, 3, 4)


def _zip(path, **entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../evil.roi", "/etc/evil.roi", "a/../../b.roi", "C:\\x.roi"])
def test_names_outside_the_zip(tmp_path, name):
    with pytest.raises(ExchangeError, match="names a file outside itself"):
        read_roi(_zip(tmp_path / "a.zip", **{name: b"Iout"}))


def test_bombs_are_refused_by_their_claims(tmp_path):
    for claim, message in ((10**8, r"a\.roi claims 0\.1 GB"), (2**32 - 2, "1 files of 4.3 GB")):
        bomb = _zip(tmp_path / "a.zip", **{"a.roi": b"\0" * 100_000})
        sizes = [size.to_bytes(4, "little") for size in (100_000, claim)]
        bomb.write_bytes(bomb.read_bytes().replace(*sizes))
        with pytest.raises(ExchangeError, match=message):
            read_roi(bomb)


def test_a_claim_that_lies_is_noticed(tmp_path):
    path = _zip(tmp_path / "a.zip", **{"a.roi": b"\0" * 100_000})
    content = path.read_bytes().replace((100_000).to_bytes(4, "little"), (64).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        read_roi(path)


def test_damaged_sets(tmp_path, path):
    content = path.read_bytes()
    for cut, message in (
        (content[: len(content) // 2], "no zip that can be read to its end"),
        (b"", "is empty"),
        (b"text", "is not a ROI set"),
    ):
        path.write_bytes(cut)
        with pytest.raises(ExchangeError, match=message):
            read_roi(path)
    whole = roifile.ImagejRoi.frompoints(np.array([[2, 1], [6, 1], [6, 4]])).tobytes()
    for entry, message in (
        (whole[:70], "damaged"),
        (b"Iouu" + whole[4:], "not an ImageJ ROI"),
        (b"", "too short"),
    ):
        with pytest.raises(ValueError, match=message):
            read_roi(_zip(tmp_path / "b.zip", **{"a.roi": entry}))
    with pytest.raises(ExchangeError, match=r"holds no \.roi files"):
        read_roi(_zip(tmp_path / "c.zip", **{"a.txt": b""}))


def test_properties_that_are_no_numbers(tmp_path, path):
    roi = roifile.roiread(path)[0]
    roi.properties = {"label": "x"}
    with pytest.raises(ExchangeError, match="label is 'x'"):
        read_roi(_zip(tmp_path / "b.zip", **{"a.roi": roi.tobytes()}))


def test_positions_cannot_be_written(tmp_path, tracked):
    with pytest.raises(ExchangeError, match="made of masks"):
        write_roi(tmp_path / "a.zip", replace(tracked, labels=None))
