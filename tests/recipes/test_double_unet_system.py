"""The Double U-Net as a published system, small."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from tests.cases import write_discs

from softlight.config import ConfigError, PaperFigure
from softlight.models.saved import load_model
from softlight.recipes import reproduce as room
from softlight.recipes.double_unet import regime
from softlight.recipes.double_unet.system import DOUBLE_UNET
from softlight.recipes.double_unet.tables import (
    all_regimes,
    beside_paper,
    edge_gains,
    few_photons,
    gap_closed,
)
from softlight.recipes.double_unet.trained import restorer_recipe
from softlight.recipes.library import load_recipe
from softlight.recipes.reproduce import Reproduction, reproduce

SETTINGS = {
    "train.minutes": 0.001,
    "train.device": "cpu",
    "train.precision": "32",
    "data.samples_per_epoch": 2,
    "data.batch_size": 1,
    "data.patch_px": 32,
    "model.width": 2,
    "model.depth": 1,
}
TITLES = [variant.title for variant in DOUBLE_UNET.variants]


def run(out: Path, data: Path, only: Sequence[str]) -> Reproduction:
    return reproduce("double-unet", out, data=data, folds=2, settings=SETTINGS, only=only)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("data"), ("a", "b"), count=9, side=65)


def test_every_regime_of_the_issue_is_there() -> None:
    for family in ("paper-", ""):
        names = ["ceiling", *(f"{n}-{f}" for n in ("floor", "restored") for f in (0.25, 0.125))]
        assert {f"{family}{name}" for name in names} <= set(TITLES)
    assert {f"{n}-{f}" for n in ("control", "joint", "all") for f in (0.25, 0.125)} <= set(TITLES)
    assert {"all-1", "all-5-photons", "floor-100-photons"} <= set(TITLES)
    assert len(set(TITLES)) == len(TITLES)


def test_the_papers_figures_are_quoted_for_regimes_that_there_are() -> None:
    paper = load_recipe("double-unet").paper
    assert paper is not None
    assert {figure.variant for figure in paper.figures} < set(TITLES)
    values = {(figure.variant, figure.dataset): figure.value for figure in paper.figures}
    assert values["paper-ceiling", "test"] == 0.906
    assert values["paper-floor-0.125", "validation"] == 0.297
    assert values["paper-restored-0.125", "test"] == 0.385
    assert len(values) == 10


def test_the_papers_way_end_to_end(data: Path, tmp_path: Path) -> None:
    done = run(tmp_path, data, ("paper-ceiling", "paper-floor-0.25", "paper-restored-0.25"))
    means = done.images.groupby("variant")
    assert means["image"].nunique().tolist() == [2, 2, 2]
    shared = sorted(path.name for path in (tmp_path / "trained").iterdir())
    assert shared == ["double-unet-restorer-0.25", "paper-segmenter"]  # trained once, not thrice
    _, spec = load_model(tmp_path / "paper-restored-0.25" / "fold-1" / "model")
    assert (spec.model.name, spec.model.residual) == ("double-unet", False)
    restored = done.images[done.images["variant"] == "paper-restored-0.25"]
    assert restored[["psnr", "ssim", "psnr_given", "edge_dice_image"]].notna().all().all()
    single = done.images[done.images["variant"] == "paper-floor-0.25"]
    assert restored["minutes"].iloc[0] > single["minutes"].iloc[0]
    assert restored["parameters"].iloc[0] > 1.9 * single["parameters"].iloc[0]
    assert done.report.read_text(encoding="utf-8").count("Figure 9") > 0
    assert any("Tables 1 and 2" in caption for caption in done.tables)


def test_the_other_regimes_and_going_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, data, ("control-0.125",))
    again = run(tmp_path, data, ("control-0.125", "joint-0.125", "all-5-photons"))
    assert again.images["variant"].nunique() == 3

    def never(*_: object, **__: object) -> None:
        raise AssertionError("was scored again")

    monkeypatch.setattr(regime, "scored_images", never)
    once_more = run(tmp_path, data, ("control-0.125", "joint-0.125", "all"[:3] + "-5-photons"))
    pd.testing.assert_frame_equal(once_more.images, again.images)
    with pytest.raises(ConfigError, match="is of other settings"):
        reproduce(
            "double-unet",
            tmp_path,
            data=data,
            folds=2,
            settings=SETTINGS | {"model.width": 3},
            only=["control-0.125"],
        )


def test_an_unknown_regime_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no variant 'contrl'\. Use some of paper-ceiling"):
        run(tmp_path, data, ("contrl",))
    assert room._is_asked("control-0.25", ["control"])
    assert not room._is_asked("controlled", ["control"])


def test_a_restorer_fits_before_its_segmenter() -> None:
    segmenter = load_recipe("double-unet-cells")
    found = restorer_recipe(
        "double-unet-restorer", segmenter, {"degrade.factor": [0.125, 0.125], "model.width": 16}
    )
    assert found.preprocess == segmenter.preprocess
    assert found.train.minutes == segmenter.train.minutes
    assert (found.target, found.loss.restored, found.model.residual) == ("image", "mse", False)
    assert (found.degrade.factor, found.model.out_channels) == ((0.125, 0.125), 1)  # type: ignore[union-attr]
    assert found.augment.noise == 0


MEANS = pd.DataFrame(
    {"dice": [0.9, 0.5, 0.8, 0.95, 0.4], "ap50": [0.6, 0.2, 0.3, 0.7, 0.1], "dice_validation": 0.1},
    index=["ceiling", "floor-0.25", "control-0.25", "paper-ceiling", "paper-floor-0.25"],
)


def test_the_gap_is_that_of_the_same_settings_and_the_same_loss() -> None:
    assert gap_closed(MEANS, "control-0.25", "dice") == pytest.approx(0.75)
    assert gap_closed(MEANS, "control-0.25", "ap50") == pytest.approx(0.25)
    assert gap_closed(MEANS, "floor-0.25", "dice") == 0
    assert gap_closed(MEANS, "paper-floor-0.25", "dice") == 0
    for unknown in ("control-0.125", "ceiling"):
        with_it = MEANS.reindex([*MEANS.index, "control-0.125"])
        assert pd.isna(gap_closed(with_it, unknown, "dice"))
    table = all_regimes(MEANS).set_index("regime")
    assert table.loc["control-0.25", "gap closed, Dice"] == pytest.approx(0.75)
    assert table.columns[0] == "Dice"


def test_the_papers_table() -> None:
    figures = [
        PaperFigure(dataset=part, measure="dice", value=value, variant="paper-floor-0.25")
        for part, value in (("test", 0.317), ("validation", 0.358))
    ]
    row = beside_paper(figures, MEANS).iloc[0]
    assert row.to_dict() == {
        "image": "floor-0.25",
        "paper, test": 0.317,
        "paper, validation": 0.358,
        "ours, test": 0.4,
        "ours, validation": 0.1,
    }


def test_gains_on_edges_are_image_by_image() -> None:
    columns = ("dice", "edge_dice", "edge_dice_image", "dice_on_edges")
    floor, better = ([0.5, 0.3, 0.2, 0.1], [0.6, 0.7, 0.2, 0.3])
    rows = [
        {"variant": variant, "image": image, **dict(zip(columns, values, strict=True))}
        for variant, values in (("floor-0.25", floor), ("joint-0.25", better))
        for image in ("a", "b")
    ]
    (row,) = edge_gains(pd.DataFrame(rows)).to_dict("records")
    assert row["regime"] == "joint-0.25"
    assert row["gain, dice"] == pytest.approx(0.1)
    assert row["gain, edge_dice"] == pytest.approx(0.4)
    assert row["edge gain - gain"] == pytest.approx(0.3)
    assert row["±"] == pytest.approx(0)


def test_few_photons_are_told_with_what_they_cost() -> None:
    means = pd.DataFrame(
        {"dice": [0.9, 0.85, 0.6]}, index=["all-1", "all-20-photons", "floor-20-photons"]
    )
    (row,) = few_photons(means).to_dict("records")
    assert row["photons"] == "20"
    assert (row["floor"], row["all"]) == (0.6, 0.85)
    assert row["all, less than on clean images"] == pytest.approx(0.05)
