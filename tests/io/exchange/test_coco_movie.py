import json
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.coco import COCO
from tests.io.exchange.compare import same_masks, same_tracks

from softlight.io.exchange.coco import read_coco_movie, write_coco_movie
from softlight.io.exchange.movie import ExchangeError, TrackedMovie

# pycocotools' own decode, which only these tests call, is written for NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def path(tmp_path, tracked):
    write_coco_movie(tmp_path / "cells.json", tracked)
    return tmp_path / "cells.json"


def test_round_trip(path, tracked):
    back = read_coco_movie(path)
    same_masks(back.labels, tracked.labels)
    same_tracks(back.tracks, tracked.tracks)
    assert (back.name, back.pixel_size_um, back.frame_interval_min) == ("cells", 0.65, 15)


def test_masks_without_tracks(tmp_path, masks_only):
    write_coco_movie(tmp_path / "a.json", masks_only)
    back = read_coco_movie(tmp_path / "a.json")
    same_masks(back.labels, masks_only.labels)
    assert back.tracks is None


def test_pycocotools_finds_every_mask_and_track(path, tracked):
    coco = COCO(path)
    assert [image["frame_index"] for image in coco.dataset["images"]] == [0, 1, 2, 3, 4]
    seen = set()
    for image in coco.dataset["images"]:
        for item in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
            inside = tracked.labels[image["frame_index"]] == item["label"]
            np.testing.assert_array_equal(coco.annToMask(item), inside)
            assert item["area"] == inside.sum()
            seen.add((image["frame_index"], item["label"], item["track_id"]))
    rows = tracked.objects[["frame", "label", "track_id"]].itertuples(index=False, name=None)
    assert seen == set(rows)
    mothers = {item["id"]: item["parent_id"] for item in coco.dataset["tracks"]}
    assert mothers == {1: 0, 2: 1, 3: 1, 4: 0, 5: 0, 6: 0, 7: 0}


def test_cells_without_numbers_are_counted(path):
    whole = json.loads(path.read_text())
    for item in whole["annotations"]:
        for key in ("label", "track_id"):
            del item[key]
    for image in whole["images"]:
        del image["frame_index"]
    path.write_text(json.dumps(whole))
    back = read_coco_movie(path)
    assert back.tracks is None
    assert sorted(np.unique(back.labels[3])) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: whole["images"][1].update(frame_index=3), "not frames 0 to 4"),
        (lambda whole: whole["images"][1].pop("frame_index"), "not frames 0 to 4"),
        (lambda whole: whole["images"][1].update(frame_index="x"), "the frame of image 2 is 'x'"),
        (lambda whole: whole["images"][1].update(height=21), "images of 2 sizes"),
        (lambda whole: whole["annotations"][0].update(label=6), "have one label"),
        (lambda whole: whole["annotations"][0].update(track_id=0.5), "the track of annotation 1"),
        (lambda whole: whole["tracks"][1].update(parent_id=44), "parent 44, which is no track"),
        (lambda whole: whole["tracks"][0].update(parent_id=2), "in a circle"),
        (lambda whole: whole.update(images=[], annotations=[]), "lists no images"),
        (lambda whole: whole["info"]["softlight"].update(pixel_size_um=0), "above 0"),
    ],
)
def test_damaged_files(path, change, message):
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=message):
        read_coco_movie(path)


def test_a_cell_that_is_hidden_by_others(path):
    whole = json.loads(path.read_text())
    copy = whole["annotations"][0] | {"id": 900, "label": 900, "track_id": 900}
    whole["annotations"].append(copy)
    path.write_text(json.dumps(whole))
    back = read_coco_movie(path)
    assert "Cells without a pixel of their own (1)" in back.notes[0]


def test_no_cells(tmp_path):
    empty = TrackedMovie(name="a", labels=[np.zeros((3, 4), np.int32)])
    write_coco_movie(tmp_path / "a.json", empty)
    assert read_coco_movie(tmp_path / "a.json").size == (1, 3, 4)


def test_a_truncated_file(path, tracked):
    path.write_text(path.read_text()[:300])
    with pytest.raises(ValueError, match="not readable JSON"):
        read_coco_movie(path)
    with pytest.raises(ExchangeError, match="made of masks"):
        write_coco_movie(path, replace(tracked, labels=None))
