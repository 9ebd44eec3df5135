from pathlib import Path

import numpy as np
import pytest
import tifffile

from softlight.io.images import ImageError
from softlight.recipes.analysis.positions import Position, find_positions
from softlight.recipes.segment import Reading


def make(folder: Path, *names: str, frames: int = 1, side: int = 8) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        shape = (frames, side, side) if frames > 1 else (side, side)
        pixels = np.full(shape, number, np.uint8)
        tifffile.imwrite(folder / name, pixels, photometric="minisblack")
    return folder


def shown(found: list[Position]) -> dict[str, list[str | None]]:
    return {one.name: [None if f is None else f.name for f in one.files] for one in found}


def test_times_in_names_make_a_movie_of_each_site_and_crop(tmp_path: Path) -> None:
    hours = (0, 4, 8, 24)
    names = [
        f"SHSY5Y_Phase_B10_{site}_{h // 24:02}d{h % 24:02}h00m_{crop}.tif"
        for site in (1, 2)
        for h in hours
        for crop in (1, 2)
    ]
    found = find_positions([make(tmp_path / "plate", *names, "A172_Phase_A7_1_01d08h00m_2.tif")])
    assert [one.name for one in found] == [
        "A172_Phase_A7_1_01d08h00m_2",
        "SHSY5Y_Phase_B10_1_1",
        "SHSY5Y_Phase_B10_1_2",
        "SHSY5Y_Phase_B10_2_1",
        "SHSY5Y_Phase_B10_2_2",
    ]
    one = found[2]
    assert (one.interval_min, one.start_min, one.frames) == (240, 0, True)
    assert len(one.files) == 7
    assert one.files[2] == tmp_path / "plate" / "SHSY5Y_Phase_B10_1_00d08h00m_2.tif"
    assert one.files[3:6] == (None, None, None)
    assert "3 frames of SHSY5Y_Phase_B10_1_2 are missing (3, 4, 5, counted from 0)" in one.notes[0]
    movie = one.open(Reading())
    assert (movie.shape, movie.missing, movie.frame_interval_min) == ((7, 8, 8), (3, 4, 5), 240)
    assert one.open(Reading(interval_min=7)).frame_interval_min == 7
    with pytest.raises(ImageError, match="Frame 4 of SHSY5Y_Phase_B10_1_2 is missing"):
        movie.frame(4)


def test_calendar_times(tmp_path: Path) -> None:
    names = [f"VID9_C3_1_2024y0{m}m{d}d_{h}h30m.tif" for m, d, h in ((2, 29, 23), (3, "01", "01"))]
    (one,) = find_positions([make(tmp_path, *names)])
    assert (one.name, one.interval_min, len(one.files)) == ("VID9_C3_1", 120, 2)
    make(tmp_path / "b", "x_2023y02m30d_00h00m.tif")
    with pytest.raises(ImageError, match="2023-02-30, which does not exist"):
        find_positions([tmp_path / "b"])


def test_frame_numbers_after_a_word(tmp_path: Path) -> None:
    names = [
        f"{dish}_{word}{n:03}.tif"
        for dish, word in (("a", "t"), ("b", "frame_"))
        for n in (1, 2, 4)
    ]
    found = find_positions([make(tmp_path, *names)])
    assert shown(found) == {
        "a": ["a_t001.tif", "a_t002.tif", None, "a_t004.tif"],
        "b": ["b_frame_001.tif", "b_frame_002.tif", None, "b_frame_004.tif"],
    }
    assert found[0].interval_min is None


def test_a_folder_of_numbered_files_is_a_movie(tmp_path: Path) -> None:
    assert shown(find_positions([make(tmp_path / "mine", "1.tif", "2.tif", "10.tif")])) == {
        "mine": ["1.tif", "2.tif", *[None] * 7, "10.tif"]
    }
    t = find_positions([make(tmp_path / "bare", "t0.tif", "t1.tif")])
    assert shown(t) == {"bare": ["t0.tif", "t1.tif"]}


