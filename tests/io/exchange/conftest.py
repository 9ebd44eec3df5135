"""One small movie that has everything that formats get wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from softlight.io.exchange.movie import TrackedMovie, locate_cells

HUGE = 2**31 - 1
# track: (label in frame 0, in frame 1, …; 0 = not there)
TRACKS = {
    1: (5, 9, 0, 0, 0),  # divides
    2: (0, 0, 7, 3, 3),  # daughter
    3: (0, 0, 8, 4, 4),  # daughter
    4: (6, 0, 6, 5, 0),  # gap in frame 1
    5: (HUGE, HUGE, HUGE, 9, HUGE),  # ring with a hole, at the border
    6: (0, 0, 0, 1, 0),  # one pixel, seen once
    7: (0, 2, 2, 0, 0),  # two pieces, of which one touches a corner of the other
}
PARENTS = {2: 1, 3: 1}


def _paint(frame, track, label):
    if track == 1:
        frame[3:7, 10:15] = label
    elif track == 2:
        frame[3:6, 9:12] = label
    elif track == 3:
        frame[3:6, 13:16] = label
    elif track == 4:
        frame[12:15, 2:6] = label
    elif track == 5:
        frame[0:6, 0:6] = label
        frame[2:4, 2:4] = 0
        frame[4, 4] = 0  # touches the hole in a corner: still one hole, or two, by the rule
    elif track == 6:
        frame[19, 23] = label
    else:
        frame[9:11, 18:20] = label
        frame[11:13, 20:22] = label
        frame[16, 19] = label


@pytest.fixture
def tracked():
    """Five frames 20×24 with a division, a gap, a hole, pieces and the largest label."""
    labels = np.zeros((5, 20, 24), np.int32)
    rows = []
    for track, numbers in TRACKS.items():
        for t, label in enumerate(numbers):
            if label:
                _paint(labels[t], track, label)
                rows.append((t, label, track))
    frames = list(labels)
    keys = pd.DataFrame(rows, columns=["frame", "label", "track_id"])
    objects = locate_cells(frames, pixel_size_um=0.65).merge(keys, on=["frame", "label"])
    spans = keys.groupby("track_id")["frame"]
    tracks = pd.DataFrame(
        {
            "track_id": list(TRACKS),
            "parent_id": [PARENTS.get(track, 0) for track in TRACKS],
            "first_frame": spans.min().to_numpy(),
            "last_frame": spans.max().to_numpy(),
        }
    )
    return TrackedMovie(
        name="cells",
        labels=frames,
        objects=objects,
        tracks=tracks,
        pixel_size_um=0.65,
        frame_interval_min=15.0,
    )


@pytest.fixture
def masks_only(tracked):
    """The same without tables."""
    return replace(tracked, objects=None, tracks=None)
