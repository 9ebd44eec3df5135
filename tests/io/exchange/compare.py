"""What a round trip must keep."""

import numpy as np
import pandas as pd


def same_masks(found, expected):
    """Whether both have the same label images."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def by_track(movie):
    """The movie's masks with the number of the track in every pixel."""
    found = []
    for t, labels in enumerate(movie.labels):
        rows = movie.objects[movie.objects["frame"] == t]
        new = np.zeros(labels.shape, np.int32)
        for label, track in zip(rows["label"], rows["track_id"], strict=True):
            new[labels == label] = track
        found.append(new)
    return found


def same_tracks(found, expected):
    """Whether both tables tell of the same tracks."""
    columns = ["track_id", "parent_id", "first_frame", "last_frame"]
    pd.testing.assert_frame_equal(
        found[columns].astype(np.int64), expected[columns].astype(np.int64)
    )
