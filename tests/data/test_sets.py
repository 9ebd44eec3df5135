"""Paired folders, recognition of layouts, and problems told all at once."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from softlight.data.sets import DATASETS, DataError, open_dataset
from softlight.io.coco import write_coco


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(array).save(path)
    else:
        tifffile.imwrite(path, array)


def cells(shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    labels = np.zeros(shape, np.uint16)
    labels[2:7, 3:9] = 1
    labels[10:15, 20:28] = 300
    return labels


def paired(path: Path, stems: tuple[str, ...] = ("a", "b", "c"), labels: str = "labels") -> Path:
    for number, stem in enumerate(stems):
        write(path / "images" / f"{stem}.tif", np.full((20, 30), 7 + number, np.uint8))
        write(path / labels / f"{stem}.png", cells())
    return path


@pytest.mark.parametrize("labels", ["labels", "masks"])
def test_paired_folder_gives_images_and_labels(tmp_path: Path, labels: str) -> None:
    dataset = open_dataset(paired(tmp_path / "mine", labels=labels))
    assert (dataset.name, dataset.kind, len(dataset), dataset.notes) == ("mine", "paired", 3, ())
    assert [sample.name for sample in dataset.samples] == ["a", "b", "c"]
    annotated = dataset.samples[1].read()
    assert annotated.image.dtype == np.uint8
    assert (annotated.image == 8).all()
    assert annotated.labels.dtype == np.int32
    np.testing.assert_array_equal(annotated.labels, cells())
    assert annotated.valid is None


def test_colour_images_keep_their_channels(tmp_path: Path) -> None:
    write(tmp_path / "images" / "a.png", np.full((20, 30, 3), 9, np.uint8))
    write(tmp_path / "masks" / "a.tif", cells())
    assert open_dataset(tmp_path).samples[0].read().image.shape == (20, 30, 3)


def test_frames_of_a_movie_are_one_group(tmp_path: Path) -> None:
    names = ("well1_t000", "well1_t001", "well2_t000", "still", "nucleus_12")
    groups = {s.name: s.group for s in open_dataset(paired(tmp_path, names)).samples}
    assert groups == {
        "well1_t000": "well1",
        "well1_t001": "well1",
        "well2_t000": "well2",
        "still": "still",
        "nucleus_12": "nucleus_12",
    }


def test_bare_frame_numbers_are_grouped_by_the_folder(tmp_path: Path) -> None:
    dataset = open_dataset(paired(tmp_path / "movie", ("t000", "t010")))
    assert [(s.group, s.tags) for s in dataset.samples] == [
        ("movie", {"frame": "0"}),
        ("movie", {"frame": "10"}),
    ]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    paired(tmp_path, ("good", "size", "broken", "stack", "nolabel", "twice"))
    (tmp_path / "labels" / "nolabel.png").unlink()
    write(tmp_path / "labels" / "noimage.png", cells())
    write(tmp_path / "labels" / "size.png", cells((20, 31)))
    whole = (tmp_path / "images" / "broken.tif").read_bytes()
    (tmp_path / "images" / "broken.tif").write_bytes(whole[: len(whole) // 2])
    tifffile.imwrite(
        tmp_path / "images" / "stack.tif",
        np.zeros((5, 20, 30), np.uint8),
        metadata={"axes": "TYX"},
    )
    write(tmp_path / "images" / "twice.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(DataError, match="has 6 problems; correct or remove these files") as told:
        open_dataset(tmp_path)
    message = str(told.value)
    assert "images/nolabel.tif has no partner in labels/" in message
    assert "labels/noimage.png has no partner in images/" in message
    assert "labels/size.png is 20×31 pixels, but images/size.tif is 20×30" in message
    assert "broken.tif" in message
    assert "images/stack.tif holds 5 frames" in message
    assert "the stem twice is there more than once" in message
    assert "good" not in message


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    paired(tmp_path, tuple(f"n{number:02d}" for number in range(25)))
    for file in (tmp_path / "labels").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="25 problems") as told:
        open_dataset(tmp_path)
    assert str(told.value).count("has no partner") == 20
    assert "and 5 more" in str(told.value)


def test_few_empty_masks_are_noted_most_are_an_error(tmp_path: Path) -> None:
    paired(tmp_path, ("a", "b", "c", "d"))
    write(tmp_path / "labels" / "b.png", np.zeros((20, 30), np.uint8))
    (note,) = open_dataset(tmp_path).notes
    assert note == "1 label image of 4 hold no cell and count as empty fields: b."
    for stem in "ac":
        write(tmp_path / "labels" / f"{stem}.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(DataError, match=r"3 of 4 label images are empty \(only 0\): a, b, c"):
        open_dataset(tmp_path)
    write(tmp_path / "labels" / "d.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(DataError, match="all label images are empty"):
        open_dataset(tmp_path)


def test_masks_without_background_are_noted(tmp_path: Path) -> None:
    write(paired(tmp_path) / "labels" / "a.png", np.full((20, 30), 1, np.uint8))
    assert "hold no background (value 0): a." in open_dataset(tmp_path).notes[0]


def test_both_labels_and_masks(tmp_path: Path) -> None:
    paired(tmp_path)
    (tmp_path / "masks").mkdir()
    assert open_dataset(tmp_path).notes == ("Both labels/ and masks/ are there; labels/ is used.",)


def test_no_image_files(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError, match="hold no image files"):
        open_dataset(tmp_path)


def test_unknown_folder_lists_layouts_and_content(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"It holds notes\.txt, raw/") as told:
        open_dataset(tmp_path)
    for layout in DATASETS.values():
        assert layout.looks_like in str(told.value)


def test_what_the_user_may_have_meant(tmp_path: Path) -> None:
    paired(tmp_path / "one")
    with pytest.raises(DataError, match="Give the folder above"):
        open_dataset(tmp_path / "one" / "images")
    with pytest.raises(DataError, match="These folders in it are data sets: one"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match="is a file, not a folder"):
        open_dataset(tmp_path / "one" / "images" / "a.tif")


def test_annotation_is_for_challenge_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="annotation='gold' is for Cell Tracking Challenge"):
        open_dataset(paired(tmp_path), annotation="gold")


def test_several_layouts_are_taken_in_order(tmp_path: Path) -> None:
    paired(tmp_path)
    write_coco(tmp_path / "annotations.json", [(f"{s}.tif", cells()) for s in "abc"])
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "livecell"
    assert "could also be read as paired; it is read as livecell" in dataset.notes[0]


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    open_dataset(paired(tmp_path), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_real_stills(real_data: Path) -> None:
    dataset = open_dataset(real_data / "stills" / "usiigaci_phase")
    assert (dataset.kind, len(dataset), dataset.notes) == ("paired", 9, ())
    classes = open_dataset(real_data / "stills" / "wbc_three_class").samples[0].read()
    assert classes.image.ndim == 3
    assert set(np.unique(classes.labels)) == {0, 1, 2}
