"""The comparison with peers, without any peer: options, folds, tables, what is kept."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.cases import write_discs

from softlight.config import Recipe
from softlight.data.sets import open_dataset
from softlight.data.splits import folds
from softlight.io.labels import write_labels
from softlight.recipes.library import load_recipe

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = [f"A172_Phase_{well}_1_00d0{hour}h00m_1" for well in ("A1", "B1", "C1") for hour in (0, 4)]


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch):
    """Gives a module of the package ``peers`` by its name, as ``peers.py`` would see it."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in [name for name in sys.modules if name.partition(".")[0] == "peers"]:
        monkeypatch.delitem(sys.modules, name)

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"peers.{name}")

    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "peers"]:
        del sys.modules[name]


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe("livecell-unet")


def scores(tool: str, ap50: float, **columns: object) -> pd.DataFrame:
    names = ["ap50", "ap", "f1", "pq", "seg", "count_error_abs", "seconds"]
    values = dict(zip(names, [ap50, ap50 / 2, 0.5, 0.5, 0.5, 0.1, 1.0], strict=True))
    rows = [{"tool": tool, "image": f"i{n}", "cell_type": "AB"[n], **values} for n in (0, 1)]
    return pd.DataFrame(rows).assign(**columns)


def test_options_have_the_defaults_of_the_issue(peers):
    options = peers("command").parse(["--data", "x"])
    assert options.tools == ["softlight", "stardist", "cellpose"]
    assert (options.minutes, options.threads, options.recipe) == (12.0, 2, "cells")
    assert options.cache == Path(".peers")
    assert options.pretrained is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give --data, or --train with --test"),
        (["--train", "x"], "--train and --test together"),
        (["--data", "x", "--train", "y", "--test", "z"], "give --data, or"),
        (["--train", "y", "--test", "z", "--folds", "3"], "--folds goes with --data"),
        (["--data", "x", "--minutes", "0"], "--minutes must be above 0"),
        (["--data", "x", "--validation-fraction", "1"], "from 0 to below 1"),
        (["--data", "x", "--tools", "stardist,omnipose"], "omnipose is no tool here"),
        (["--data", "x", "--tools", ","], "nothing is no tool here"),
        (["--data", "x", "--pretrained", "cellpose"], "write stardist=FOLDER"),
        (["--data", "x", "--pretrained", "omnipose=x"], "write stardist=FOLDER"),
    ],
)
def test_options_that_do_not_fit_are_refused(peers, capsys, words, says):
    with pytest.raises(SystemExit) as stopped:
        peers("command").parse(words)
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


def test_pretrained_paths_go_to_their_tools(peers):
    words = ["--data", "x", "--pretrained", "cellpose=a", "cellpose=b=c", "stardist=d"]
    options = peers("command").parse(words)
    assert options.pretrained == {"softlight": [], "stardist": ["d"], "cellpose": ["a", "b=c"]}
    assert peers("command").parse(["--data", "x", "--pretrained"]).pretrained is not None


def test_a_mistake_is_one_sentence_and_exit_code_1(peers, capsys, tmp_path):
    code = peers("command").main(["--data", str(tmp_path / "no"), "--recipe", "livecell-unet"])
    assert code == 1
    assert "does not exist" in capsys.readouterr().err


def test_folds_are_those_of_crossval(peers, recipe, tmp_path):
    data = write_discs(tmp_path / "data", NAMES)
    rounds = peers("rounds").cross_validation(data, 3, recipe, fraction=0)
    expected = folds(open_dataset(data).samples, 3, by=recipe.data.split_by, seed=0)
    assert [[s.name for s in r.test] for r in rounds] == [
        [s.name for s in f.test] for f in expected
    ]
    assert [[s.name for s in r.train] for r in rounds] == [
        [s.name for s in f.train] for f in expected
    ]
    assert all(r.held_out == () and r.tune == r.train for r in rounds)


def test_a_fraction_holds_out_whole_wells_of_the_training_images(peers, recipe, tmp_path):
    data = write_discs(tmp_path / "data", NAMES)
    first = peers("rounds").cross_validation(data, 3, recipe, fraction=0.5)[0]
    wells = [{s.group for s in part} for part in (first.train, first.held_out, first.test)]
    assert [len(well) for well in wells] == [1, 1, 1]
    assert len(set.union(*wells)) == 3
    assert first.tune == first.held_out


def test_one_image_is_not_held_out_from_itself(peers, recipe, tmp_path):
    train = write_discs(tmp_path / "train", NAMES[:1])
    test = write_discs(tmp_path / "test", NAMES[1:2])
    (only,) = peers("rounds").one_round(train, test, recipe, fraction=0.5)
    assert (len(only.train), only.held_out) == (1, ())


def test_images_in_both_folders_are_refused(peers, recipe, tmp_path):
    data = write_discs(tmp_path / "data", NAMES)
    with pytest.raises(ValueError, match=r"6 images are in both .* not trained on"):
        peers("rounds").one_round(data, data, recipe, fraction=0)


