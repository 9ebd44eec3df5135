import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.cases import bright_segmenter
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.inference.predict import Segmenter
from softlight.recipes.analysis import analyze as room


@pytest.fixture
def movies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two movies and a file that is none; the model's answer is known, and nothing is drawn."""
    asked: dict[str, Any] = {}

    def from_saved(name: str, *, device: str) -> Segmenter:
        asked.update(name=name, device=device)
        (tmp_path / "asked.json").write_text(json.dumps(asked))
        return bright_segmenter()

    monkeypatch.setattr(Segmenter, "from_saved", staticmethod(from_saved))
    monkeypatch.setattr(room, "analysis_page", lambda out, *_, **__: out / "report.html")
    frames = np.full((3, 40, 40), 20, np.uint8)
    frames[:, 10:20, 10:20] = 200
    (tmp_path / "in").mkdir()
    for name in ("A1", "A2"):
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", frames, photometric="minisblack")
    (tmp_path / "in" / "A3.tif").write_bytes(b"II*\0 no movie")
    return tmp_path / "in"


def invoke(movies: Path, *words: str) -> Any:
    out = str(movies.parent / "out")
    return CliRunner().invoke(app, ["analyze", str(movies), "--out", out, *words])


def test_a_failed_position_is_told_and_ends_in_exit_code_one(movies: Path) -> None:
    done = invoke(movies, "--model", "m", "--device", "cuda")
    assert done.exit_code == 1
    assert "A1: 3 frames, 1 to 1 cells, 1 track, 0 divisions; count: " in done.stdout
    assert "A3: failed" in done.stdout
    assert "Report: " in done.stdout
    assert "[1/3] A1: done" in done.stderr
    assert "3 frames" not in done.stderr  # each line once
    assert "1 of 3 positions failed." in done.stderr
    asked = json.loads((movies.parent / "asked.json").read_text())
    assert asked == {"name": "m", "device": "cuda"}


def test_json_is_one_row_a_position(movies: Path) -> None:
    (movies / "A3.tif").unlink()
    done = invoke(movies, "--model", "m", "--json")
    assert done.exit_code == 0
    rows = json.loads(done.stdout)
    assert [(row["position"], row["cells_last"]) for row in rows] == [("A1", 1), ("A2", 1)]


def test_a_model_or_labels(movies: Path) -> None:
    assert "Give --model to find the cells, or --labels" in str(invoke(movies).exception)
    both = invoke(movies, "--model", "m", "--labels", "l")
    assert "give one of the two" in str(both.exception)


def test_ctrl_c_says_how_to_go_on(movies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = room.analyze_movie

    def interrupted(position: Any, *rest: Any, **options: Any) -> Any:
        if position.name == "A2":
            raise KeyboardInterrupt
        return real(position, *rest, **options)

    monkeypatch.setattr(room, "analyze_movie", interrupted)
    done = invoke(movies, "--model", "m")
    assert done.exit_code == 130
    assert "1 position finished and kept; give the same command with --resume" in done.stderr
    monkeypatch.setattr(room, "analyze_movie", real)
    again = invoke(movies, "--model", "m", "--resume")
    assert "A1: 3 frames, 1 to 1 cells, 1 track, 0 divisions; count: " in again.stdout
    assert " (finished before)\n" in again.stdout


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ([2], "m: 2 cells"),
        ([0, 0, 0], "m: 3 frames, 0 to 0 cells, 0 tracks, 0 divisions; count: growth not known"),
        ([0, 2, 0], "m: 3 frames, 0 to 0, at most 2 cells, 2 tracks, 0 divisions"),
        ([2, None, 2], "m: 3 frames, 2 to 2 cells, 2 tracks, 0 divisions"),
    ],
)
def test_movies_of_few_cells(movies: Path, counts: list[int | None], line: str) -> None:
    folder = movies.parent / "few"
    folder.mkdir()
    for t, count in enumerate(counts):
        if count is not None:
            name = "m.tif" if len(counts) == 1 else f"m_t{t}.tif"
            tifffile.imwrite(folder / name, squares(count), photometric="minisblack")
    if None in counts:  # a rhythm needs two frames in a row
        tifffile.imwrite(folder / "m_t3.tif", squares(2), photometric="minisblack")
        line = line.replace("3 frames", "4 frames")
    done = invoke(folder, "--model", "m", "--ome-zarr", "none")
    assert done.exit_code == 0
    assert done.stdout.startswith(line)
    assert ("1 frame of m is missing" in done.stderr) == (None in counts)


def squares(count: int, *, side: int = 40) -> np.ndarray:
    image = np.full((side, side), 20, np.uint8)
    for number in range(count):
        image[8:18, 4 + 16 * number : 14 + 16 * number] = 200
    return image


def test_frames_of_two_sizes_are_one_clear_error(movies: Path) -> None:
    folder = movies.parent / "few"
    folder.mkdir()
    for t in range(2):
        tifffile.imwrite(folder / f"m_t{t}.tif", squares(2, side=40 + t), photometric="minisblack")
    done = invoke(folder, "--model", "m")
    assert done.exit_code == 1
    assert "Failed: m: m_t1.tif is 41×41 pixels and the first frame 40×40" in done.stderr
