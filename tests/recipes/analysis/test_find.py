"""What `analyze` says of its cells is what `segment` says of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import bright_segmenter

from softlight.config import CalibrationConfig, ErrorConfig, TrustConfig
from softlight.inference.predict import Segmenter
from softlight.measure.faults import Fault
from softlight.recipes import finder
from softlight.recipes.analysis import analyze as room
from softlight.recipes.analysis.analyze import Analysis, analyze
from softlight.recipes.analysis.find import with_bounds
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.divide import Options
from softlight.recipes.segment import segment

PLAIN = AnalyzeSettings(options=Options(), repair=False)
BOUNDS = ["count_low", "count_high", "confluence_low", "confluence_high"]


def error(per_cell: float) -> ErrorConfig:
    return ErrorConfig(
        centre=0.1, spread=1.0, images=9, groups=5, per_cell=per_cell, per_image=0.01, reach_90=1.5
    )


def trusted() -> Segmenter:
    """A segmenter that learned what its scores are worth."""
    trust = TrustConfig(
        source="images held out",
        images=9,
        calibration=CalibrationConfig(a=1.0, b=1.0, c=-1.0, cells=50, error=0.02),
        count=error(0.2),
        confluence=error(0.0),
    )
    return bright_segmenter(trust=trust)


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cells of several brightnesses, one more in each frame; nothing is drawn."""
    monkeypatch.setattr(room, "analysis_page", lambda out, *_, **__: out / "report.html")
    monkeypatch.setattr(finder, "faults_of", lambda *_, **__: [])
    frames = np.full((3, 60, 60), 20, np.uint8)
    for t in range(3):
        for k in range(3 + t):
            row, column = 4 + 18 * (k // 3), 4 + 18 * (k % 3)
            frames[t, row : row + 9, column : column + 9] = 140 + 20 * k
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack")
    return tmp_path / "a.tif"


def run(movie: Path, segmenter: Segmenter) -> Analysis:
    return analyze([movie], segmenter, movie.parent / "out", settings=PLAIN)


def test_scores_and_intervals_are_those_of_segment(movie: Path) -> None:
    run(movie, trusted())
    (one,) = segment([movie], trusted(), movie.parent / "segmented")
    objects = pd.read_csv(movie.parent / "out" / "objects.csv")
    objects = objects.sort_values(["frame", "label"])
    scores = np.concatenate([cells["score"] for cells in one.cells])
    np.testing.assert_allclose(objects["score"], scores)
    assert np.ptp(scores) > 0.05
    population = pd.read_csv(movie.parent / "out" / "population.csv")
    said = pd.DataFrame(one.rows).rename(
        columns={"cells_low": "count_low", "cells_high": "count_high"}
    )
    np.testing.assert_allclose(population[BOUNDS], said[BOUNDS])
    assert (population["count_low"] < population["count"]).all()
    columns = list(population)
    assert columns[columns.index("count") + 1] == "count_low"


def test_a_model_that_learned_nothing_of_itself_promises_nothing(movie: Path) -> None:
    run(movie, bright_segmenter())
    population = pd.read_csv(movie.parent / "out" / "population.csv")
    assert population[BOUNDS].isna().all(axis=None)
    assert pd.read_csv(movie.parent / "out" / "objects.csv")["score"].notna().all()


def test_of_a_movie_unlike_the_training_it_warns_and_promises_nothing(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault("odd", "is darker than the training images", "Expose longer.")
    monkeypatch.setattr(finder, "faults_of", lambda *_, **__: [fault])
    found = run(movie, trusted())
    assert (
        "Look at a before you trust its cells, for it is darker than the training images. "
        "Expose longer." in found.positions[0].record["warnings"]
    )
    population = pd.read_csv(movie.parent / "out" / "population.csv")
    assert population[BOUNDS].isna().all(axis=None)


def test_where_nothing_is_found_the_reason_is_told(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault("odd", "is darker than the training images", "Expose longer.")
    monkeypatch.setattr(finder, "faults_of", lambda *_, **__: [fault])
    frames = np.full((3, 60, 60), 20, np.uint8)
    tifffile.imwrite(movie, frames, photometric="minisblack")
    found = run(movie, trusted())
    assert found.positions[0].record["warnings"] == [
        "No cell was found in a. The image is darker than the training images. Expose longer."
    ]


def test_given_labels_have_no_scores(movie: Path) -> None:
    labels = (tifffile.imread(movie) > 100).astype(np.uint8)
    tifffile.imwrite(movie.parent / "l.tif", labels, photometric="minisblack")
    analyze([movie], movie.parent / "l.tif", movie.parent / "out", settings=PLAIN)
    assert "score" not in pd.read_csv(movie.parent / "out" / "objects.csv")
    assert "count_low" not in pd.read_csv(movie.parent / "out" / "population.csv")


def test_a_mended_cell_has_no_score_and_counts_as_the_others(movie: Path) -> None:
    frames = np.full((5, 48, 60), 20, np.uint8)
    frames[:, 10:22, 8:20] = frames[:, 10:22, 21:33] = frames[:, 30:42, 40:52] = 200
    frames[2, 10:22, 20] = 200  # merged here alone
    tifffile.imwrite(movie, frames, photometric="minisblack")
    settings = AnalyzeSettings(options=Options(touching=False))
    found = analyze([movie], trusted(), movie.parent / "out", settings=settings)
    assert found.table.loc[0, "edits"] == 1
    objects = pd.read_csv(movie.parent / "out" / "objects.csv")
    mended = objects[objects["frame"] == 2]
    assert len(mended) == 3
    assert mended["score"].isna().sum() == 2
    assert objects.loc[objects["frame"] != 2, "score"].notna().all()
    population = pd.read_csv(movie.parent / "out" / "population.csv")
    assert population.loc[2, BOUNDS[:2]].tolist() == population.loc[1, BOUNDS[:2]].tolist()


def test_a_missing_frame_has_no_interval() -> None:
    population = pd.DataFrame(
        {"frame": [0, 1], "count": [2.0, np.nan], "confluence": [0.1, np.nan]}
    )
    objects = pd.DataFrame({"frame": [0, 0], "score": [0.9, 0.8]})
    spec = trusted().spec
    found = with_bounds(population, objects, spec, known=True)
    assert found.loc[1, BOUNDS].isna().all()
    assert found.loc[0, BOUNDS].notna().all()
    assert list(population) == ["frame", "count", "confluence"]
