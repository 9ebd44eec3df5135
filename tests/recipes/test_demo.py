from pathlib import Path

import pytest

from softlight.models.saved import list_shipped
from softlight.recipes.demo import MODEL, SAMPLE, run_demo


@pytest.mark.skipif(MODEL not in list_shipped(), reason=f"the model {MODEL} is not shipped yet")
@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample movie is not shipped yet")
def test_the_demo_finds_the_cells_of_its_movie(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = run_demo(tmp_path, progress=lambda *now: told.append(now))
    assert found.report == tmp_path / "report.html"
    assert found.report.is_file()
    assert told[-1] == (12, 12)
    assert "12 frames" in found.lines[0]
    dice = float(found.lines[1].rpartition("Dice ")[2].rstrip("."))
    assert dice > 0.85
