import numpy as np
from tests.track.walkers import disc, table_of

from softlight.track.candidates import mask_overlaps
from softlight.track.detections import detections
from softlight.track.overlap_table import CLASSES, overlap_table


def _two_frames(step: int) -> tuple[list[np.ndarray], np.ndarray]:
    planes = [np.zeros((40, 400), np.int32) for _ in range(2)]
    for number in range(12):
        planes[0][disc((40, 400), 20, 20 + 30 * number, 10)] = number + 1
        planes[1][disc((40, 400), 20, 20 + 30 * number + step, 10)] = number + 1
    return planes, np.zeros((2, 2))


def test_overlap_is_counted_by_hand() -> None:
    planes, shift = _two_frames(4)
    cells = detections(table_of(planes))
    found = mask_overlaps(cells, planes, shift)
    one = disc((40, 400), 20, 20, 10)
    two = disc((40, 400), 20, 24, 10)
    expected = (one & two).sum() / (one | two).sum()
    assert found.of(np.array([0]), np.array([12]))[0] == expected
    assert found.of(np.array([0]), np.array([13]))[0] == 0
    both = found.of_both(np.array([0]), np.array([12]), np.array([13]))[0]
    other = disc((40, 400), 20, 54, 10)
    assert both == (one & two).sum() / (one | two | other).sum()


def test_a_shift_of_the_field_is_undone() -> None:
    planes, _ = _two_frames(6)
    cells = detections(table_of(planes))
    moved = mask_overlaps(cells, planes, np.array([[0.0, 0.0], [0.0, 6.0]]))
    assert moved.of(np.arange(12), np.arange(12, 24)).min() == 1.0


def test_overlap_is_worth_much_where_only_a_cell_overlaps_itself() -> None:
    planes, shift = _two_frames(4)
    cells = detections(table_of(planes))
    overlaps = mask_overlaps(cells, planes, shift)
    links = (np.arange(12), np.arange(12, 24))
    rivals = (np.arange(11), np.arange(13, 24))
    table = overlap_table(overlaps, cells.places, links=links, rivals=rivals)
    assert len(table) == CLASSES
    assert table[0] < -1
    assert max(table) > 2


def test_overlap_is_worth_nothing_where_links_and_rivals_do_alike() -> None:
    planes, shift = _two_frames(15)  # half way to the next: both neighbours are as near
    cells = detections(table_of(planes))
    overlaps = mask_overlaps(cells, planes, shift)
    links = (np.arange(12), np.arange(12, 24))
    rivals = (np.arange(1, 12), np.arange(12, 23))
    table = overlap_table(overlaps, cells.places, links=links, rivals=rivals)
    classes = np.digitize(overlaps.of(*links), [1e-9, 0.1, 0.25, 0.4, 0.55, 0.7])
    assert abs(table[classes[0]]) < 1


def test_no_link_teaches_nothing() -> None:
    planes, shift = _two_frames(4)
    cells = detections(table_of(planes))
    overlaps = mask_overlaps(cells, planes, shift)
    nobody = (np.empty(0, np.int64), np.empty(0, np.int64))
    assert set(overlap_table(overlaps, cells.places, links=nobody, rivals=nobody)) == {0.0}
