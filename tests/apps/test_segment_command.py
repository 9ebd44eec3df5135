import json
from pathlib import Path

import pytest
from tests.cases import bright_segmenter, write_discs
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.inference.predict import Segmenter


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images and a file that is none; every model is the one whose answer is known."""
    monkeypatch.setattr(
        Segmenter, "from_saved", staticmethod(lambda name, device: bright_segmenter())
    )
    folder = write_discs(tmp_path, ("a", "b")) / "images"
    (folder / "c.tif").write_bytes(b"II*\0 no image")
    return folder


def test_a_bad_file_is_told_and_ends_in_exit_code_one(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ["segment", str(images), "--model", "m", "--out", str(out)]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 1
    assert "a.tif: " in done.stdout
    assert "c.tif: failed" in done.stdout
    assert "Failed: " in done.stderr
    assert "1 of 3 files failed." in done.stderr
    assert (out / "report.html").is_file()
    assert (out / "labels" / "b.tif").is_file()


def test_json_is_all_that_is_on_standard_output(images: Path, tmp_path: Path) -> None:
    argv = ["segment", str(images), "--model", "m", "--out", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(app, argv)
    files = json.loads(done.stdout)
    assert [Path(file["source"]).name for file in files] == ["a.tif", "b.tif", "c.tif"]
    assert [file["error"] is None for file in files] == [True, True, False]
    assert "Model bright on cpu" in done.stderr


def test_good_files_end_in_exit_code_zero(images: Path, tmp_path: Path) -> None:
    argv = ["segment", str(images / "a.tif"), "--model", "m", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 0
    assert done.stdout.startswith("a.tif: ")
    assert "Report: " in done.stdout


def test_evaluate_prints_means_as_json(images: Path, tmp_path: Path) -> None:
    (images / "c.tif").unlink()
    argv = ["evaluate", "--data", str(tmp_path), "--model", "m", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*argv, "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["dice"] > 0.9
    table = CliRunner().invoke(app, argv).stdout
    assert table.startswith("| group | images |")
