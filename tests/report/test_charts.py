"""Charts are PNG files that show what was recorded, gaps and all."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from softlight.report.charts import ChartError, confluence_figure, curves_figure

HISTORY = [
    {"epoch": 1, "train_loss": 0.7, "val_loss": 0.8, "val_dice": 0.2, "learning_rate": 1e-3},
    {"epoch": 2, "train_loss": 0.5, "val_loss": float("nan"), "val_dice": 0.6, "val_iou": None},
    {"epoch": 3, "train_loss": 0.4, "val_loss": float("inf"), "val_dice": 0.5},
]


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_curves_are_a_png_with_as_many_panels_as_asked() -> None:
    three, one = _pixels(curves_figure(HISTORY)), _pixels(curves_figure(HISTORY, panels=["loss"]))
    assert three.shape[1] > 2 * one.shape[1]
    assert one[..., 3].max() == 255
    assert one[0, 0, 3] == 0  # transparent ground


def test_dark_pages_get_light_ink() -> None:
    def brightness(png: bytes) -> float:
        pixels = _pixels(png)
        return float(pixels[pixels[..., 3] == 255][:, :3].mean())

    dark = brightness(curves_figure(HISTORY, dark=True))
    light = brightness(curves_figure(HISTORY))
    assert dark > light + 50


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert curves_figure(HISTORY) == curves_figure(HISTORY)


def test_one_epoch_and_nothing_recorded_are_drawn() -> None:
    assert _pixels(curves_figure(HISTORY[:1])).any()
    assert _pixels(curves_figure([{"epoch": 1, "val_dice": "?"}])).any()
    assert _pixels(curves_figure([{"learning_rate": 0.0}])).any()


def test_the_drawing_leaves_no_global_figures() -> None:
    curves_figure(HISTORY)
    assert plt.get_fignums() == []


def test_confluence_of_images_grows_with_their_number() -> None:
    rows = [{"image": f"well {i}", "confluence": 0.1 * i, "confluence_true": 0.2} for i in range(8)]
    few, many = _pixels(confluence_figure(rows[:2])), _pixels(confluence_figure(rows))
    assert many.shape[0] > few.shape[0]
    assert _pixels(confluence_figure([{"image": "x", "confluence": float("nan")}])).any()


def test_confluence_of_movies_differs_by_time_axis() -> None:
    rows = [
        {"image": name, "frame": t, "time_h": 4.0 * t, "confluence": 0.1 + 0.1 * t}
        for name in ("B10", "C3")
        for t in range(4)
    ]
    timed = confluence_figure(rows)
    by_frame = confluence_figure([{k: v for k, v in row.items() if k != "time_h"} for row in rows])
    assert timed != by_frame
    assert _pixels(timed).any()


def test_more_movies_than_lines_are_cut_off() -> None:
    rows = [{"image": str(i), "frame": t, "confluence": 0.3} for i in range(30) for t in range(2)]
    assert confluence_figure(rows) != confluence_figure(rows[:48])  # the title says 24 of 30


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ChartError, match="0 epochs and panels loss"):
        curves_figure([], panels=["loss"])
    with pytest.raises(ChartError, match="give at least one epoch and panels from loss, score"):
        curves_figure(HISTORY, panels=["accuracy"])
    with pytest.raises(ChartError, match="no image to draw the confluence of"):
        confluence_figure([])
