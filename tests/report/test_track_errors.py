import numpy as np
import pandas as pd
import pytest

from softlight.report.colours import BLUE, ORANGE, SKY_BLUE, VERMILION
from softlight.report.track_errors import (
    error_legend,
    picture_of_track_errors,
    track_error_layer,
)
from softlight.report.view import PictureError, View

TRUTH = np.zeros((60, 80), np.int32)
TRUTH[5:25, 5:25] = 1
FOUND = np.zeros_like(TRUTH)
FOUND[30:50, 50:70] = 4
ERRORS = pd.DataFrame(
    {
        "kind": ["missed", "added", "edge missing"],
        "frame": 3,
        "truth_label": [1, 0, 1],
        "predicted_label": [0, 4, 0],
        "y_px": [14.5, 39.5, 14.5],
        "x_px": [14.5, 59.5, 14.5],
        "from_frame": [np.nan, np.nan, 2],
        "from_label": [np.nan, np.nan, 1],
        "from_y_px": [np.nan, np.nan, 14.5],
        "from_x_px": [np.nan, np.nan, 40.5],
        "cost": [10.0, 1.0, 1.5],
    }
)


def colours_at(layer: np.ndarray, view: View, y: float, x: float) -> tuple[int, ...]:
    pixel = layer[int((y + 0.5) * view.enlarge), int((x + 0.5) * view.enlarge)]
    return tuple(int(value) for value in pixel)


def test_wrong_cells_are_filled_and_links_drawn() -> None:
    view = View.fit(TRUTH.shape)
    layer = track_error_layer(FOUND, TRUTH, ERRORS, view)
    assert layer.shape == (60 * view.enlarge, 80 * view.enlarge, 4)
    assert colours_at(layer, view, 8, 8)[:3] == BLUE
    assert colours_at(layer, view, 33, 53)[:3] == ORANGE
    assert colours_at(layer, view, 14.5, 35) == (*SKY_BLUE, 255)  # on its way from 40.5 to 14.5
    assert colours_at(layer, view, 55, 5) == (0, 0, 0, 0)
    assert not (layer[..., :3] == VERMILION).all(axis=2).any()


def test_the_legend_counts_what_is_there() -> None:
    assert error_legend(ERRORS) == (
        (BLUE, "missed: 1"),
        (ORANGE, "added: 1"),
        (SKY_BLUE, "edge missing: 1"),
    )


def test_a_picture_has_what_was_found_what_is_true_and_the_errors() -> None:
    image = np.random.default_rng(0).normal(size=TRUTH.shape)
    picture = picture_of_track_errors("Frame 3", image, FOUND, truth=TRUTH, errors=ERRORS)
    assert [panel.title for panel in picture.panels] == ["Tracks found", "True tracks", "Errors"]
    assert picture.alt == "Frame 3, 3 errors"
    assert picture.size == TRUTH.shape


def test_sizes_that_differ() -> None:
    with pytest.raises(PictureError, match=r"labels \(60, 80\), truth \(30, 80\); they must be of"):
        picture_of_track_errors("f", TRUTH * 1.0, FOUND, truth=TRUTH[:30], errors=ERRORS)
