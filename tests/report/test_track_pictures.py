import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from softlight.report.blocks import Frame
from softlight.report.colours import CELL_COLOURS
from softlight.report.track_pictures import colour_tracks, movie_of_tracks
from softlight.report.view import PictureError


def square(*places: tuple[int, int, int]) -> np.ndarray:
    """Labels of squares of 6 px at (label, row, column) in a large empty frame."""
    labels = np.zeros((690, 690), np.int32)  # shown as it is
    for label, row, column in places:
        labels[row : row + 6, column : column + 6] = label
    return labels


LABELS = [square((1, 10, 10 + 4 * t), (2, 100, 100)) for t in range(3)]
LABELS[1] = np.where(LABELS[1] > 0, 3 - LABELS[1], 0)  # frame 1 numbers them the other way round
IMAGES = [np.where(labels > 0, 200, 50).astype(np.uint8) for labels in LABELS]
OBJECTS = pd.DataFrame(
    {
        "frame": [0, 0, 1, 1, 2, 2],
        "label": [1, 2, 2, 1, 1, 2],
        "track_id": [1, 2, 1, 2, 1, 2],
        "y_px": [12.5, 102.5] * 3,
        "x_px": [12.5, 102.5, 16.5, 102.5, 20.5, 102.5],
    }
)


def outline_of(frame: Frame) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(frame.outlines)))


def test_a_track_keeps_its_colour_whatever_its_label() -> None:
    movie = movie_of_tracks("dish", IMAGES, LABELS, OBJECTS)
    colours = set()
    for t, frame in enumerate(movie.frames):
        shown = outline_of(frame)
        colours.add((tuple(shown[12, 10 + 4 * t]), tuple(shown[102, 100])))
    ((first, second),) = colours
    assert first != second
    assert {first[:3], second[:3]} <= set(CELL_COLOURS)


def test_a_line_shows_where_a_cell_came_from() -> None:
    last = outline_of(movie_of_tracks("dish", IMAGES, LABELS, OBJECTS).frames[2])
    assert (last[13, 14:18, 3] > 0).all()  # from 13 to 21, outside the cell that begins at 18
    assert last[13, 9, 3] == 0


def test_long_movies_are_thinned_and_missing_frames_left_out() -> None:
    images, labels = IMAGES * 10, LABELS * 10
    objects = pd.concat([OBJECTS.assign(frame=OBJECTS["frame"] + 3 * k) for k in range(10)])
    movie = movie_of_tracks("dish", images, labels, objects, most_frames=5, missing=[29])
    assert len(movie.frames) == 5
    assert "5 of 29 frames are shown" in movie.caption
    assert [frame.note for frame in movie.frames][::4] == [
        "frame 0 of 0 to 29",
        "frame 28 of 0 to 29",
    ]


def test_only_frames_that_are_shown_are_read() -> None:
    class Lazy(list[np.ndarray]):
        read: list[int] = []  # noqa: RUF012

        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            self.read.append(index)
            return super().__getitem__(index)

    labels = Lazy(LABELS * 10)
    movie_of_tracks("dish", IMAGES * 10, labels, OBJECTS, most_frames=3)
    assert labels.read == [0, 14, 29]


def test_neighbours_differ_while_there_are_colours() -> None:
    labels = np.zeros((60, 60), np.int32)
    for label in range(1, 10):
        row, column = divmod(label - 1, 3)
        labels[20 * row : 20 * row + 18, 20 * column : 20 * column + 18] = label
    tracks = [{label: 10 + label for label in range(1, 10)}]
    colours = colour_tracks([labels], tracks)
    for one, other in ((11, 12), (11, 14), (15, 16), (15, 18), (14, 15)):
        assert colours[one] != colours[other]
    assert set(colours) == set(range(11, 20))


def test_a_frame_without_cells() -> None:
    empty = [np.zeros((32, 32), np.int32)] * 2
    movie = movie_of_tracks("dish", [np.zeros((32, 32), np.uint8)] * 2, empty, OBJECTS.iloc[:0])
    assert len(movie.frames) == 2


@pytest.mark.parametrize(("images", "labels"), [(IMAGES, LABELS[:2]), ([], [])])
def test_what_does_not_fit(images: list[np.ndarray], labels: list[np.ndarray]) -> None:
    with pytest.raises(PictureError, match="give one label image, and one note or none"):
        movie_of_tracks("dish", images, labels, OBJECTS)
