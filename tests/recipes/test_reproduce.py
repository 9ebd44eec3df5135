from pathlib import Path

import pandas as pd
import pytest

from softlight.config import ConfigError
from softlight.recipes import reproduce as room
from softlight.recipes.reproduce import MEASURES, SYSTEMS, reproduce


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "QUICK_MINUTES", 0.002)
    small = {"data.samples_per_epoch": 2, "data.batch_size": 1, "model.width": 2}
    monkeypatch.setattr(room, "QUICK_SETTINGS", small)


@pytest.mark.parametrize(
    ("name", "papers"),
    [
        ("livecell-unet", ["paper: LIVECell test"]),
        ("ctc-unet", ["paper: PhC-C2DL-PSC", "paper: Fluo-N2DH-GOWT1"]),
        ("is-this-cell-alive", []),
    ],
)
def test_quick_on_the_simulated_stand_in(name: str, papers: list[str], tmp_path: Path) -> None:
    told: list[str] = []
    done = reproduce(name, tmp_path, quick=True, note=told.append)
    modern = f"{name}-modern"
    assert done.table["what"].tolist() == [
        *papers,
        name,
        f"{name}: sd over images",
        modern,
        f"{modern}: sd over images",
        "gain of the modern variant",
    ]
    by_variant = done.images.groupby("variant")
    assert by_variant["image"].nunique().tolist() == [4, 4]
    rows = done.table.set_index("what")
    for measure in MEASURES:
        mean = by_variant[measure].mean()
        assert rows.loc[name, measure] == pytest.approx(mean[name], nan_ok=True)
        gain = mean[modern] - mean[name]
        assert rows.loc["gain of the modern variant", measure] == pytest.approx(gain, nan_ok=True)
    assert any("images were simulated" in line for line in told)
    assert done.report.is_file()
    assert pd.read_csv(tmp_path / "table.csv")["what"].tolist() == done.table["what"].tolist()


def test_the_papers_figures_are_quoted() -> None:
    from softlight.recipes.library import load_recipe

    figures = {
        (figure.dataset, figure.measure): figure.value
        for name in SYSTEMS
        if (paper := load_recipe(name).paper) is not None
        for figure in paper.figures
    }
    assert figures == {
        ("LIVECell test", "pixel_accuracy"): 0.9219,
        ("LIVECell test", "loss"): 0.2043,
        ("PhC-C2DL-PSC", "pixel_accuracy"): 0.9865,
        ("Fluo-N2DH-GOWT1", "pixel_accuracy"): 0.9843,
    }


def test_an_unknown_system_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no published system 'unet'.*ctc-unet"):
        reproduce("unet", tmp_path)
