"""Several data sets as one: names and wells kept apart, masks known, errors with folders."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.cases import write_discs

from softlight.data.samples import DataError
from softlight.data.sets import open_dataset
from softlight.data.single_cells import has_single_cells, is_binary
from softlight.data.splits import folds, split_fraction

WELL = "A172_Phase_C7_1_00d20h00m_{}"


def masks(folder: Path, names: tuple[str, ...] = ("a",)) -> Path:
    """Discs whose labels say only that they are cells."""
    write_discs(folder, names, count=6, side=64)
    for path in (folder / "labels").iterdir():
        tifffile.imwrite(path, (tifffile.imread(path) > 0).astype(np.uint8))
    return folder


def test_all_samples_in_order_and_names_that_collide_with_their_set(tmp_path: Path) -> None:
    one = write_discs(tmp_path / "one", ("a", "dish_t000"))
    two = write_discs(tmp_path / "two", ("b", "dish_t000", "dish_t001"))
    dataset = open_dataset([one, two])
    assert (dataset.name, dataset.kind, dataset.joined) == ("one, two", "several", ("one", "two"))
    assert [s.name for s in dataset.samples] == [
        "a", "one/dish_t000", "b", "two/dish_t000", "dish_t001",
    ]  # fmt: skip
    assert [s.group for s in dataset.samples] == ["a", "one/dish", "b", "two/dish", "two/dish"]
    assert [s.tags["set"] for s in dataset.samples] == ["one"] * 2 + ["two"] * 3
    np.testing.assert_array_equal(
        dataset.samples[3].read().labels, tifffile.imread(two / "labels" / "dish_t000.tif")
    )
    assert len(folds(dataset.samples, 2)) == 2


def test_one_folder_is_itself(tmp_path: Path) -> None:
    folder = write_discs(tmp_path / "one", ("a",))
    assert open_dataset([folder]) == open_dataset(folder)


def test_a_well_of_livecell_is_one_in_whatever_folder(tmp_path: Path) -> None:
    one = write_discs(tmp_path / "train", (WELL.format(1),))
    two = write_discs(tmp_path / "test", (WELL.format(2), "other"))
    assert {s.group for s in open_dataset([one, two]).samples} == {"A172_C7", "other"}


def test_folders_of_one_name_are_told_by_the_one_above(tmp_path: Path) -> None:
    folders = [write_discs(tmp_path / above / "data", ("t000",)) for above in ("x", "y")]
    assert [s.name for s in open_dataset(folders).samples] == ["x/data/t000", "y/data/t000"]
    deeper = [write_discs(tmp_path / above / "x" / "data", ("t000",)) for above in ("p", "q")]
    names = [s.name for s in open_dataset(deeper).samples]
    assert names == [f"{folder.resolve().as_posix()}/t000" for folder in deeper]


def test_each_set_validates(tmp_path: Path) -> None:
    many = write_discs(tmp_path / "many", tuple(f"m{i}" for i in range(8)))
    few = write_discs(tmp_path / "few", ("x", "y"))
    split = split_fraction(open_dataset([many, few]).samples, 0.2)
    assert {s.tags["set"] for s in split.validation} == {"many", "few"}


def test_masks_beside_cells_are_known_as_masks(tmp_path: Path) -> None:
    cells = write_discs(tmp_path / "cells", ("a",), count=6, side=64)
    dataset = open_dataset([cells, masks(tmp_path / "masks", ("b",))])
    assert [is_binary(sample) for sample in dataset.samples] == [False, True]
    assert has_single_cells(dataset.samples)
    assert dataset.notes == (
        "masks: its labels do not tell touching cells apart; where single cells are learned, it "
        "teaches the foreground only.",
    )
    both = open_dataset([masks(tmp_path / "m", ("c",)), tmp_path / "masks"])
    assert not any(is_binary(sample) for sample in both.samples)
    assert both.notes == ()


def test_notes_and_errors_name_the_folder(tmp_path: Path) -> None:
    good = write_discs(tmp_path / "good", ("a",))
    (good / "masks").mkdir()
    other = write_discs(tmp_path / "other", ("b",))
    assert open_dataset([good, other]).notes == (
        "good: Both labels/ and masks/ are there; labels/ is used.",
    )
    (other / "labels" / "b.tif").unlink()
    with pytest.raises(DataError, match=r"(?s)other .*images/b.tif has no partner"):
        open_dataset([good, other])
    with pytest.raises(DataError, match="nowhere does not exist"):
        open_dataset([good, tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"Given more than once: .*good"):
        open_dataset([good, good / ".." / "good"])
    with pytest.raises(DataError, match="No folder was given"):
        open_dataset([])
    with pytest.raises(DataError, match=r"annotation='gold' is for .*good is read as paired"):
        open_dataset([good], annotation="gold")