def test_written_samples_are_read_back_as_they_were(peers, tmp_path):
    samples = open_dataset(write_discs(tmp_path / "data", NAMES[:2])).samples
    peers("rounds").write_samples(tmp_path / "copy", samples)
    again = open_dataset(tmp_path / "copy").samples
    for before, after in zip(samples, again, strict=True):
        assert before.name == after.name
        np.testing.assert_array_equal(before.read().image, after.read().image)
        np.testing.assert_array_equal(before.read().labels, after.read().labels)


def test_pixel_size_survives(peers, tmp_path):
    from softlight.data.samples import Annotated, Sample

    annotated = Annotated(np.ones((8, 9), np.uint16), np.ones((8, 9), np.int32), None, 1.24)
    peers("rounds").write_samples(tmp_path, [Sample("a", "a", lambda: annotated)])
    (sample,) = open_dataset(tmp_path).samples
    assert sample.read().pixel_size_um == pytest.approx(1.24)


def test_pins_are_installed_paragraph_by_paragraph(peers):
    environments = peers("environments")
    text = "# why\ntorch==1\n\n# more\nb==2\nc==3; x == 'y'\n\n"
    assert environments.pin_groups(text) == [["torch==1"], ["b==2", "c==3; x == 'y'"]]
    for tool in ("stardist", "cellpose"):
        pins = (environments.PINS / f"{tool}.txt").read_text(encoding="utf-8")
        words = [word for group in environments.pin_groups(pins) for word in group]
        assert all("==" in word for word in words)
        assert any(word.startswith(f"{tool}==") for word in words)


def test_softlight_runs_in_this_interpreter_and_a_built_environment_is_kept(peers, tmp_path):
    environments = peers("environments")
    assert environments.python_of("softlight", tmp_path) == Path(sys.executable)
    folder = tmp_path / "stardist"
    folder.mkdir()
    pins = (environments.PINS / "stardist.txt").read_text(encoding="utf-8")
    (folder / environments.MARK).write_text(pins, encoding="utf-8")
    assert environments.python_of("stardist", tmp_path).parent.parent == folder


def test_a_failed_build_says_what_pip_said(peers, tmp_path, monkeypatch):
    environments = peers("environments")
    monkeypatch.setattr(environments, "PINS", tmp_path)
    (tmp_path / "stardist.txt").write_text("softlight-is-not-there==0\n", encoding="utf-8")
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path)))
    with pytest.raises(ValueError, match="could not be built: no such thing"):
        environments.python_of("stardist", tmp_path / "cache")


