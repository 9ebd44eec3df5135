import json
from pathlib import Path

import pytest
from tests.recipes.test_evaluate_tracking import write_result, write_truth
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.config import ConfigError


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("ctc")
    data, result = write_truth(folder / "set"), write_result(folder / "01_RES")
    return ["evaluate", "--data", str(data), "--predicted", str(result)]


def test_tracks_are_recognised(words: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert "| sequence | SEG | DET | TRA |" in done.output
    assert (tmp_path / "errors.csv").is_file()
    assert (tmp_path / "report.html").is_file()


def test_scores_as_json_with_a_border(words: list[str], tmp_path: Path) -> None:
    def scores(*more: str) -> dict[str, float]:
        done = CliRunner().invoke(app, [*words, "--out", str(tmp_path), "--json", *more])
        return dict(json.loads(done.stdout)["01"])

    assert scores()["border_px"] == 0
    assert scores("--border-px", "8")["border_px"] == 8


def test_flags_that_do_not_go_together(words: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path), "--classes", "a,b"])
    assert isinstance(done.exception, ConfigError)
    assert "leave the other flags out" in str(done.exception)
    done = CliRunner().invoke(app, [*words[:3], "--out", str(tmp_path), "--border-px", "3"])
    assert isinstance(done.exception, ConfigError)
    assert "--border-px is for tracks" in str(done.exception)
