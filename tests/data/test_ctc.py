"""Challenge folders: which masks are used, and what incomplete masks must not teach."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage.measure import regionprops

from softlight.data import known
from softlight.data.sets import DataError, DataSet, open_dataset

SHAPE = (90, 130)
CENTRES = ((20, 20), (20, 100), (70, 60))


def discs(radius: float, which: tuple[int, ...] = (1, 2, 3)) -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    labels = np.zeros(SHAPE, np.uint16)
    for number in which:
        row, column = CENTRES[number - 1]
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = number
    return labels


def write(folder: Path, name: str, values: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / name, values)


def movie(
    path: Path,
    *,
    frames: int = 4,
    gold: dict[int, np.ndarray] | None = None,
    silver: dict[int, np.ndarray] | None = None,
    kind: str = "ST",
    markers: bool = True,
    sequence: str = "01",
) -> Path:
    for t in range(frames):
        write(path / sequence, f"t{t:03d}.tif", np.full(SHAPE, t, np.uint8))
        if markers:
            write(path / f"{sequence}_GT/TRA", f"man_track{t:03d}.tif", discs(3))
    for t, labels in (gold or {}).items():
        write(path / f"{sequence}_GT/SEG", f"man_seg{t:03d}.tif", labels)
    for t, labels in (silver or {}).items():
        if kind == "STbin":
            write(path / f"{sequence}_STbin", f"mask{t:03d}.tif", labels)
        else:
            write(path / f"{sequence}_{kind}/SEG", f"man_seg{t:03d}.tif", labels)
    return path


def frame(dataset: DataSet, number: int):
    return next(s for s in dataset.samples if s.tags["frame"] == str(number))


def used(dataset: DataSet) -> dict[int, tuple[str, str]]:
    return {
        int(s.tags["frame"]): (s.tags["annotation"], s.tags["complete"]) for s in dataset.samples
    }


def test_complete_gold_is_believed_everywhere(tmp_path: Path) -> None:
    dataset = open_dataset(movie(tmp_path / "set", gold={1: discs(8), 3: discs(8)}))
    assert (dataset.kind, dataset.name) == ("ctc", "set")
    assert [s.name for s in dataset.samples] == ["set-01-t001", "set-01-t003"]
    assert {s.group for s in dataset.samples} == {"set-01"}
    assert used(dataset) == {1: ("gold", "yes"), 3: ("gold", "yes")}
    annotated = frame(dataset, 3).read()
    assert annotated.valid is None
    assert (annotated.image == 3).all()
    np.testing.assert_array_equal(annotated.labels, discs(8))
    assert dataset.notes == (
        "set-01: frames by annotation: 2 gold (complete); 2 frames without masks left out.",
    )


def test_unlabelled_cells_are_never_background(tmp_path: Path) -> None:
    dataset = open_dataset(movie(tmp_path / "set", gold={0: discs(8), 1: discs(8, (1,))}))
    assert used(dataset) == {0: ("gold", "yes"), 1: ("gold", "no")}
    annotated = frame(dataset, 1).read()
    assert annotated.valid is not None
    taught_background = annotated.valid & (annotated.labels == 0)
    assert not (taught_background & (discs(8) > 0)).any()  # not one pixel of cells 2 and 3
    assert annotated.valid[annotated.labels > 0].all()
    assert taught_background.mean() > 0.5  # and far background still teaches
    assert any("in incomplete frames, what lies within" in note for note in dataset.notes)
    # the trap is real: without the mask both cells would be background
    assert ((annotated.labels == 0) & (discs(8) > 0)).any()


def test_the_better_covering_mask_is_taken(tmp_path: Path) -> None:
    dataset = open_dataset(
        movie(
            tmp_path / "set",
            gold={0: discs(8), 1: discs(8, (1,)), 2: discs(8, (1, 2))},
            silver={0: discs(7), 1: discs(7), 2: discs(7, (3,)), 3: discs(7, (1, 2))},
        )
    )
    assert used(dataset) == {
        0: ("gold", "yes"),
        1: ("ST", "yes"),
        2: ("gold", "no"),
        3: ("ST", "no"),
    }


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("gold", {0: ("gold", "no")}),
        ("silver", {0: ("ST", "yes"), 2: ("ST", "yes")}),
        ("complete", {0: ("gold", "yes"), 2: ("ST", "yes")}),
    ],
)
def test_annotation_chooses(tmp_path: Path, annotation: str, expected: object) -> None:
    path = movie(tmp_path / "set", gold={0: discs(8, (1,))}, silver={0: discs(7), 2: discs(7)})
    assert used(open_dataset(path, annotation=annotation)) == expected


def test_complete_believes_everything(tmp_path: Path) -> None:
    path = movie(tmp_path / "PhC-C2DH-U373", gold={0: discs(8, (1,))})
    assert frame(open_dataset(path), 0).read().valid is not None
    assert frame(open_dataset(path, annotation="complete"), 0).read().valid is None


def test_gold_without_markers_teaches_only_masks_and_a_ring(tmp_path: Path) -> None:
    dataset = open_dataset(
        movie(tmp_path / "set", gold={0: discs(8, (1,)), 1: discs(8, ())}, markers=False)
    )
    assert used(dataset) == {0: ("gold", "unknown")}
    annotated = frame(dataset, 0).read()
    distance = ndimage.distance_transform_edt(annotated.labels == 0)
    np.testing.assert_array_equal(annotated.valid, distance <= 2)
    assert any("give annotation='complete' if all have" in note for note in dataset.notes)
    assert any("frames without any mask left out: 1." in note for note in dataset.notes)


@pytest.mark.parametrize("kind", ["ST", "STbin"])
def test_silver_without_markers_is_taken_as_complete(tmp_path: Path, kind: str) -> None:
    silver = {t: (discs(7) > 0).astype(np.uint8) for t in range(4)}
    dataset = open_dataset(movie(tmp_path / "set", silver=silver, kind=kind, markers=False))
    assert used(dataset) == dict.fromkeys(range(4), (kind, "yes"))
    assert frame(dataset, 2).read().valid is None
    assert any("silver masks are taken as complete" in note for note in dataset.notes)
    assert any("not which is which" in note for note in dataset.notes) == (kind == "STbin")


def test_margin_of_known_sets_is_ignored(tmp_path: Path) -> None:
    dataset = open_dataset(movie(tmp_path / "PhC-C2DL-PSC", gold={0: discs(8)}))
    annotated = frame(dataset, 0).read()
    assert annotated.pixel_size_um == 1.6
    inner = np.zeros(SHAPE, bool)
    inner[25:-25, 25:-25] = True
    np.testing.assert_array_equal(annotated.valid, inner | (discs(8) > 0))
    assert any("within 25 px of the edges is ignored" in note for note in dataset.notes)


def test_a_folder_of_challenge_folders(tmp_path: Path) -> None:
    movie(tmp_path / "a", gold={0: discs(8)})
    movie(tmp_path / "a", gold={1: discs(8)}, sequence="02")
    movie(tmp_path / "b", gold={2: discs(8)})
    dataset = open_dataset(tmp_path)
    names = [(s.name, s.group) for s in dataset.samples]
    assert names == [("a-01-t000", "a-01"), ("a-02-t001", "a-02"), ("b-01-t002", "b-01")]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = movie(tmp_path / "set", gold={0: discs(8), 1: discs(8)[:50], 2: discs(8), 9: discs(8)})
    file = path / "01_GT/SEG/man_seg002.tif"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match="has 3 problems") as told:
        open_dataset(path)
    assert "SEG/man_seg001.tif is 50×130 pixels, but 01/t001.tif is 90×130" in str(told.value)
    assert "man_seg002.tif" in str(told.value)
    assert "set-01: frame 9 is annotated, but has no image" in str(told.value)


def test_messages(tmp_path: Path) -> None:
    path = movie(tmp_path / "set", gold={0: discs(8)})
    with pytest.raises(DataError, match="annotation='best' is not known; give one of auto, gold"):
        open_dataset(path, annotation="best")
    with pytest.raises(DataError, match="has no frame with silver masks"):
        open_dataset(path, annotation="silver")
    with pytest.raises(DataError, match="This is one sequence of a Challenge folder"):
        open_dataset(path / "01")
    bare = movie(tmp_path / "bare")
    with pytest.raises(DataError, match="holds no sequence with masks"):
        open_dataset(bare)
    empty = movie(tmp_path / "empty", gold={0: discs(8, ())}, silver={1: discs(8, ())})
    with pytest.raises(DataError, match="no mask holds a cell, all are empty"):
        open_dataset(empty)


def test_markers_count_by_half_of_their_area() -> None:
    labels = np.zeros((10, 20), np.int32)
    labels[:, :10] = 5
    markers = np.zeros((10, 20), np.int32)
    markers[2, 6:12] = 1  # 4 of 6 pixels
    markers[4, 7:13] = 2  # 3 of 6: exactly half
    markers[6, 8:14] = 9  # 2 of 6
    assert known.unlabelled_markers(labels, markers).tolist() == [9]


def test_reach_is_measured_from_marker_to_farthest_pixel() -> None:
    labels, markers = np.zeros((12, 40), np.int32), np.zeros((12, 40), np.int32)
    labels[5, 3:30] = 2
    markers[5, 6:8] = 7
    labels[9, 5:9] = 4  # no marker
    assert known.measured_reaches_px(labels, markers) == [22.0]
    assert known.reach_px([22.0] * 10, []) == pytest.approx(22 * 1.25 + 1)
    assert known.reach_px([22.0], [10.0, 30.0, 20.0]) == pytest.approx(1.6 * 20)
    assert known.reach_px([], [float("nan")]) == float("inf")


def test_median_diameter_agrees_with_scikit_image() -> None:
    labels = discs(8).astype(np.int32)
    labels[discs(5, (2,)) > 0] = 9
    expected = np.median([p.area for p in regionprops(labels)])
    assert known.median_diameter_px(labels) == pytest.approx(2 * np.sqrt(expected / np.pi))
    assert np.isnan(known.median_diameter_px(np.zeros((4, 4), np.int32)))


def test_real_gowt1_is_complete_in_four_gold_frames(real_data: Path) -> None:
    folder = real_data / "ctc" / "Fluo-N2DH-GOWT1"
    gold = open_dataset(folder, annotation="gold")
    assert len(gold) == 30
    complete = [t for t, (_, whole) in used(gold).items() if whole == "yes"]
    assert complete == [21, 31, 33, 39]
    # what the partial silver masks of frame 39 lack is not background, as the gold masks show
    silver = frame(open_dataset(folder, annotation="silver"), 39).read()
    truth = frame(gold, 39).read()
    taught_background = silver.valid & (silver.labels == 0)
    without_mask = [
        p.label
        for p in regionprops(truth.labels, intensity_image=(silver.labels > 0).astype(float))
        if p.intensity_mean < 0.1
    ]
    assert len(without_mask) == 2
    assert not (taught_background & np.isin(truth.labels, without_mask)).any()


def test_real_sets(real_data: Path) -> None:
    simulated = open_dataset(real_data / "ctc" / "Fluo-N2DH-SIM+")
    assert set(used(simulated).values()) == {("gold", "yes")}
    assert simulated.samples[0].read().valid is None
    pancreas = open_dataset(real_data / "ctc" / "PhC-C2DL-PSC")
    assert used(pancreas) == dict.fromkeys(range(80), ("STbin", "yes"))
    glioma = used(open_dataset(real_data / "ctc" / "PhC-C2DH-U373", annotation="gold"))
    assert [t for t, (_, complete) in glioma.items() if complete == "no"] == [26, 51]