def fake_python(folder: Path) -> Path:
    """A program that only fails, and says why."""
    path = folder / "fails"
    path.write_text("#!/bin/sh\necho no such thing >&2\nexit 3\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_round_that_was_trained_is_not_trained_again(peers, recipe, tmp_path):
    work, rounds = peers("work"), peers("rounds")
    part = rounds.Round("fold-1", *[()] * 3)
    terms = work.Terms(1.0, "cells", 2, 0, tmp_path / "no environments")
    folder = tmp_path / "fold-1" / "cellpose"
    folder.mkdir(parents=True)
    took = {"train_s": 60.0, "tune_s": 1.0, "wall_s": 70.0, "settings": {"diameter": 20.0}}
    (folder / work.TRAINED).write_text(json.dumps(took), encoding="utf-8")
    model, found = work.trained_model("cellpose", part, tmp_path, terms)
    assert found == took
    assert model.settings == {"diameter": 20.0}
    other = work.Terms(2.0, "cells", 2, 0, tmp_path)
    with pytest.raises(ValueError, match=r"other minutes.*another --out"):
        work.trained_model("cellpose", part, tmp_path, other)


def test_another_recipe_of_the_same_name_is_noticed(peers, recipe, tmp_path, monkeypatch):
    work, rounds = peers("work"), peers("rounds")
    part = rounds.Round("fold-1", *[()] * 3)
    terms = work.Terms(1.0, "livecell-unet", 2, 0, tmp_path)
    folder = tmp_path / "fold-1" / "softlight"
    folder.mkdir(parents=True)
    (folder / work.TRAINED).write_text('{"settings": {}}', encoding="utf-8")
    work.trained_model("softlight", part, tmp_path, terms)
    changed = recipe.model_copy(update={"title": "changed"})
    monkeypatch.setattr(work, "load_recipe", lambda _: changed)
    with pytest.raises(ValueError, match="other recipe"):
        work.trained_model("softlight", part, tmp_path, terms)


def test_old_predictions_are_thrown_away(peers, tmp_path, monkeypatch):
    work = peers("work")
    samples = open_dataset(write_discs(tmp_path / "data", NAMES[:1])).samples
    terms = work.Terms(1.0, "cells", 2, 0, tmp_path)
    old = tmp_path / "old" / "labels" / "old.tif"
    old.parent.mkdir(parents=True)
    old.touch()
    jobs = []

    def call(tool: str, verb: str, folder: Path, job: dict, result: Path, _: object) -> float:
        jobs.append(job)
        folder.mkdir()
        result.write_text('{"seconds": {}}', encoding="utf-8")
        return 2.0

    monkeypatch.setattr(work, "_call", call)
    model = work.Model("softlight", Path("phase"), {})
    found = work.predicted(model, samples, tmp_path / "old", tmp_path / "copy", terms)
    assert not old.exists()
    assert found == {"seconds": {}, "wall_s": 2.0}
    assert jobs[0]["model"] == "phase"
    assert [Path(path).is_file() for path in jobs[0]["images"]] == [True]


def test_a_runner_that_fails_is_quoted_and_its_log_is_named(peers, tmp_path, monkeypatch):
    work, rounds = peers("work"), peers("rounds")
    samples = open_dataset(write_discs(tmp_path / "data", NAMES[:1])).samples
    part = rounds.Round("fold-1", samples, (), samples)
    monkeypatch.setattr(work, "python_of", lambda *_, **__: fake_python(tmp_path))
    terms = work.Terms(1.0, "cells", 2, 0, tmp_path)
    with pytest.raises(ValueError, match=r"stardist could not train: no such thing .*train\.log"):
        work.trained_model("stardist", part, tmp_path / "out", terms)


def test_labels_are_scored_with_the_seconds_that_they_took(peers, tmp_path):
    samples = open_dataset(write_discs(tmp_path / "data", NAMES[:2])).samples
    for sample in samples:
        write_labels(tmp_path / "labels" / f"{sample.name}.tif", sample.read().labels)
    found = {"seconds": {sample.name: [3.0, 1.0, 2.0] for sample in samples}}
    table = peers("scores").score_labels("x", samples, tmp_path / "labels", found, round="fold-1")
    assert table["ap50"].tolist() == [1, 1]
    assert table["count_error_abs"].tolist() == [0, 0]
    assert table["seconds"].tolist() == [2, 2]
    assert set(table["cell_type"]) == {"A172"}


def test_the_image_for_speed_has_the_shape_and_about_the_cells(peers, tmp_path):
    many = open_dataset(write_discs(tmp_path / "many", ["many"], count=6, side=64)).samples
    few = open_dataset(write_discs(tmp_path / "few", ["few"], count=1, side=64)).samples
    other = open_dataset(write_discs(tmp_path / "other", ["other"], count=4, side=48)).samples
    nearest = peers("scores").nearest_to
    assert nearest([*many, *few, *other], (64, 64), 5).name == "many"
    assert nearest([*many, *few, *other], (64, 64), 1).name == "few"
    assert nearest(other, (64, 64), 1).name == "other"


def test_tables_from_stored_scores(peers, tmp_path):
    tables = peers("tables")
    images = pd.concat([scores("softlight", 0.6), scores("stardist", 0.2), scores("cellpose", 0.4)])
    images.to_csv(tmp_path / "metrics.csv", index=False)
    images = pd.read_csv(tmp_path / "metrics.csv")
    table = tables.by_tool(images)
    assert table["tool"].tolist() == ["softlight", "stardist", "cellpose"]
    assert table["AP50"].tolist() == pytest.approx([0.6, 0.2, 0.4])
    assert table["images"].tolist() == [2, 2, 2]
    kinds = tables.by_kind(images, "cell_type")
    assert kinds["cell_type"].tolist() == ["A", "B"]
    assert kinds["images"].tolist() == [1, 1]
    assert kinds["AP50 cellpose"].tolist() == pytest.approx([0.4, 0.4])
    assert kinds["mean AP softlight"].tolist() == pytest.approx([0.3, 0.3])


def test_margins_are_to_the_better_peer(peers):
    tables = peers("tables")
    images = pd.concat([scores("softlight", 0.6), scores("stardist", 0.2), scores("cellpose", 0.4)])
    first, second = tables.margins(images)
    assert "AP50: Softlight 0.600, the better of the others (cellpose) 0.400: +0.200" in first
    assert second.endswith("+0.100")
    assert tables.margins(scores("softlight", 0.6)) == []
    assert tables.margins(scores("cellpose", 0.6)) == []


def test_training_table_says_what_each_took(peers):
    took = {"train_s": 720.0, "tune_s": None, "wall_s": 900.0, "steps": 7, "settings": {"a": 0.5}}
    (row,) = (
        peers("tables")
        .training_table([{"round": "fold-1", "tool": "softlight", **took}])
        .to_dict("records")
    )
    assert (row["training min"], row["command min"], row["settings"]) == (12, 15, "a 0.5")
    assert np.isnan(row["tuning min"])


def test_runners_time_from_file_to_file(peers, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS / "peers" / "runners"))
    job = importlib.import_module("job")
    monkeypatch.delitem(sys.modules, "job")
    image = tmp_path / "a.tif"
    tifffile.imwrite(image, np.zeros((4, 4), np.uint8))
    calls = []

    def segment(model: str, source: Path, target: Path) -> None:
        calls.append((model, source.name))
        job.write_labels(target, tifffile.imread(source))

    asked = {"images": [str(image)], "out": str(tmp_path / "out"), "repeats": 2, "warm_up": True}
    found = job.predict(asked, lambda: "model", segment)
    assert calls == [("model", "a.tif")] * 3
    assert len(found["seconds"]["a"]) == 2
    assert tifffile.imread(tmp_path / "out" / "a.tif").dtype == np.int32
