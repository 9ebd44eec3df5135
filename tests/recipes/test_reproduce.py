from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from softlight.config import ConfigError
from softlight.recipes import reproduce as room
from softlight.recipes.reproduce import reproduce
from softlight.recipes.system import MEASURES, Runs, System, Variant
from softlight.report.blocks import Section, Text

WITH_MODERN = ("is-this-cell-alive", "ctc-unet", "livecell-unet")  # others have a test of their own


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "QUICK_MINUTES", 0.01)
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
        f"gain of {modern}",
    ]
    by_variant = done.images.groupby("variant")
    assert by_variant["image"].nunique().tolist() == [4, 4]
    rows = done.table.set_index("what")
    for measure in MEASURES:
        mean = by_variant[measure].mean()
        assert rows.loc[name, measure] == pytest.approx(mean[name], nan_ok=True)
        gain = mean[modern] - mean[name]
        assert rows.loc[f"gain of {modern}", measure] == pytest.approx(gain, nan_ok=True)
    assert any("images were simulated" in line for line in told)
    assert done.report.is_file()
    assert pd.read_csv(tmp_path / "table.csv")["what"].tolist() == done.table["what"].tolist()


def test_the_papers_figures_are_quoted() -> None:
    from softlight.recipes.library import load_recipe

    figures = {
        (figure.dataset, figure.measure): figure.value
        for name in WITH_MODERN
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


def _three_variants(tmp_path: Path) -> System:
    """Variants that are scored at once, on two simulated sets, without any training."""

    def run(recipe, dataset, out, *, k, watch, note):
        plus = {"none": 0.0, "fixed": 0.1, "learned": 0.2}[recipe.model.ensemble]
        names = [sample.name for sample in dataset.samples]
        dice = [0.5 + plus + 0.01 * i for i in range(len(names))]
        return pd.DataFrame({"image": names, "dice": dice, "fold": 1})

    def stand_in(out: Path, quick: bool) -> Path:
        return room.simulate_stand_in("ctc-unet", out, quick=quick)

    variants = tuple(
        Variant("ctc-unet", kind, {"model.ensemble": kind}, run=run)
        for kind in ("none", "fixed", "learned")
    )
    return System(variants, {"a": stand_in, "b": stand_in}, measures=("dice", "iou"))


def test_any_number_of_variants_on_several_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Runs] = []

    def tables(runs):
        seen.extend(runs)
        return {"Table I": pd.DataFrame({"method": ["U-Net"], "dice": [0.5]})}

    system = replace(
        _three_variants(tmp_path),
        adapt=lambda dataset, given: {"model.depth": len(dataset), "model.width": 5},
        tables=tables,
        sections=lambda runs: [Section("Pictures", [Text(f"of {len(runs)} sets")])],
    )
    monkeypatch.setattr(room, "SYSTEMS", {"several": system})
    done = reproduce("several", tmp_path, quick=True, settings={"model.width": 3})
    rows = done.table.set_index("what")["dice"]
    assert rows["gain of learned on a"] == pytest.approx(0.2)
    assert rows["gain of fixed on b"] == pytest.approx(0.1)
    assert [run.out for run in seen] == [tmp_path / "a", tmp_path / "b"]
    assert list(seen[0].recipes) == ["none", "fixed", "learned"]
    model = seen[0].recipes["fixed"].model
    assert (model.ensemble, model.depth, model.width) == ("fixed", 4, 3)
    assert len(done.images) == 2 * 3 * 4
    assert list(done.tables) == ["Table I"]
    page = done.report.read_text(encoding="utf-8")
    assert "Table I" in page
    assert "of 2 sets" in page
