from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.cases import write_discs

from softlight.data.frames import described, fairly, find_frames
from softlight.data.samples import Annotated, DataError, Sample
from softlight.io.errors import ImageError


def write(path: Path, *shape: int, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    tifffile.imwrite(path, values, **options)  # type: ignore[arg-type]
    return path


def test_a_data_set_gives_its_images_and_never_its_labels(tmp_path: Path) -> None:
    folder = write_discs(tmp_path / "set", ("dish_a", "dish_b"))
    write(folder / "unlabelled" / "dish_c.tif", 16, 16)
    write(folder / "masks" / "dish_c.tif", 16, 16)
    write(folder / ".hidden" / "dish_d.tif", 16, 16)
    found = find_frames([folder])
    assert [sample.name for sample in found] == ["dish_a", "dish_b", "dish_c"]
    annotated = found[0].read()
    assert annotated.image.shape == annotated.labels.shape
    assert not annotated.labels.any()


def test_a_challenge_folder_gives_its_movies_only(tmp_path: Path) -> None:
    for folder in ("01", "01_GT/SEG", "01_ST/SEG", "02", "02_GT/TRA"):
        for t in range(2):
            write(tmp_path / folder / f"t{t:03d}.tif", 16, 16)
    found = find_frames([tmp_path])
    assert [sample.name for sample in found] == ["01/t000", "01/t001", "02/t000", "02/t001"]
    assert [sample.group for sample in found] == ["01", "01", "02", "02"]


def test_a_movie_gives_its_frames_as_one_group(tmp_path: Path) -> None:
    path = write(tmp_path / "film.tif", 3, 16, 18, imagej=True, metadata={"axes": "TYX"})
    found = find_frames([path, tmp_path])  # given twice, taken once
    assert [sample.name for sample in found] == ["film_t0000", "film_t0001", "film_t0002"]
    assert {sample.group for sample in found} == {"film"}
    assert np.array_equal(found[2].read().image, tifffile.imread(path)[2])
    assert described(found) == "3 frames of 1 image, well or movie"


def test_wells_are_known_by_the_names(tmp_path: Path) -> None:
    for name in ("A172_Phase_C7_1_00d20h00m_4", "A172_Phase_C7_2_01d20h00m_1"):
        write(tmp_path / f"{name}.tif", 16, 16)
    assert {sample.group for sample in find_frames([tmp_path])} == {"A172_C7"}


def test_the_pixel_size_that_is_given_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", 16, 16)
    assert find_frames([path], pixel_size_um=0.5)[0].read().pixel_size_um == 0.5


def test_channels_must_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "two.tif", 2, 16, 16, imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(
        DataError, match=r"two\.tif has 2 channels .* choose one with --channel 0 to"
    ):
        find_frames([path])
    assert find_frames([path], channel=1)[0].read().image.shape == (16, 16)
    assert find_frames([path], in_channels=2)[0].read().image.shape == (16, 16, 2)


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no image\. Give a folder with"):
        find_frames([tmp_path])
    with pytest.raises(ImageError, match="does not exist"):
        find_frames([tmp_path / "nowhere"])


def test_all_damaged_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path / "good.tif", 16, 16)
    for name in ("bad", "worse"):
        (tmp_path / f"{name}.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(DataError, match=r"2 problems[\s\S]*bad[\s\S]*worse"):
        find_frames([tmp_path])


def test_no_movie_crowds_out_the_others() -> None:
    def nothing() -> Annotated:
        raise AssertionError("choosing needs no reading")

    samples = [Sample(f"long{t}", "long", nothing) for t in range(50)]
    samples += [Sample(f"short{t}", "short", nothing) for t in range(3)]
    chosen = fairly(samples, 10)
    assert [s.name for s in chosen if s.group == "short"] == ["short0", "short1", "short2"]
    assert [s.name for s in chosen if s.group == "long"][::6] == ["long0", "long49"]
    assert len(chosen) == 10
    assert fairly(samples, 0) == fairly(samples, 99) == tuple(samples)
    stills = [Sample(str(n), str(n), nothing) for n in range(9)]
    assert len(fairly(stills, 4)) == 4