@pytest.mark.parametrize(
    "names",
    [("A1.tif", "A2.tif", "A3.tif"), ("a.tif", "b.tif", "c.tif"), ("x1.tif", "x2.tif")],
)
def test_wells_and_other_names_are_positions(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = find_positions([make(tmp_path, *names)])
    assert [one.name for one in found] == [name.removesuffix(".tif") for name in names]
    assert not any(one.frames for one in found)


def test_stacks_are_positions_whatever_they_are_called(tmp_path: Path) -> None:
    found = find_positions([make(tmp_path, "a_t1.tif", "a_t2.tif", frames=2)])
    assert [one.name for one in found] == ["a_t1", "a_t2"]
    assert len(found[0].open(Reading())) == 2


def test_separate_keeps_files_apart(tmp_path: Path) -> None:
    found = find_positions([make(tmp_path, "t0.tif", "t1.tif")], separate=True)
    assert [one.name for one in found] == ["t0", "t1"]


def test_a_folder_of_folders(tmp_path: Path) -> None:
    for well in ("A1", "A10", "A2"):
        make(tmp_path / well, "t0.tif", "t1.tif")
    found = find_positions([tmp_path])
    assert [one.name for one in found] == ["A1", "A2", "A10"]


def test_equal_names_get_their_folder(tmp_path: Path) -> None:
    for run in ("one", "two"):
        make(tmp_path / run, "A1_t0.tif", "A1_t1.tif")
    assert [one.name for one in find_positions([tmp_path])] == ["one_A1", "two_A1"]


def test_times_without_rhythm_are_consecutive_and_told(tmp_path: Path) -> None:
    names = [f"a_00d{h:02}h{m:02}m.tif" for h, m in ((0, 0), (1, 0), (2, 30))]
    (one,) = find_positions([make(tmp_path, *names)])
    assert (len(one.files), one.interval_min) == (3, None)
    assert "not evenly spaced" in one.doubts(Reading())[0]
    (far,) = find_positions([make(tmp_path / "b", "t1.tif", "t2.tif", "t5000.tif")])
    assert len(far.files) == 3
    assert "not evenly spaced" in far.doubts(Reading())[0]
    assert far.doubts(Reading(interval_min=5)) == []


def test_an_interval_that_is_given_settles_uneven_times_if_it_fills_them(tmp_path: Path) -> None:
    names = [f"a_00d{h:02}h{m:02}m.tif" for h, m in ((0, 0), (1, 0), (2, 30))]
    (one,) = find_positions([make(tmp_path, *names)])
    assert one.doubts(Reading(interval_min=75)) == []
    (doubt,) = one.doubts(Reading(interval_min=10))
    assert "span 150 min, and 2 steps of the 10 min that were given make 20" in doubt


@pytest.mark.parametrize(
    ("minutes", "there", "interval"),
    [
        ((0, 10, 21, 30), [0, 1, 2, 3], 10),  # one frame a minute late
        ((0, 9, 20, 30, 51, 60), [0, 1, 2, 3, 5, 6], 10),  # and one missing
        ((0, 2, 5, 7, 10), [0, 1, 2, 3, 4], 2.5),  # half minutes that names round
        ((0, 5, 10, 15, 30), [0, 1, 2, 3, 6], 5),
        ((0, 1, 2, 4), [0, 1, 2, 4], 1),
        ((0, 10, 25, 40), [0, 1, 2, 3], None),
    ],
)
def test_a_clock_that_tells_whole_minutes(
    tmp_path: Path, minutes: tuple[int, ...], there: list[int], interval: float | None
) -> None:
    names = [f"a_2024y01m01d_14h{m:02}m.tif" for m in minutes]
    (one,) = find_positions([make(tmp_path, *names)])
    assert [t for t, file in enumerate(one.files) if file is not None] == there
    assert one.interval_min == (None if interval is None else pytest.approx(interval))
    assert len(one.doubts(Reading())) == (interval is None)
    if interval is not None:
        assert one.doubts(Reading(interval_min=interval)) == []


def test_the_interval_that_was_meant_is_no_contradiction(tmp_path: Path) -> None:
    names = [f"a_2024y01m01d_14h{m:02}m.tif" for m in (0, 10, 21)]
    (one,) = find_positions([make(tmp_path, *names)])
    assert one.doubts(Reading(interval_min=10)) == []  # the names say 10.5
    assert len(one.doubts(Reading(interval_min=12))) == 1


def test_a_clock_may_be_a_little_off(tmp_path: Path) -> None:
    names = [f"a_00d{h:02}h{m:02}m.tif" for h, m in ((0, 0), (4, 2), (8, 0), (16, 1))]
    (one,) = find_positions([make(tmp_path, *names)])
    assert [file is not None for file in one.files] == [True, True, True, False, True]
    assert one.interval_min == pytest.approx(961 / 4)


def test_two_files_of_one_time(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="tell the same time of a; keep one of them"):
        find_positions([make(tmp_path, "a_t1.tif", "a_t01.tif")])


def test_what_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no images"):
        find_positions([tmp_path])
    with pytest.raises(ImageError, match="does not exist"):
        find_positions([tmp_path / "none"])


def test_frames_of_several_sizes(tmp_path: Path) -> None:
    make(tmp_path, "a_t0.tif")
    tifffile.imwrite(tmp_path / "a_t1.tif", np.zeros((8, 9), np.uint8))
    (one,) = find_positions([tmp_path])
    with pytest.raises(ImageError, match="frames of one movie must have one size"):
        one.open(Reading())
