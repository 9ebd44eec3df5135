import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from softlight.report.charts import ChartError
from softlight.report.growth_charts import (
    BandCurve,
    FittedLine,
    band_figure,
    dose_figure,
    growth_figure,
)
from softlight.report.track_charts import (
    correlation_figure,
    histogram_figure,
    lineage_figure,
    msd_figure,
    track_figure,
)

TIME = np.arange(10.0)
COUNT = 30 * 2 ** (TIME / 5)
OBJECTS = pd.DataFrame(
    {
        "track_id": [1, 1, 1, 2],
        "frame": [0, 1, 2, 0],
        "y_px": [5.0, 6, 8, 9],
        "x_px": [5.0, 5, 7, 2],
    }
)
TRACKS = pd.DataFrame(
    {
        "track_id": [1, 2, 3, 4],
        "parent_id": [0, 1, 1, 0],
        "first_frame": [0, 3, 3, 0],
        "last_frame": [2, 9, 5, 9],
    }
)
MSD = pd.DataFrame(
    {
        "lag_frames": [1, 2, 3],
        "lag_min": [10.0, 20.0, 30.0],
        "msd_um2": [4.0, 9.0, 13.0],
        "msd_low_um2": [3.0, np.nan, 9.0],
        "msd_high_um2": [5.0, np.nan, 18.0],
    }
)


CORRELATION = pd.DataFrame(
    {
        "lag_min": [0.0, 10, 20, 30],
        "correlation": [1, 0.6, 0.2, np.nan],
        "low": [1, 0.5, np.nan, np.nan],
        "high": [1, 0.7, np.nan, np.nan],
    }
)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def draws(name: str, *, dark: bool = False) -> bytes:
    line = FittedLine(first=1, last=8, rate=np.log(2) / 5, label="doubling 5 h")
    if name == "growth":
        return growth_figure(
            TIME, COUNT, title="Cells", label="cells", time_unit="h", line=line,
            marked={"blurred": [3.0]}, dark=dark,
        )  # fmt: skip
    if name == "bands":
        curve = BandCurve(name="a", time=TIME, mean=COUNT, low=COUNT - 3, high=COUNT + 3)
        return band_figure([curve, curve], title="T", label="l", time_unit="frame", dark=dark)
    if name == "dose":
        doses = np.array([0, 1, 10, 100.0])
        fit = (doses[1:], doses[1:], "EC50 5")
        return dose_figure(doses, doses, title="T", label="l", dose_label="nM", fit=fit, dark=dark)
    if name == "tracks":
        return track_figure(OBJECTS, shape=(20, 30), dark=dark)
    if name == "lineage":
        return lineage_figure(TRACKS, per_frame=0.5, time="h", dark=dark)
    if name == "msd":
        fit = (np.array([10.0, 30]), np.array([4.0, 13]), "walk")
        return msd_figure(MSD, lag="lag_min", value="msd_um2", fit=fit, dark=dark)
    if name == "correlation":
        return correlation_figure(CORRELATION, lag="lag_min", dark=dark)
    return histogram_figure(np.append(TIME, np.nan), title="Areas", label="area", dark=dark)


@pytest.mark.parametrize(
    "name", ["growth", "bands", "dose", "tracks", "lineage", "msd", "correlation", "histogram"]
)
def test_charts_are_drawn_the_same_each_time_and_in_two_inks(name: str) -> None:
    light = draws(name)
    assert light == draws(name)
    assert light != draws(name, dark=True)
    drawn = pixels(light)
    assert drawn[0, 0, 3] == 0  # the page shows through
    assert (drawn[..., 3] > 0).any()


NAN = np.full(3, np.nan)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: growth_figure(NAN, NAN, title="Cells", label="", time_unit="h"), "no curve"),
        (lambda: band_figure([], title="Cells", label="", time_unit="h"), "no curve"),
        (lambda: dose_figure(NAN, NAN, title="x", label="", dose_label=""), "both a dose"),
        (lambda: track_figure(OBJECTS.iloc[3:], shape=(9, 9)), "No track has two points"),
        (lambda: lineage_figure(TRACKS.iloc[3:]), "No cell divided"),
        (lambda: msd_figure(MSD.iloc[:0], lag="lag_min", value="msd_um2"), "No lag has"),
        (lambda: correlation_figure(CORRELATION[:2], lag="lag_min"), "at too few lags"),
        (lambda: histogram_figure(NAN, title="Areas", label=""), "no value is defined"),
    ],
)
def test_nothing_to_draw_is_said(draw, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ChartError, match=message):
        draw()


def limits(monkeypatch: pytest.MonkeyPatch, value: np.ndarray, line: FittedLine | None) -> dict:
    """What the axes of a growth curve hold, and the lines that are drawn."""
    seen = {}

    def look(figure: Figure) -> bytes:
        figure.canvas.draw()
        (ax,) = figure.axes
        low, high = ax.get_ylim()
        seen.update(low=low, high=high, lines=ax.get_lines(), words=ax.get_legend())
        seen["ticks"] = [tick for tick in ax.get_yticks() if low <= tick <= high]
        return b""

    monkeypatch.setattr("softlight.report.growth_charts.png", look)
    growth_figure(TIME, value, title="Cells", label="cells", time_unit="h", line=line)
    return seen


def test_a_count_that_stays_is_a_flat_line_with_its_points_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    none = FittedLine(first=0, last=8, rate=None, label="no growth seen")
    for constant in (1.0, 20.0, 33.3, 97.0):
        found = limits(monkeypatch, np.full(TIME.shape, constant), none)
        assert found["low"] == pytest.approx(constant / 1.5**0.5)
        assert found["high"] == pytest.approx(constant * 1.5**0.5)
        assert len(found["ticks"]) >= 2
        assert len(found["lines"]) == 2  # the curve and its points; no fit
        assert found["words"].get_texts()[0].get_text() == "no growth seen"


def test_a_fit_stays_on_the_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    steep = FittedLine(first=0, last=8, rate=-1.0, label="halves in 0.7 h")
    found = limits(monkeypatch, np.full(TIME.shape, 20.0), steep)
    fitted = found["lines"][-1].get_ydata()
    assert found["low"] < min(fitted) < max(fitted) < found["high"]


def test_many_families_and_one_point() -> None:
    mothers = np.arange(1, 61)
    many = pd.DataFrame(
        {
            "track_id": np.arange(1, 181),
            "parent_id": np.concatenate([np.zeros(60, int), np.repeat(mothers, 2)]),
            "first_frame": np.repeat([0, 3], [60, 120]),
            "last_frame": np.repeat([2, 5], [60, 120]),
        }
    )
    assert lineage_figure(many)
    one = np.array([1.0])
    assert growth_figure(one, one, title="T", label="l", time_unit="h")
    assert histogram_figure(one, title="T", label="l")
