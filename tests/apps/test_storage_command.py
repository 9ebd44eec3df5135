import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.cases import bright_segmenter, write_discs
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.inference.predict import Segmenter


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images; every model is the one whose answer is known, and no page is drawn."""
    monkeypatch.setattr(
        Segmenter, "from_saved", staticmethod(lambda name, device: bright_segmenter())
    )
    monkeypatch.setattr("softlight.recipes.plan.page.plan_page", lambda *_: None)
    return write_discs(tmp_path, ("a", "b", "c"), side=64) / "images"


def test_plan_prints_what_is_recommended(images: Path, tmp_path: Path) -> None:
    argv = ["plan", str(images), "--model", "m", "--out", str(tmp_path / "out")]
    argv += ["--factors", "1", "--photons", "500", "--photons-now", "5000"]
    argv += ["--tolerance-count", "60"]
    done = CliRunner().invoke(app, [*argv, "--tolerance-confluence", "60"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Recommended: 500 photons.\nIt saves ")
    assert f"Report: {tmp_path / 'out' / 'report.html'}" in done.stdout
    done = CliRunner().invoke(app, [*argv, "--tolerance-confluence", "0", "--json"])
    said = json.loads(done.stdout)
    assert said["settings"]["tolerances"] == {
        "count": 0.6,
        "confluence": None,
        "area": None,
        "dice": None,
        "speed": 0.1,
    }


def test_numbers_that_are_none_are_one_sentence(images: Path, tmp_path: Path) -> None:
    argv = ["plan", str(images), "--model", "m", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*argv, "--factors", "1;2"])
    assert str(done.exception) == "--factors is '1;2'; give numbers with commas, as 1,0.5,0.25."


def test_shrink_prints_what_became_of_each_file(images: Path, tmp_path: Path) -> None:
    (images / "d.tif").write_bytes(b"II*\0 no image")
    argv = ["shrink", str(images), "--out", str(tmp_path / "small"), "--factor", "0.5"]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 1
    assert "a.tif: a.ome.tif, 1 x 32 x 32, " in done.stdout
    assert "1 of 4 files failed." in done.stderr
    (images / "d.tif").unlink()
    done = CliRunner().invoke(app, [*argv, "--json"])
    assert done.exit_code == 0
    assert [file["error"] for file in json.loads(done.stdout)["files"]] == [None] * 3


def test_segment_says_how_gently_an_image_was_taken(images: Path, tmp_path: Path) -> None:
    dim = np.random.default_rng(0).poisson(8, (64, 64)).astype(np.uint8) * 12
    tifffile.imwrite(tmp_path / "dim.tif", dim)
    argv = ["segment", str(tmp_path / "dim.tif"), "--model", "m", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, argv)
    assert "photons a pixel where it is brightest. The model was not trained" in done.stdout
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["files"][0]["photons"] == pytest.approx(10, rel=0.5)
    assert run["files"][0]["resolution"] == 1
