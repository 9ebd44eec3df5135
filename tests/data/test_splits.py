"""Splits and folds: groups stay whole, cell types spread, the same for the same seed."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softlight.config import DataConfig
from softlight.data.samples import Annotated, DataError, Sample
from softlight.data.sets import open_dataset
from softlight.data.splits import folds, split_as, split_fraction, split_list


def nothing() -> Annotated:
    return Annotated(np.zeros((2, 2)), np.zeros((2, 2), np.int32))


def sample(name: str, group: str, cell_type: str = "") -> Sample:
    return Sample(name, group, nothing, {"cell_type": cell_type} if cell_type else {})


def wells(**counts: int) -> list[Sample]:
    """``A_1=3``: well A_1 of cell type A with three images."""
    return [
        sample(f"{well}_{i}", well, well.split("_")[0])
        for well, count in counts.items()
        for i in range(count)
    ]


def movie(frames: int) -> list[Sample]:
    return [sample(f"m-t{t:03d}", "m") for t in range(frames)]


def names(samples: tuple[Sample, ...]) -> list[str]:
    return [s.name for s in samples]


def test_groups_stay_whole_and_types_are_held_out_in_turn() -> None:
    samples = wells(A_1=2, A_2=2, B_1=2, B_2=2, C_1=2)
    split = split_fraction(samples, 0.4, seed=3)
    assert not {s.group for s in split.train} & {s.group for s in split.validation}
    assert Counter(s.tags["cell_type"] for s in split.validation) == {"A": 2, "B": 2}
    assert split.note == "4 images of 10 validate: 2 of 5 groups (wells or movies)."


def test_fraction_by_image() -> None:
    split = split_fraction(wells(A_1=10), 0.25, by="image", seed=1)
    assert (len(split.train), len(split.validation)) == (8, 2)
    assert split != split_fraction(wells(A_1=10), 0.25, by="image", seed=2)


def test_so_many_images_validate_as_were_asked_for() -> None:
    samples = wells(**{f"A_{well}": 1 for well in range(40)})
    split = split_fraction(samples, 0.5, images=5)
    assert (len(split.train), len(split.validation)) == (35, 5)
    config = DataConfig(validation_images=5)
    assert split_as(samples, config, seed=3) == split_fraction(samples, 0.5, images=5, seed=3)
    assert len(split_as(samples, DataConfig(validation_fraction=0.25), seed=0).validation) == 10
    with pytest.raises(DataError, match="40 images cannot validate, for there are only 40"):
        split_fraction(samples, 0.5, images=40)


def test_at_least_one_validates_and_one_trains() -> None:
    assert len(split_fraction(wells(A_1=1, B_1=1), 0.01).validation) == 1
    split = split_fraction(wells(A_1=1, A_2=1, A_3=1), 0.99)
    assert (len(split.train), len(split.validation)) == (1, 2)


def test_one_movie_is_cut_in_time() -> None:
    split = split_fraction(movie(20)[::-1], 0.15)
    assert names(split.train) == [f"m-t{t:03d}" for t in range(17)]
    assert names(split.validation) == ["m-t017", "m-t018", "m-t019"]
    assert "All 20 images belong to one group (m), so the last 3" in split.note


def test_one_image_trains_and_validates_and_says_so() -> None:
    split = split_fraction(movie(1), 0.15)
    assert split.train == split.validation
    assert "There is one image, so validation uses what is trained on" in split.note


def test_fraction_zero_holds_nothing_out() -> None:
    split = split_fraction(movie(3), 0.0)
    assert split.train == split.validation == tuple(movie(3))
    assert "No image is held out (fraction 0)" in split.note


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 7])
def test_impossible_fractions(fraction: float) -> None:
    with pytest.raises(DataError, match="give one from 0 to below 1"):
        split_fraction(movie(3), fraction)


def test_list_of_names_stems_and_groups() -> None:
    samples = wells(A_1=2, B_1=2, C_1=1)
    split = split_list(samples, ["A_1_1.tif", "B_1", " "])
    assert names(split.validation) == ["A_1_1", "B_1_0", "B_1_1"]
    assert names(split.train) == ["A_1_0", "C_1_0"]
    assert "share A_1" in split.note
    assert "share" not in split_list(samples, ["B_1"]).note


def test_list_messages() -> None:
    samples = wells(A_1=2)
    with pytest.raises(
        DataError, match=r"Not in the data set: x, y\.tif\. Names of images are like"
    ):
        split_list(samples, ["x", "A_1_0", "y.tif"])
    with pytest.raises(DataError, match="list of validation images is empty"):
        split_list(samples, [" "])
    with pytest.raises(DataError, match="none is left to train on"):
        split_list(samples, ["A_1"])
    with pytest.raises(DataError, match="There is no image to split"):
        split_list([], ["a"])
    with pytest.raises(DataError, match="these come twice: A_1_0"):
        folds(samples + samples[:1], 2)


def test_folds_hold_every_type_where_possible() -> None:
    samples = wells(A_1=3, A_2=3, B_1=2, B_2=2, B_3=1, C_1=2, C_2=2)
    for fold in folds(samples, 2, seed=5):
        assert {s.tags["cell_type"] for s in fold.test} == {"A", "B", "C"}
        assert {s.tags["cell_type"] for s in fold.train} == {"A", "B", "C"}
        assert len(fold.test) in (7, 8)


def test_one_movie_is_cut_into_blocks() -> None:
    parts = folds(movie(10), 3)
    assert [names(fold.test)[0] for fold in parts] == ["m-t000", "m-t004", "m-t007"]
    assert [len(fold.test) for fold in parts] == [4, 3, 3]
    assert "3 contiguous blocks in order of name" in parts[0].note


def test_folds_by_image() -> None:
    parts = folds(wells(A_1=5), 5, by="image")
    assert sorted(names(fold.test)[0] for fold in parts) == [f"A_1_{i}" for i in range(5)]


def test_too_many_folds() -> None:
    with pytest.raises(DataError, match="4 folds need at least 4 groups; there are 2 groups"):
        folds(wells(A_1=9, B_1=9), 4)
    with pytest.raises(DataError, match="9 folds need at least 9 images; there are 3 images"):
        folds(movie(3), 9)
    with pytest.raises(DataError, match="needs at least 2 folds, not 1"):
        folds(movie(3), 1)


layouts = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from("ABC")), min_size=2, max_size=12
).map(lambda ws: [sample(f"{n}-{i}", f"w{n}", t) for n, (c, t) in enumerate(ws) for i in range(c)])


@settings(max_examples=30, deadline=None)
@given(layouts, st.integers(2, 5), st.integers(0, 9), st.randoms(use_true_random=False))
def test_folds_always_partition(samples, k, seed, random) -> None:
    groups = {s.group for s in samples}
    if k > len(groups):
        with pytest.raises(DataError):
            folds(samples, k, seed=seed)
        return
    parts = folds(samples, k, seed=seed)
    tested = [name for fold in parts for name in names(fold.test)]
    assert sorted(tested) == sorted(s.name for s in samples)
    for fold in parts:
        assert fold.test
        assert len(fold.train) + len(fold.test) == len(samples)
        assert not {s.group for s in fold.train} & {s.group for s in fold.test}
    shuffled = list(samples)
    random.shuffle(shuffled)
    again = folds(shuffled, k, seed=seed)
    assert [set(names(f.test)) for f in parts] == [set(names(f.test)) for f in again]


@settings(max_examples=30, deadline=None)
@given(layouts, st.floats(0.05, 0.9), st.integers(0, 9))
def test_fraction_always_parts_whole_groups(samples, fraction, seed) -> None:
    split = split_fraction(samples, fraction, seed=seed)
    assert split == split_fraction(samples, fraction, seed=seed)
    assert split.train
    assert split.validation
    assert len(split.train) + len(split.validation) == len(samples)
    assert not {s.group for s in split.train} & {s.group for s in split.validation}


def test_real_livecell_folds(real_data: Path) -> None:
    samples = open_dataset(real_data / "livecell").samples
    well_counts = Counter(
        cell_type for cell_type, _ in {(s.tags["cell_type"], s.group) for s in samples}
    )
    for fold in folds(samples, 4):
        assert 3 <= len(fold.test) <= 4
        trained = {s.tags["cell_type"] for s in fold.train}
        assert all(s.tags["cell_type"] in trained for s in fold.test
                   if well_counts[s.tags["cell_type"]] > 1)  # fmt: skip
