import numpy as np
import pytest
from numpy.typing import NDArray
from tests.track.walkers import disc, table_of

from softlight.track.movie import track_cells
from softlight.track.repair import Repaired, repair
from softlight.track.settings import TrackError

Planes = list[NDArray[np.int32]]


def _three_cells(frames: int = 9) -> Planes:
    """Two cells that touch and creep, and one by itself."""
    planes = []
    for frame in range(frames):
        plane = np.zeros((100, 200), np.int32)
        plane[disc(plane.shape, 50, 60 + frame, 12)] = 1
        plane[disc(plane.shape, 50, 84 + frame, 12) & (plane == 0)] = 2
        plane[disc(plane.shape, 40, 150, 15)] = 3
        planes.append(plane)
    return planes


def _repaired(planes: Planes) -> Repaired:
    return repair(planes, track_cells(table_of(planes), labels=planes))


def _iou(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    return float((one & two).sum() / (one | two).sum())


def test_nothing_wrong_is_left_alone() -> None:
    planes = _three_cells()
    mended = _repaired(planes)
    assert mended.edits.empty
    assert all((a == b).all() for a, b in zip(mended.labels, planes, strict=True))


def test_a_mask_of_two_cells_is_parted() -> None:
    true, planes = _three_cells(), _three_cells()
    planes[4][planes[4] == 2] = 1
    before = [plane.copy() for plane in planes]
    mended = _repaired(planes)
    (row,) = mended.edits.to_dict("records")
    assert (row["frame"], row["kind"], row["labels_before"]) == (4, "merged", "1")
    names = [int(word) for word in row["labels_after"].split()]
    assert names == [1, 4]
    assert "together" in row["reason"]
    fits = [max(_iou(mended.labels[4] == n, true[4] == label) for n in names) for label in (1, 2)]
    assert min(fits) > 0.9
    assert all((a == b).all() for a, b in zip(planes, before, strict=True))  # none is mutated
    tracked = track_cells(table_of(list(mended.labels)), labels=mended.labels)
    assert len(tracked.tracks) == 3
    assert tracked.objects.groupby("track_id").size().tolist() == [9, 9, 9]


def test_pieces_of_a_cell_are_joined() -> None:
    true, planes = _three_cells(), _three_cells()
    half = (planes[5] == 3) & (np.arange(200) > 152)
    planes[5][half] = 9
    mended = _repaired(planes)
    (row,) = mended.edits.to_dict("records")
    assert (row["frame"], row["kind"]) == (5, "split")
    assert set(row["labels_before"].split()) == {"3", "9"}
    assert _iou(mended.labels[5] == int(row["labels_after"]), true[5] == 3) == 1.0


def test_a_division_stays_one() -> None:
    planes = []
    for frame in range(8):
        plane = np.zeros((100, 100), np.int32)
        if frame < 4:
            plane[disc(plane.shape, 50, 50, 16)] = 1
        else:
            plane[disc(plane.shape, 38, 50, 11)] = 1
            plane[disc(plane.shape, 62, 50, 11)] = 2
        planes.append(plane)
    assert _repaired(planes).edits.empty


def test_a_cell_that_is_not_there_is_not_made_up() -> None:
    planes = _three_cells()
    planes[4][planes[4] == 3] = 0
    mended = _repaired(planes)
    assert mended.edits.empty
    assert 3 not in mended.labels[4]


def test_two_faults_in_one_frame_are_both_mended() -> None:
    planes = _three_cells()
    planes[4][planes[4] == 2] = 1
    planes[4][(planes[4] == 3) & (np.arange(200) > 150)] = 8
    mended = _repaired(planes)
    assert sorted(mended.edits["kind"]) == ["merged", "split"]
    assert len(np.unique(mended.labels[4])) == 4


def test_the_mended_labels_are_a_sequence() -> None:
    planes = _three_cells()
    planes[4][planes[4] == 2] = 1
    labels = _repaired(planes).labels
    assert len(labels) == 9
    assert (labels[-5] == labels[4]).all()
    assert len(labels[3:6]) == 3
    assert [plane.shape for plane in labels] == [(100, 200)] * 9
    with pytest.raises(IndexError, match="no frame 9 of 9"):
        labels[9]


def test_too_few_label_images_are_one_sentence() -> None:
    planes = _three_cells()
    tracked = track_cells(table_of(planes), labels=planes)
    with pytest.raises(TrackError, match="There are 3 label images for cells up to frame 8"):
        repair(planes[:3], tracked)
