import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.cases import bright_segmenter

from softlight.recipes.analysis import analyze as room
from softlight.recipes.analysis.analyze import analyze
from softlight.recipes.analysis.kept import KeptFrames
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.divide import Found, Options
from softlight.recipes.finder import Begun, CellFinder

ROOT = Path(__file__).resolve().parents[3]
FRAMES = 6
PLAIN = AnalyzeSettings(options=Options())
SLOWLY = """
import sys, time
from pathlib import Path
from tests.cases import bright_segmenter
from softlight.recipes.analysis.analyze import analyze
from softlight.recipes.analysis.settings import AnalyzeSettings
from softlight.recipes.divide import Options

def wait(name, done, total):
    if done == 3:
        time.sleep(100)

movie, out = map(Path, sys.argv[1:])
settings = AnalyzeSettings(options=Options())
analyze([movie], bright_segmenter(), out, settings=settings, progress=wait)
"""


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two squares that walk; nothing is drawn."""
    monkeypatch.setattr(room, "analysis_page", lambda out, *_, **__: out / "report.html")
    frames = np.full((FRAMES, 40, 40), 20, np.uint8)
    for t in range(FRAMES):
        frames[t, 10:18, 4 + t : 12 + t] = frames[t, 26:34, 20:28] = 200
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack")
    return tmp_path / "a.tif"


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that the network was shown."""
    frames: list[int] = []
    find = CellFinder.find
    monkeypatch.setattr(
        CellFinder, "find", lambda self, frame: (frames.append(frame), find(self, frame))[1]
    )
    return frames


def tables(out: Path) -> dict[str, bytes]:
    files = [*out.glob("*.csv"), *out.glob("*.parquet"), out / "labels" / "a.tif"]
    return {file.name: file.read_bytes() for file in files}


def test_a_movie_that_was_killed_goes_on_at_the_frame_where_it_stopped(
    movie: Path, tmp_path: Path, searched: list[int]
) -> None:
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", SLOWLY, movie, out], cwd=ROOT)
    third = out / "positions" / "a" / "frames" / "000002.npz"
    end = time.monotonic() + 200
    while not third.exists() and child.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    analyze([movie], bright_segmenter(), out, settings=PLAIN, resume=True)
    assert searched == [3, 4, 5]
    analyze([movie], bright_segmenter(), tmp_path / "whole", settings=PLAIN)
    assert tables(out) == tables(tmp_path / "whole")
    assert not (out / "positions" / "a" / "frames").exists()


def stop_at(number: int) -> object:
    def stop(name: str, done: int, total: int) -> None:
        if done == number:
            raise KeyboardInterrupt

    return stop


def broken_off(movie: Path, out: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        analyze(
            [movie],
            bright_segmenter(),
            out,
            settings=PLAIN,
            progress=stop_at(4),  # type: ignore[arg-type]
        )


def test_other_images_are_searched_from_the_start(
    movie: Path, tmp_path: Path, searched: list[int]
) -> None:
    broken_off(movie, tmp_path / "out")
    frames = tifffile.imread(movie)
    tifffile.imwrite(movie, frames[::-1], photometric="minisblack")
    searched.clear()
    analyze([movie], bright_segmenter(), tmp_path / "out", settings=PLAIN, resume=True)
    assert searched == list(range(FRAMES))


def test_a_frame_that_cannot_be_read_is_searched_again(
    movie: Path, tmp_path: Path, searched: list[int]
) -> None:
    broken_off(movie, tmp_path / "out")
    kept = tmp_path / "out" / "positions" / "a" / "frames"
    (kept / "000001.npz").write_bytes(b"PK half")
    searched.clear()
    analyze([movie], bright_segmenter(), tmp_path / "out", settings=PLAIN, resume=True)
    assert searched == [1, 4, 5]


def test_what_the_first_frame_decided_is_kept(tmp_path: Path) -> None:
    begun = Begun(zoom=1.5, note="enlarged", unlike="is dark. Look.")
    found = Found(np.array([[0, 70_000]], np.int32), np.array([0.25]))
    KeptFrames(tmp_path, {"a": "1"}).keep(3, found, begun)
    again = KeptFrames(tmp_path, {"a": "1"})
    assert again.begun == begun
    one = again.frame(3)
    assert one is not None
    np.testing.assert_array_equal(one.labels, found.labels)
    assert one.labels.dtype == np.int32
    assert one.scores.tolist() == [0.25]
    assert again.frame(2) is None
    assert KeptFrames(tmp_path, {"a": "2"}).begun is None
    assert not (tmp_path / "frames").exists()
