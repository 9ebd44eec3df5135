from pathlib import Path

import pandas as pd
import pytest

from softlight.inference.predict import Segmenter
from softlight.recipes.pages import reproduction_page, run_page
from softlight.recipes.reproduce import _caveats
from softlight.recipes.segment import SegmentedFile

CAVEATS = _caveats(simulated=True, quick=True)


@pytest.mark.parametrize("caveats", [[], CAVEATS])
def test_what_may_not_be_compared_stands_before_the_table(tmp_path, caveats):
    table = pd.DataFrame([{"what": "paper: LIVECell test", "dice": 0.9}])
    images = pd.DataFrame([{"image": "a", "dice": 0.5, "variant": "ours", "dataset": "d"}])
    page = reproduction_page(
        tmp_path, title="T", tables={"": table}, images=images, notes=["N."], caveats=caveats
    )
    text = page.read_text(encoding="utf-8")
    assert "paper: LIVECell test" in text
    for words in ("of simulated images", "quick run of small networks"):
        assert (words in text) == bool(caveats)
        assert not caveats or text.index(words) < text.index("paper: LIVECell test")


def test_only_what_is_true_is_a_caveat():
    assert len(CAVEATS) == 2
    assert _caveats(simulated=True, quick=False) == CAVEATS[:1]
    assert _caveats(simulated=False, quick=True) == CAVEATS[1:]
    assert _caveats(simulated=False, quick=False) == []


def test_failed_files_are_not_counted_as_segmented(tmp_path):
    segmenter = Segmenter.from_saved("phase-sim", device="cpu")
    failed = [SegmentedFile(Path(name), error="It is broken.") for name in ("a.tif", "b.tif")]
    text = run_page(failed, segmenter, tmp_path).read_text(encoding="utf-8")
    assert "0 of 2" in text
