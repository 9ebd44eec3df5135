import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from softlight.io.coco import (
    CocoAnnotation,
    ImageError,
    annotation_mask,
    rasterize,
    read_coco,
    write_coco,
)

# pycocotools' own decode, which only these tests call, is written for NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(2)
SQUARE = [2.0, 1.0, 7.0, 1.0, 7.0, 5.0, 2.0, 5.0]  # x from 2 to 7, y from 1 to 5


def annotation(segmentation, number=7, **more):
    return CocoAnnotation(number, 1, 1, segmentation, **more)


def runs_of(mask):
    found = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": found["counts"].decode()}


def test_a_square_by_hand():
    labels, overlap = rasterize([annotation([SQUARE])], 8, 10)
    expected = np.zeros((8, 10), np.int32)
    expected[1:5, 2:7] = 1
    np.testing.assert_array_equal(labels, expected)
    assert overlap == 0


def test_polygons_and_runs_agree_with_pycocotools():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        height, width = 30 + seed, 47
        polygons = [(rng.random(2 * n) * 50 - 2).tolist() for n in (3, 7, 20)]
        theirs = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))
        np.testing.assert_array_equal(annotation_mask(annotation(polygons), height, width), theirs)
        mask = rng.random((height, width)) < rng.random()
        np.testing.assert_array_equal(
            annotation_mask(annotation(runs_of(mask)), height, width), mask
        )
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
        plain = {"size": [height, width], "counts": [0, *counts] if flat[0] else counts}
        np.testing.assert_array_equal(annotation_mask(annotation(plain), height, width), mask)


def test_long_runs_take_several_characters():
    mask = np.zeros((900, 1100), bool)
    mask[3:880, 1000:1090] = True
    np.testing.assert_array_equal(annotation_mask(annotation(runs_of(mask)), 900, 1100), mask)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_smaller_cell_is_on_top_whatever_the_order(order):
    large, small = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    large[1:8, 1:8], small[3:5, 3:9] = True, True
    cells = [annotation(runs_of(mask)) for mask in (large, small)]
    labels, overlap = rasterize([cells[at] for at in order], 9, 9)
    number = order.index(1) + 1
    np.testing.assert_array_equal(labels == number, small)
    assert overlap == 10  # 2 rows, columns 3 to 7


def test_crowds_are_no_cells():
    labels, _ = rasterize([annotation([SQUARE], iscrowd=True), annotation([SQUARE])], 8, 10)
    assert labels.max() == 1


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([], "empty segmentation"),
        ([[1, 2, 3, 4]], "at least three"),
        ([[1, 2, 3, 4, 5, 6, 7]], "at least three"),
        ([[1, 2, 3, 4, 5, "6"]], "not a number"),
        ([[1, 2, 3, 4, 5, float("nan")]], "nowhere near"),
        ([[1, 2, 3, 4, 5, 1e300]], "nowhere near"),
        ("abc", "neither polygons nor run lengths"),
        (None, "neither polygons nor run lengths"),
        ({"size": [8, 10]}, "not whole numbers"),
        ({"size": [8, 11], "counts": [80]}, r"image of \[8, 11\]"),
        ({"size": [8, 10], "counts": [79]}, "79 pixels in an image of 80"),
        ({"size": [8, 10], "counts": [-1, 81]}, "not whole numbers"),
        ({"size": [8, 10], "counts": [10**30]}, "not whole numbers"),
        ({"size": [8, 10], "counts": "oooooooooooooooooooo"}, "break off|run of"),
        ({"size": [8, 10], "counts": "\x01"}, "outside the code"),
        ({"size": [8, 10], "counts": "µ"}, "outside the code"),
        ({"size": [8, 10], "counts": ""}, "0 pixels"),
    ],
)
def test_malformed_cells_are_named(segmentation, message):
    with pytest.raises(ImageError, match=f"Annotation 7 .*{message}"):
        rasterize([annotation(segmentation)], 8, 10)


def test_what_is_written_is_read_back_exactly(tmp_path):
    stack = RNG.integers(0, 4, (2, 23, 31)).astype(np.int32) * 1000
    write_coco(tmp_path / "a.json", [(f"t{t}.tif", labels) for t, labels in enumerate(stack)])
    found = read_coco(tmp_path / "a.json")
    assert [image.file_name for image in found.images] == ["t0.tif", "t1.tif"]
    assert found.categories == {1: "cell"}
    for image, labels in zip(found.images, stack, strict=True):
        drawn, overlap = rasterize(found.of(image), image.height, image.width)
        np.testing.assert_array_equal(drawn * 1000, labels)
        assert overlap == 0


def test_pycocotools_reads_what_is_written(tmp_path, capsys):
    from pycocotools.coco import COCO

    labels = np.zeros((20, 30), np.int32)
    labels[2:9, 4:8], labels[10:12, 20:29] = 5, 9
    write_coco(tmp_path / "a.json", [("a.tif", labels)])
    theirs = COCO(str(tmp_path / "a.json"))
    first, second = (theirs.anns[number] for number in (1, 2))
    np.testing.assert_array_equal(theirs.annToMask(first), labels == 5)
    assert (second["bbox"], second["area"]) == ([20, 10, 9, 2], 18)


VALID = {
    "images": [{"id": 1, "file_name": "a.tif", "height": 8, "width": 10}],
    "annotations": [{"id": 3, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, "needs a list of images"),
        ({"annotations": [1]}, "needs a list of annotations"),
        ({"images": [{"id": 1, "height": 8, "width": 9}]}, "image 1 has no file_name"),
        ({"images": VALID["images"] * 2}, "two images have the same id"),
        ({"images": [VALID["images"][0] | {"height": 8.5}]}, "height of image 1 is 8.5"),
        ({"images": [VALID["images"][0] | {"height": float("nan")}]}, "not a whole number"),
        ({"images": [VALID["images"][0] | {"height": 10**9}]}, "no side may be over"),
        ({"images": [VALID["images"][0] | {"height": 10**5, "width": 10**5}]}, "the limit is"),
        ({"annotations": [{"id": 3, "image_id": 2}]}, "belongs to image 2, which is missing"),
        ({"annotations": [{"id": 3, "image_id": 1}]}, "annotation 3 has no segmentation"),
        ({"annotations": [{"id": "x", "image_id": 1}]}, "id of an annotation is 'x'"),
    ],
)
def test_files_that_are_not_coco(tmp_path, change, message):
    (tmp_path / "a.json").write_text(json.dumps(VALID | change))
    with pytest.raises(ImageError, match=message):
        read_coco(tmp_path / "a.json")


def test_annotations_keyed_by_id(tmp_path):
    keyed = VALID | {"annotations": {"3": VALID["annotations"][0]}}
    (tmp_path / "a.json").write_text(json.dumps(keyed))
    assert read_coco(tmp_path / "a.json").annotations[0].id == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\xff"])
def test_files_that_are_not_json(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(ImageError, match=r"is empty|not readable JSON|is not COCO"):
        read_coco(tmp_path / "a.json")


def test_livecell_is_drawn_as_its_label_images(real_data):
    from softlight.io.labels import read_labels

    found = read_coco(real_data / "livecell" / "annotations.json")
    assert len(found.annotations) == 3050
    for image in found.images[:3]:
        drawn, overlap = rasterize(found.of(image), image.height, image.width)
        kept = read_labels(real_data / "livecell" / "labels" / image.file_name)
        np.testing.assert_array_equal(drawn, kept)
        assert overlap < 0.04 * (drawn > 0).sum()
