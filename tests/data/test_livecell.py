"""LIVECell folders: names, polygons and run lengths, problems, and the published layout."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pycocotools import mask as coco_mask

from softlight.data.names import parse_livecell_name
from softlight.data.sets import DataError, open_dataset

NAMES = ("A172_Phase_C7_1_00d20h00m_4.tif", "SKOV3_Phase_E12_2_01d00h30m_1.tif")
HEIGHT, WIDTH = 24, 36


def cell_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[4:9, 20:31] = 1
    mask[6, 25] = 0
    return mask


def segmentations() -> list[object]:
    """A polygon, compressed run lengths and uncompressed ones."""
    compressed = coco_mask.encode(np.asfortranarray(cell_mask()))
    flat = np.asfortranarray(cell_mask()[::-1]).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return [
        [[2, 3, 9, 3, 9, 12, 2, 12]],
        {"size": [HEIGHT, WIDTH], "counts": compressed["counts"].decode()},
        {"size": [HEIGHT, WIDTH], "counts": runs},
    ]


def content(names: tuple[str, ...] = NAMES) -> dict[str, object]:
    return {
        "images": [
            {"id": 7 + i, "file_name": name, "height": HEIGHT, "width": WIDTH}
            for i, name in enumerate(names)
        ],
        "annotations": [
            {"id": 10 * i + j, "image_id": 7 + i, "category_id": 1, "iscrowd": 0, "segmentation": s}
            for i in range(len(names))
            for j, s in enumerate(segmentations())
        ],
        "categories": [{"id": 1, "name": "cell"}],
    }


def folder(
    path: Path, *, names: tuple[str, ...] = NAMES, below: str = "images", coco: str = ""
) -> Path:
    (path / below).mkdir(parents=True, exist_ok=True)
    for name in names:
        tifffile.imwrite(path / below / name, np.full((HEIGHT, WIDTH), 5, np.uint8))
    (path / (coco or "annotations.json")).write_text(json.dumps(content(names)))
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A172_Phase_C7_1_00d20h00m_4.tif", ("A172", "C7", 1, 20.0, 4, "A172_C7")),
        ("images/SkBr3_Phase_E12_2_01d00h30m_1.png", ("SkBr3", "E12", 2, 24.5, 1, "SkBr3_E12")),
        ("BV2_Phase_B4_2_02d04h00m", ("BV2", "B4", 2, 52.0, None, "BV2_B4")),
    ],
)
def test_names_are_understood(name: str, expected: tuple[object, ...]) -> None:
    parsed = parse_livecell_name(name)
    assert parsed is not None
    found = (parsed.cell_type, parsed.well, parsed.site, parsed.time_h, parsed.crop, parsed.group)
    assert found == expected


@pytest.mark.parametrize("name", ["cells.tif", "A172_Phase_Z7_1_00d20h00m_4.tif", "A172_C7_1.tif"])
def test_other_names_are_none(name: str) -> None:
    assert parse_livecell_name(name) is None


def test_polygons_and_both_run_lengths(tmp_path: Path) -> None:
    dataset = open_dataset(folder(tmp_path))
    assert (dataset.kind, len(dataset)) == ("livecell", 2)
    first, second = dataset.samples
    assert first.tags == {
        "cell_type": "A172",
        "well": "C7",
        "site": "1",
        "time_h": "20",
        "crop": "4",
    }
    assert (first.group, second.group) == ("A172_C7", "SKOV3_E12")
    annotated = first.read()
    assert annotated.pixel_size_um == 1.24
    assert annotated.valid is None
    runs = coco_mask.merge(coco_mask.frPyObjects(segmentations()[0], HEIGHT, WIDTH))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pycocotools, about NumPy's copy
        polygon = coco_mask.decode(runs)
    np.testing.assert_array_equal(annotated.labels == 1, polygon)
    np.testing.assert_array_equal(annotated.labels == 2, cell_mask())
    np.testing.assert_array_equal(annotated.labels == 3, cell_mask()[::-1])


def test_frames_of_another_movie_are_one_group(tmp_path: Path) -> None:
    samples = open_dataset(folder(tmp_path, names=("sim_t000.tif", "sim_t001.tif"))).samples
    assert [(s.group, s.tags) for s in samples] == [
        ("sim", {"frame": "0"}),
        ("sim", {"frame": "1"}),
    ]


def test_overlap_is_noted(tmp_path: Path) -> None:
    values = content(NAMES[:1])
    values["annotations"][1]["segmentation"] = [[5, 3, 15, 3, 15, 12, 5, 12]]
    folder(tmp_path, names=NAMES[:1])
    (tmp_path / "annotations.json").write_text(json.dumps(values))
    labels = open_dataset(tmp_path)
    (note,) = labels.notes
    # 7 × 9, 10 × 9 and 54 pixels; 4 × 9 belong to two
    assert f"overlap on {100 * 36 / (63 + 90 + 54 - 36):.1f} % of the cell pixels" in note


def test_published_layout(tmp_path: Path) -> None:
    folder(tmp_path, names=NAMES[:1], below="images/livecell_train_val_images/A172",
           coco="livecell_coco_train.json")  # fmt: skip
    folder(tmp_path, names=NAMES[1:], below="images/livecell_test_images",
           coco="livecell_coco_test.json")  # fmt: skip
    folder(tmp_path / "other", names=("x.tif",), coco="livecell_coco_val.json")
    (tmp_path / "other" / "livecell_coco_val.json").rename(tmp_path / "livecell_coco_val.json")
    dataset = open_dataset(tmp_path)
    assert [s.tags["split"] for s in dataset.samples] == ["train", "test"]
    assert any(
        "None of the 1 images of livecell_coco_val.json is there" in n for n in dataset.notes
    )
    assert dataset.samples[1].read().labels.max() == 3


def test_any_single_json_and_other_suffix(tmp_path: Path) -> None:
    folder(tmp_path, names=("x.tif",), coco="export.json")
    values = content(("x.png",))
    (tmp_path / "export.json").write_text(json.dumps(values))
    tifffile.imwrite(tmp_path / "images" / "more.tif", np.zeros((4, 4), np.uint8))
    dataset = open_dataset(tmp_path)
    (sample,) = dataset.samples
    assert (sample.name, sample.group, sample.tags) == ("x", "x", {})
    assert sample.read().pixel_size_um is None
    assert "1 image in images/ without annotation left out: more.tif." in dataset.notes


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    names = (*NAMES, "c.tif", "d.tif")
    folder(tmp_path, names=names)
    (tmp_path / "images" / NAMES[0]).unlink()
    tifffile.imwrite(tmp_path / "images" / NAMES[1], np.zeros((HEIGHT, 10), np.uint8))
    (tmp_path / "images" / "c.tif").write_bytes(b"II*\0")
    with pytest.raises(DataError, match="has 3 problems") as told:
        open_dataset(tmp_path)
    assert f"{NAMES[0]} is annotated but not in images/" in str(told.value)
    assert f"is 24×36 pixels, but images/{NAMES[1]} is 24×10" in str(told.value)
    assert "c.tif" in str(told.value)


def test_annotated_twice_and_no_cell(tmp_path: Path) -> None:
    folder(tmp_path)
    values = content((NAMES[0], NAMES[0]))
    values["annotations"] = []
    (tmp_path / "annotations.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="is annotated twice") as told:
        open_dataset(tmp_path)
    assert "the annotation holds no cell at all" in str(told.value)


def test_images_without_cells_are_noted(tmp_path: Path) -> None:
    folder(tmp_path)
    values = content()
    values["annotations"] = [a for a in values["annotations"] if a["image_id"] == 7]
    (tmp_path / "annotations.json").write_text(json.dumps(values))
    dataset = open_dataset(tmp_path)
    assert "1 image of 2 hold no cell and count as empty fields" in dataset.notes[0]
    assert not dataset.samples[1].read().labels.any()


def test_damaged_annotation_is_a_clear_error(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "annotations.json").write_text("{")
    with pytest.raises(ValueError, match=r"annotations\.json"):
        open_dataset(tmp_path)


def test_real_livecell(real_data: Path) -> None:
    dataset = open_dataset(real_data / "livecell")
    assert (dataset.kind, len(dataset)) == ("livecell", 13)
    assert len({sample.group for sample in dataset.samples}) == 11
    by_name = {sample.name: sample for sample in dataset.samples}
    annotated = by_name["SKOV3_Phase_E4_1_00d00h00m_1"].read()
    told = tifffile.imread(real_data / "livecell/labels/SKOV3_Phase_E4_1_00d00h00m_1.tif")
    assert annotated.labels.max() == told.max() == 77
    assert ((annotated.labels > 0) == (told > 0)).mean() > 0.999
    assert "at most 3.1 % in MCF7_Phase_H4_1_03d08h00m_4" in dataset.notes[-1]
