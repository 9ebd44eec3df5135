import math

import numpy as np
import pytest

from softlight.report.charts import ChartError
from softlight.report.plan_charts import QualityCurve, quality_chart, quality_figure

CURVE = QualityCurve(
    name="full resolution",
    at=np.array([math.inf, 100.0, 10.0]),
    error=np.array([0.0, 2.0, 40.0]),
    low=np.array([0.0, 1.0, 30.0]),
    high=np.array([0.0, 3.0, math.nan]),
)
WORDS = {"title": "Cells", "label": "error (%)", "axis": "photons"}


def test_a_chart_for_light_and_dark_pages() -> None:
    chart = quality_chart([CURVE], tolerance=5.0, chosen=(100.0, 2.0), **WORDS)
    assert chart.light.startswith(b"\x89PNG")
    assert chart.dark is not None
    assert chart.dark != chart.light
    assert "Cells by photons" in chart.alt


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert quality_figure([CURVE], **WORDS) == quality_figure([CURVE], **WORDS)  # type: ignore[arg-type]


def test_only_images_as_they_are() -> None:
    one = QualityCurve(
        name="x", at=np.array([math.inf]), error=np.zeros(1), low=np.zeros(1), high=np.zeros(1)
    )
    assert quality_figure([one], chosen=(math.inf, 0.0), **WORDS).startswith(b"\x89PNG")  # type: ignore[arg-type]


def test_nothing_to_draw() -> None:
    with pytest.raises(ChartError, match="no curve to draw"):
        quality_figure([], **WORDS)  # type: ignore[arg-type]
