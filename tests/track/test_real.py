"""Linking from the true masks of Challenge sequences."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from softlight.evaluate.track_graph import TrackedFrames
from softlight.evaluate.tracking import score_tracking
from softlight.io.ctc import list_sequences
from softlight.io.labels import read_labels
from softlight.measure.morphology import measure_frame
from softlight.track.movie import track_cells


@pytest.mark.parametrize(
    ("name", "link", "division"),
    [
        pytest.param("Fluo-N2DH-GOWT1", 0.985, 0.0, marks=pytest.mark.slow),
        ("Fluo-N2DH-SIM+", 0.99, 0.9),
        ("PhC-C2DH-U373", 0.99, float("nan")),
    ],
)
def test_true_masks_are_linked(name: str, link: float, division: float, real_data: Path) -> None:
    (sequence,) = list_sequences(real_data / "ctc" / name)
    labels = [read_labels(path) for path in sequence.tracking.values()]
    rows = [(t.label, t.parent, t.first_frame, t.last_frame) for t in sequence.tracks]
    columns = ["track_id", "parent_id", "first_frame", "last_frame"]
    tables = [measure_frame(plane, frame=frame) for frame, plane in enumerate(labels)]
    objects = pd.concat(tables, ignore_index=True)
    tracked = track_cells(objects, labels=labels)
    named = []
    for plane, (_, cells) in zip(labels, tracked.objects.groupby("frame"), strict=True):
        table = np.zeros(int(plane.max()) + 1, np.int32)
        table[cells["label"]] = cells["track_id"]
        named.append(table[plane])
    scores = score_tracking(
        TrackedFrames(labels, pd.DataFrame(rows, columns=columns)),
        TrackedFrames(named, tracked.tracks),
    )
    assert scores["LNK"] >= link
    assert np.isnan(division) or scores["division_F1(1)"] >= division
