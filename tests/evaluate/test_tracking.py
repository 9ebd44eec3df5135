"""Tracking scores by hand, and beside py-ctcmetrics and traccuracy."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.tracking_cases import (
    FAULTS,
    Draft,
    comparable,
    differences,
    perturbed,
    renamed,
    score_by_ctc_metrics,
    score_by_traccuracy,
    synthetic,
    table,
    write_folders,
)

from softlight.evaluate.track_graph import TrackedFrames, TrackingError
from softlight.evaluate.tracking import compare_tracking, score_tracking, scores
from softlight.io.ctc import list_sequences
from softlight.io.labels import read_labels


def strip(*cells: tuple[int, int, int], width: int = 40) -> npt.NDArray[np.int32]:
    """A frame 10 px high with cells (label, first column, width) over its whole height."""
    labels = np.zeros((10, width), np.int32)
    for label, left, wide in cells:
        labels[:, left : left + wide] = label
    return labels


def frames(rows: Sequence[Sequence[int]], *labels: npt.NDArray[np.int32]) -> TrackedFrames:
    return TrackedFrames(labels, table(rows))


ONE = frames([(1, 0, 2, 0)], *[strip((1, 10, 8))] * 3)
# A mother divides after frame 1.
DIVISION = frames(
    [(1, 0, 1, 0), (2, 2, 3, 1), (3, 2, 3, 1)],
    *[strip((1, 10, 8))] * 2,
    *[strip((2, 8, 6), (3, 16, 6))] * 2,
)


def test_the_truth_itself_is_perfect() -> None:
    found = score_tracking(DIVISION, DIVISION, gold={3: DIVISION.labels[3]})
    assert math.isnan(found.pop("CCA"))  # no cell is born and divides
    assert {name: value for name, value in found.items() if value != 1} == dict.fromkeys(
        ("NS", "FN", "FP", "ED", "EA", "EC"), 0
    )


def test_a_missed_frame_costs_a_cell_and_two_links_and_the_jump_one() -> None:
    jumped = frames([(1, 0, 2, 0)], ONE.labels[0], ONE.labels[1] * 0, ONE.labels[2])
    found = score_tracking(ONE, jumped)
    assert (found["FN"], found["EA"], found["ED"], found["valid"]) == (1, 2, 1, 0)
    assert found["DET"] == pytest.approx(1 - 10 / 30)
    assert found["LNK"] == pytest.approx(0)  # 2 x 1.5 + 1 is more than all links cost
    assert found["TRA"] == pytest.approx(1 - (10 + 3 + 1) / (30 + 3))


def test_a_track_with_a_gap_is_scored_as_the_challenge_writes_it() -> None:
    empty = ONE.labels[0] * 0
    gap = frames([(1, 0, 2, 0)], ONE.labels[0], empty, ONE.labels[2])
    later = frames([(1, 0, 0, 0), (2, 2, 2, 1)], ONE.labels[0], empty, 2 * ONE.labels[2])
    assert score_tracking(ONE, gap) | {"valid": 1} == pytest.approx(
        score_tracking(ONE, later), nan_ok=True
    )
    assert score_tracking(gap, later)["TRA"] == 1
    (breach,) = compare_tracking(ONE, gap).breaches
    assert breach.startswith("Tracks are lost for some frames (1, such as 1);")


def test_a_cell_cut_in_exact_halves_is_missed_and_both_halves_are_too_many() -> None:
    halves = frames([(1, 0, 2, 0), (2, 0, 2, 0)], *[strip((1, 10, 4), (2, 14, 4))] * 3)
    found = score_tracking(ONE, halves, gold={0: ONE.labels[0]})
    assert (found["FN"], found["FP"], found["NS"], found["SEG"]) == (3, 6, 0, 0)
    most = frames([(1, 0, 2, 0), (2, 0, 2, 0)], *[strip((1, 10, 5), (2, 15, 3))] * 3)
    found = score_tracking(ONE, most, gold={0: ONE.labels[0]})
    assert (found["FN"], found["FP"], found["SEG"]) == (0, 3, pytest.approx(5 / 8))


def test_one_label_over_three_cells_costs_two_splits() -> None:
    three = strip((1, 2, 5), (2, 9, 5), (3, 16, 5))
    truth = frames([(1, 0, 0, 0), (2, 0, 0, 0), (3, 0, 0, 0)], three)
    merged = frames([(7, 0, 0, 0)], np.where(three > 0, 7, 0))
    found = score_tracking(truth, merged)
    assert (found["NS"], found["FN"], found["FP"]) == (2, 0, 0)
    assert found["DET"] == pytest.approx(1 - 2 * 5 / 30)
    assert math.isnan(found["LNK"])  # no link to be found


def test_a_new_name_for_the_same_cell_is_a_link_of_the_wrong_kind() -> None:
    first, second = ONE.labels[0], 2 * ONE.labels[0]
    renamed_late = frames([(1, 0, 1, 0), (2, 2, 2, 1)], first, first, second)
    found = score_tracking(ONE, renamed_late)
    assert (found["EC"], found["EA"], found["ED"]) == (1, 0, 0)
    assert found["LNK"] == pytest.approx(1 - 1 / 3)
    assert found["CT"] == 0
    assert found["TF"] == pytest.approx(2 / 3)


def late_division() -> TrackedFrames:
    """As DIVISION, with the daughters held together one frame longer."""
    together = strip((1, 8, 6), (1, 16, 6))
    rows = [(1, 0, 2, 0), (2, 3, 3, 1), (3, 3, 3, 1)]
    return frames(rows, *DIVISION.labels[:2], together, DIVISION.labels[3])


def test_a_division_one_frame_late() -> None:
    found = score_tracking(DIVISION, late_division())
    assert [found[f"BC({i})"] for i in range(4)] == [0, 1, 1, 1]
    assert [found[f"division_F1({i})"] for i in range(4)] == [0, 1, 1, 1]
    back = score_tracking(late_division(), DIVISION)
    assert [back[f"division_F1({i})"] for i in range(2)] == [0, 1]


def test_f1_where_one_side_only_divides() -> None:
    whole = frames([(1, 0, 3, 0)], *[strip((1, 10, 8))] * 4)
    assert score_tracking(DIVISION, whole)["division_F1(1)"] == 0
    assert score_tracking(whole, DIVISION)["division_F1(1)"] == 0
    assert math.isnan(score_tracking(whole, whole)["division_F1(1)"])
    assert score_tracking(DIVISION, whole)["BC(1)"] == 0
    assert math.isnan(score_tracking(whole, DIVISION)["BC(1)"])


def test_no_cell_at_all() -> None:
    nothing = frames([], *[strip()] * 3)
    found = score_tracking(ONE, nothing, gold={1: ONE.labels[1]})
    assert [found[name] for name in ("SEG", "DET", "TRA", "LNK", "CT", "TF", "CHOTA")] == [0] * 7
    assert found["valid"] == 0
    found = score_tracking(nothing, ONE)
    assert [name for name in ("DET", "TRA", "LNK", "SEG") if not math.isnan(found[name])] == []
    assert (found["FP"], found["CHOTA"]) == (3, 0)
    assert math.isnan(score_tracking(nothing, nothing)["CHOTA"])


def test_the_border_is_left_out_on_both_sides() -> None:
    edge, inside = strip((1, 0, 4), (2, 15, 8)), strip((2, 15, 8), (9, 37, 3))
    truth = frames([(1, 0, 0, 0), (2, 0, 0, 0)], edge)
    predicted = frames([(2, 0, 0, 0), (9, 0, 0, 0)], inside)
    with_edges = score_tracking(truth, predicted, gold={0: edge})
    assert (with_edges["FN"], with_edges["FP"], with_edges["SEG"]) == (1, 1, 0.5)
    found = score_tracking(truth, predicted, gold={0: edge}, border_px=4)
    assert (found["FN"], found["FP"], found["SEG"], found["DET"]) == (0, 0, 1, 1)
    # One pixel of the cell further inside, and it counts, with all of its pixels.
    found = score_tracking(truth, predicted, gold={0: edge}, border_px=3)
    assert (found["FN"], found["FP"], found["SEG"]) == (1, 0, 0.5)


def test_a_track_that_starts_in_the_border_starts_where_it_is_seen() -> None:
    moving = [strip((1, left, 4)) for left in (0, 2, 4)]
    truth = frames([(1, 0, 2, 0)], *moving)
    late = frames([(1, 2, 2, 0)], strip(), strip(), moving[2])
    found = score_tracking(truth, late, border_px=4)
    assert (found["FN"], found["EA"], found["CT"]) == (1, 1, 0)
    assert score_tracking(truth, truth, border_px=4)["CT"] == 1


def test_frames_may_be_lazy_and_are_read_once() -> None:
    class Lazy(Sequence[npt.NDArray[np.int32]]):
        read: list[int] = []  # noqa: RUF012

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> npt.NDArray[np.int32]:  # type: ignore[override]
            self.read.append(index)
            return DIVISION.labels[index]

    found = score_tracking(TrackedFrames(Lazy(), DIVISION.tracks), DIVISION)
    assert (found["TRA"], Lazy.read) == (1, [0, 1, 2, 3])


@pytest.mark.parametrize(("seed", "kind"), list(enumerate([*FAULTS, "mixed"])))
def test_equal_to_ctc_metrics_and_traccuracy(tmp_path: Path, kind: str, seed: int) -> None:
    truth = synthetic(seed)
    predicted = perturbed(truth, kind, seed=seed, faults=8)
    gold = dict(enumerate(truth.labels[::2]))
    gold = {2 * at: labels for at, labels in gold.items()}
    paths = write_folders(tmp_path, truth, predicted, gold)
    found = score_tracking(truth, predicted, gold=gold)
    assert differences(found, score_by_ctc_metrics(*paths)) == {}
    assert differences(found, comparable(found, score_by_traccuracy(*paths))) == {}


@pytest.mark.parametrize("shift", [40_000, 70_000, 2**30])
def test_the_names_of_tracks_do_not_matter(shift: int) -> None:
    truth = synthetic(3)
    predicted = perturbed(truth, "mixed", seed=3, faults=8)
    narrow = score_tracking(truth, predicted)
    wide = score_tracking(renamed(truth, shift), renamed(predicted, shift))
    assert wide | {"valid": 1} == pytest.approx(narrow, nan_ok=True)
    assert wide["valid"] == (shift < 2**16 - 1000)


def test_where_ctc_metrics_overflows_traccuracy_agrees_with_us(tmp_path: Path) -> None:
    truth = renamed(synthetic(4), 40_000)
    predicted = perturbed(truth, "merged", seed=4, faults=4)
    paths = write_folders(tmp_path, truth, predicted, {})
    found = score_tracking(truth, predicted)
    traccuracy = score_by_traccuracy(*paths)
    assert differences(found, comparable(found, traccuracy)) == {}
    assert found["DET"] > 0.9
    assert score_by_ctc_metrics(*paths, metrics=("DET",))["DET"] == 0


@pytest.mark.parametrize("name", ["Fluo-N2DH-GOWT1", "Fluo-N2DH-SIM+", "PhC-C2DH-U373"])
def test_a_few_real_frames(real_data: Path, tmp_path: Path, name: str) -> None:
    (sequence,) = list_sequences(real_data / "ctc" / name)
    labels = [read_labels(sequence.tracking[at])[::6, ::6] for at in range(8, 14)]
    parents = {track.label: track.parent for track in sequence.tracks}
    truth = Draft(labels, parents).finish()
    predicted = perturbed(truth, "mixed", seed=5)
    gold = {0: truth.labels[0]}
    paths = write_folders(tmp_path, truth, predicted, gold)
    found = score_tracking(truth, predicted, gold=gold)
    assert found["TRA"] < 1
    assert differences(found, score_by_ctc_metrics(*paths)) == {}


def test_frames_that_do_not_fit() -> None:
    with pytest.raises(TrackingError, match="truth has 3 frames and the prediction 4"):
        score_tracking(ONE, DIVISION)
    with pytest.raises(TrackingError, match="the prediction 0; both need the same frames, at"):
        score_tracking(frames([]), frames([]))
    small = frames([(1, 0, 2, 0)], *ONE.labels[:2], strip((1, 3, 4), width=30))
    with pytest.raises(TrackingError, match=r"Frame 2: Predicted labels are \(10, 30\), truth"):
        score_tracking(ONE, small)
    with pytest.raises(TrackingError, match="gold outlines of frame 3, but only the frames 0 to 2"):
        score_tracking(ONE, ONE, gold={3: ONE.labels[0]})
    with pytest.raises(TrackingError, match="border of 5 px leaves nothing of 10 × 40 pixels"):
        score_tracking(ONE, ONE, border_px=5)


def test_nothing_given_is_changed() -> None:
    predicted = late_division()
    before = [labels.copy() for labels in predicted.labels], predicted.tracks.copy()
    scores(compare_tracking(DIVISION, predicted, border_px=1))
    for now, then in zip(predicted.labels, before[0], strict=True):
        np.testing.assert_array_equal(now, then)
    assert predicted.tracks.equals(before[1])
