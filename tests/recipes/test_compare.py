import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from softlight.apps.cli import app
from softlight.config import ConfigError
from softlight.evaluate.paired import paired_test
from softlight.recipes.compare import compare_runs

NAMES = [f"{number:03d}" for number in range(12)]


def write_run(
    folder: Path, shift: float = 0.0, *, seed: int = 0, folds: bool = True, names: list[str] = NAMES
) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir()
    table = pd.DataFrame({"image": names, "group": names})
    for column in ("dice", "miou", "iou_nucleus", "confluence"):
        table[column] = 0.6 + shift + rng.normal(0, 0.01, len(names))
    if folds:
        table["fold"] = np.arange(len(names)) % 3 + 1
        rows = [
            {"class": name, "iou": 0.5 + shift + rng.normal(0, 0.01), "dice": 0.7, "fold": fold}
            for fold in (1, 2, 3)
            for name in ("mean", "background", "nucleus")
        ]
        pd.DataFrame(rows).to_csv(folder / "classes.csv", index=False)
    table.to_csv(folder / "metrics.csv", index=False)
    return folder


def test_images_and_folds_are_compared_pair_by_pair(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", 0.05, seed=1)
    base = write_run(tmp_path / "b")
    found = compare_runs(run, base)
    table = found.table.set_index(["by", "measure"])
    assert [measure for by, measure in table.index if by == "image"] == [
        "dice",
        "miou",
        "iou_nucleus",
    ]
    a, b = (pd.read_csv(folder / "metrics.csv") for folder in (run, base))
    expected = paired_test(a["dice"].to_list(), b["dice"].to_list())
    row = table.loc[("image", "dice")]
    assert (row["difference"], row["p"], row["n"]) == (expected.difference, expected.p, 12)
    assert row["run"] == pytest.approx(a["dice"].mean())
    assert row["test"] == "wilcoxon"
    fold = table.loc[("fold", "iou nucleus")]
    assert (fold["n"], fold["test"]) == (3, "t")
    assert 0.02 < fold["difference"] < 0.08
    assert table.loc[("fold", "dice mean"), "difference"] == 0
    assert any("By fold: paired t-test, since of 3 pairs" in note for note in found.notes)


def test_the_order_of_the_images_does_not_matter(tmp_path: Path) -> None:
    run, base = write_run(tmp_path / "a", 0.05), write_run(tmp_path / "b", seed=2)
    before = compare_runs(run, base).table
    table = pd.read_csv(base / "metrics.csv", converters={"image": str})
    table.iloc[::-1].to_csv(base / "metrics.csv", index=False)
    pd.testing.assert_frame_equal(compare_runs(run, base).table, before)


def test_other_folds_are_not_compared(tmp_path: Path) -> None:
    run, base = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    table = pd.read_csv(base / "metrics.csv", converters={"image": str, "group": str})
    table.assign(fold=table["fold"] % 3 + 1).to_csv(base / "metrics.csv", index=False)
    found = compare_runs(run, base)
    assert set(found.table["by"]) == {"image"}
    assert any("other folds, so folds are not compared" in note for note in found.notes)
    alone = compare_runs(write_run(tmp_path / "c", folds=False), run)
    assert set(alone.table["by"]) == {"image"}


def test_runs_on_other_images_are_an_error(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a")
    base = write_run(tmp_path / "b", names=NAMES[:-2])
    with pytest.raises(ConfigError, match=r"a scores images that .*b does not: 010, 011\. Compare"):
        compare_runs(run, base)
    with pytest.raises(ConfigError, match=r"a scores images that .*b does not: 010, 011\. Compare"):
        compare_runs(base, run)
    with pytest.raises(ConfigError, match=r"none holds no metrics\.csv\. Give the folder of a fin"):
        compare_runs(run, tmp_path / "none")
    (tmp_path / "a" / "metrics.csv").write_text("image,dice\nx,1\nx,1\n")
    with pytest.raises(ConfigError, match="not a table with one row an image"):
        compare_runs(run, base)


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    run, base = write_run(tmp_path / "a", 0.05), write_run(tmp_path / "b", seed=2)
    words = ["compare", str(run), str(base)]
    printed = CliRunner().invoke(app, words)
    assert "| image | dice |" in printed.output
    assert "Wilcoxon's signed ranks, since" in printed.output
    rows = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert rows[0]["measure"] == "dice"
    assert rows[0]["difference"] == pytest.approx(compare_runs(run, base).table["difference"][0])
    failed = CliRunner().invoke(app, ["compare", str(run), str(tmp_path)])
    assert failed.exit_code != 0
