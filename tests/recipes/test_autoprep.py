"""The re-run of automatic preprocessing: its paper's figures, its tables, its pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from softlight.config import ConfigError, with_settings
from softlight.data.sets import open_dataset
from softlight.recipes import reproduce as room
from softlight.recipes.autoprep import AUTOPREP, adapt
from softlight.recipes.autoprep_tables import METHODS, tables
from softlight.recipes.library import load_recipe
from softlight.recipes.reproduce import reproduce
from softlight.recipes.simulation import simulate_classes
from softlight.recipes.system import Runs


def write_set(folder: Path, highest: int, *, colour: bool = False) -> Path:
    rng = np.random.default_rng(0)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name in "ab":
        shape = (16, 16, 3) if colour else (16, 16)
        tifffile.imwrite(folder / f"images/{name}.tif", rng.integers(0, 255, shape, dtype=np.uint8))
        labels = (np.arange(256).reshape(16, 16) % (highest + 1)).astype(np.uint16)
        tifffile.imwrite(folder / f"labels/{name}.tif", labels)
    return folder


FIGURES = {
    (f.dataset, f.variant, f.measure): (f.value, f.sd)
    for f in load_recipe("autoprep").paper.figures
}


class TestPaper:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            (("mouse liver", "U-Net", "miou"), (0.5790, 0.0133)),
            (("mouse liver", "U-Net++", "iou_membrane"), (0.3980, 0.0420)),
            (("mouse liver", "Attention U-Net", "dice_nucleus"), (0.7665, 0.0208)),
            (("mouse liver", "Proposed method", "miou"), (0.5953, 0.0172)),
            (("mouse liver", "w/o Ensemble", "iou_cytoplasm"), (0.7240, 0.0392)),
            (("mouse liver", "Ensemble (fixed)", "miou"), (0.5941, 0.0073)),
            (("iRPE", "Proposed method", "mdice"), (0.7745, 0.0037)),
            (("iRPE", "U-Net++", "iou_background"), (0.7497, 0.0068)),
        ],
    )
    def test_its_figures_are_quoted(self, key, value) -> None:
        assert FIGURES[key] == value

    @pytest.mark.parametrize("score", ["iou", "dice"])
    def test_each_mean_is_that_of_its_classes(self, score: str) -> None:
        """So none was copied wrong; its own rounding leaves 0.02 percent."""
        for (dataset, variant, measure), (mean, _) in FIGURES.items():
            if measure == f"m{score}":
                parts = [
                    value
                    for (d, v, m), (value, _) in FIGURES.items()
                    if (d, v) == (dataset, variant) and m.startswith(f"{score}_")
                ]
                assert len(parts) == (3 if dataset == "mouse liver" else 2)
                assert mean == pytest.approx(np.mean(parts), abs=1.6e-4), (dataset, variant)

    def test_every_method_is_ours_too(self) -> None:
        assert {variant for _, variant, _ in FIGURES} == set(METHODS.values())
        assert [variant.title for variant in AUTOPREP.variants] == list(METHODS)


def test_the_settings_are_the_papers() -> None:
    recipe = load_recipe("autoprep")
    assert recipe.data.batch_size == 16
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == ("adam", 1e-3)
    assert recipe.train.epochs == 300
    assert [term.name for term in recipe.loss.terms] == ["cross_entropy"]
    assert recipe.loss.auxiliary_weight == 1  # the plain sum of all losses
    assert (recipe.model.base, recipe.model.ensemble) == ("unet", "learned")


class TestAdapt:
    def test_channels_and_classes_are_those_of_the_set(self, tmp_path: Path) -> None:
        grey = open_dataset(write_set(tmp_path / "grey", 1))
        assert adapt(grey, {}) == {
            "classes": ["background", "membrane"],
            "model.out_channels": 2,
            "model.in_channels": 1,
        }
        colour = open_dataset(write_set(tmp_path / "colour", 3, colour=True))
        found = adapt(colour, {})
        assert found["classes"] == ["class_0", "class_1", "class_2", "class_3"]
        assert (found["model.out_channels"], found["model.in_channels"]) == (4, 3)
        with_settings(load_recipe("autoprep"), found)

    def test_names_that_are_given_are_taken(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_set(tmp_path, 2))
        given = ["background", "cytoplasm", "nucleus"]
        assert adapt(dataset, {})["classes"] == ["cytoplasm", "membrane", "nucleus"]
        assert adapt(dataset, {"classes": given})["classes"] == given
        with pytest.raises(ConfigError, match="classes is 'cell'; give names"):
            adapt(dataset, {"classes": "cell"})

    def test_single_cells_are_no_classes(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_set(tmp_path, 40))
        with pytest.raises(
            ConfigError, match=r"labels of .* go up to 40; this system needs classes"
        ):
            adapt(dataset, {})


def _run(tmp_path: Path, name: str, classes: list[str]) -> Runs:
    """Finished runs whose scores are known: two folds, IoU 0.5 and 0.7, a gain for each method."""
    simulate_classes("membrane", tmp_path / "set", images=2, size=(64, 64))
    images = []
    for number, variant in enumerate(METHODS):
        rows = [
            {"class": c, "iou": i + number / 100, "dice": i, "precision": i, "recall": i, "fold": f}
            for f, i in ((1, 0.5), (2, 0.7))
            for c in ("mean", *classes)
        ]
        (tmp_path / variant).mkdir()
        pd.DataFrame(rows).to_csv(tmp_path / variant / "classes.csv", index=False)
        scores = np.linspace(0.3, 0.6, 12) + number / 100
        images.append(
            pd.DataFrame({"image": [f"i{n}" for n in range(12)], "miou": scores}).assign(
                variant=variant, rand_error=0.25 if len(classes) == 2 else np.nan
            )
        )
    recipe = with_settings(
        load_recipe("autoprep"), {"classes": classes, "model.out_channels": len(classes)}
    )
    table = pd.concat(images, ignore_index=True)
    if len(classes) > 2:
        table = table.drop(columns="rand_error")
    return Runs(
        name, tmp_path, open_dataset(tmp_path / "set"), dict.fromkeys(METHODS, recipe), table
    )


class TestTables:
    def test_each_table_of_the_paper_stands_beside_ours(self, tmp_path: Path) -> None:
        three = _run(tmp_path / "three", "liver", ["cytoplasm", "membrane", "nucleus"])
        two = _run(tmp_path / "two", "rpe", ["background", "membrane"])
        found = tables([three, two])
        first, second, third, *more = found.items()
        assert first[0] == "Table I, the paper's beside ours on liver"
        assert first[1]["method"].tolist() == [
            *("U-Net", "U-Net++", "Attention U-Net", "Proposed method") * 2
        ]
        assert first[1]["IoU mean"].tolist()[:2] == ["57.90 ± 1.33", "57.29 ± 1.23"]
        assert first[1]["IoU mean"].tolist()[4:6] == ["60.00 ± 14.14", "61.00 ± 14.14"]
        assert first[1]["Dice nucleus"].tolist()[3] == "77.56 ± 2.50"
        assert second[1]["method"].tolist()[1:4] == [
            "w/o Ensemble",
            "Ensemble (fixed)",
            "Proposed method",
        ]
        assert second[1]["IoU membrane"].tolist()[3] == "43.27 ± 2.32"
        assert not any(name.startswith("Dice") for name in second[1])
        assert third[0] == "Table III, the paper's beside ours on rpe"
        assert third[1]["IoU background"].tolist()[0] == "76.09 ± 0.09"
        captions = [caption for caption, _ in more]
        assert any(caption.startswith("Membranes of rpe") for caption in captions)
        assert not any(caption.startswith("Membranes of liver") for caption in captions)

    def test_the_tests_are_against_the_plain_unet(self, tmp_path: Path) -> None:
        run = _run(tmp_path, "liver", ["cytoplasm", "membrane", "nucleus"])
        *_, (caption, table) = tables([run]).items()
        assert "less that of the U-Net" in caption
        assert table["method"].tolist() == list(METHODS.values())[1:]
        assert table["gain"].tolist() == pytest.approx([1, 2, 3, 4, 5])
        assert table["images"].tolist() == [12] * 5

    def test_without_such_data_the_papers_stand_alone(self, tmp_path: Path) -> None:
        run = _run(tmp_path, "rpe", ["background", "membrane"])
        found = tables([run])
        caption = next(iter(found))
        assert caption == "Table I, the paper's alone: no such images were given"
        assert set(found[caption]["from"]) == {"paper"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One quick run on both simulated sets."""
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "QUICK_MINUTES", 0.024)
        small = {"data.samples_per_epoch": 2, "data.batch_size": 2, "model.width": 2}
        patch.setattr(room, "QUICK_SETTINGS", {**small, "model.depth": 2, "data.patch_px": 64})
        yield reproduce("autoprep", out, quick=True), out


class TestRun:
    def test_both_simulated_sets_give_every_table(self, done) -> None:
        result, out = done
        assert [caption.split(",")[0] for caption in result.tables][:3] == [
            "Table I",
            "Table II",
            "Table III",
        ]
        for caption in list(result.tables)[:3]:
            assert (result.tables[caption]["from"] != "paper").sum() == 4
        assert set(result.images["dataset"]) == {"three-class", "membrane"}
        assert (out / "membrane" / "autoprep-learned" / "fold-1" / "model.toml").is_file()

    def test_the_page_shows_filters(self, done) -> None:
        text = done[0].report.read_text(encoding="utf-8")
        assert "Filters on three-class" in text
        assert "Filters on membrane" in text
        assert "weights of the ensemble after training: stage1" in text

    def test_the_ablations_differ(self, done) -> None:
        images = done[0].images
        of = images[images["dataset"] == "three-class"].groupby("variant")["loss"].mean()
        assert of[["autoprep-none", "autoprep-fixed", "autoprep-learned", "unet"]].nunique() == 4
