import numpy as np
import pandas as pd
import pytest
from tests.evaluate.test_tracking import DIVISION, late_division
from tests.tracking_cases import differences, synthetic, table

from softlight.evaluate.links import score_links
from softlight.evaluate.track_graph import TrackedFrames, TrackingError
from softlight.evaluate.tracking import score_tracking


def cells_of(truth: TrackedFrames, predicted: TrackedFrames) -> pd.DataFrame:
    """Each cell with both its labels, where the masks of both sides are the same or missing."""
    rows = []
    for at, (true, found) in enumerate(zip(truth.labels, predicted.labels, strict=True)):
        pairs = np.unique(np.stack([true, found], axis=-1).reshape(-1, 2), axis=0)
        rows += [(at, *pair) for pair in pairs.tolist() if any(pair)]
    return pd.DataFrame(rows, columns=["frame", "true_track_id", "track_id"])


@pytest.mark.parametrize("seed", range(4))
def test_as_with_masks(seed: int) -> None:
    truth = synthetic(seed)
    rng = np.random.default_rng(seed)
    labels = [frame.copy() for frame in truth.labels]
    first = truth.tracks["first_frame"].to_numpy()
    last = truth.tracks["last_frame"].to_numpy()
    for name in truth.tracks["track_id"][last - first > 2]:
        at = int(rng.integers(len(labels)))
        inside = 0 < at < len(labels) - 1 and all(
            (labels[t] == name).any() for t in (at - 1, at + 1)
        )
        if inside:
            labels[at][labels[at] == name] = 0
    predicted = TrackedFrames(labels, truth.tracks)
    found = score_links(cells_of(truth, predicted), truth.tracks, predicted.tracks)
    masked = score_tracking(truth, predicted)
    assert set(masked) - set(found) == {"SEG", "valid"}
    assert differences(masked, found) == {}


def test_a_late_division() -> None:
    late = late_division()
    cells = pd.DataFrame(
        [(0, 1, 1), (1, 1, 1), (2, 2, 1), (2, 3, 0), (3, 2, 2), (3, 3, 3)],
        columns=["frame", "true_track_id", "track_id"],
    )
    found = score_links(cells, DIVISION.tracks, late.tracks)
    assert (found["FN"], found["division_F1(0)"], found["division_F1(1)"]) == (1, 0, 1)


def test_no_cells() -> None:
    cells = pd.DataFrame(columns=["frame", "true_track_id", "track_id"])
    assert np.isnan(score_links(cells, table([]), table([]))["LNK"])


def test_what_does_not_fit() -> None:
    cells = pd.DataFrame({"frame": [0, 0], "true_track_id": [1, 2], "track_id": [3, 3]})
    rows = table([(1, 0, 0, 0), (2, 0, 0, 0)])
    with pytest.raises(TrackingError, match="prediction's track 3 has two cells in frame 0"):
        score_links(cells, rows, table([(3, 0, 0, 0)]))
    with pytest.raises(TrackingError, match="cells need the column track_id"):
        score_links(cells.drop(columns="track_id"), rows, rows)
