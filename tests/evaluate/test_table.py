"""Tables of scores against arithmetic by hand."""

import json
import math
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from softlight.evaluate.table import (
    TableError,
    format_summary,
    markdown_table,
    per_image_table,
    summarize,
    write_metrics,
)

ROWS = [
    {"image": "a", "cell_type": "MCF7", "dice": 0.5, "cells": 3},
    {"image": "b", "cell_type": "MCF7", "dice": 0.9, "cells": 5},
    {"image": "c", "cell_type": "A172", "dice": float("nan"), "cells": 0, "iou": 0.25},
    {"image": "d", "cell_type": "A172", "dice": 0.7, "cells": 9},
]


def _row(summary: pd.DataFrame, group: str, measure: str) -> pd.Series:
    (found,) = [r for _, r in summary.iterrows() if (r["group"], r["measure"]) == (group, measure)]
    return found


def test_names_come_before_scores_and_gaps_are_nan() -> None:
    table = per_image_table(ROWS)
    assert list(table.columns) == ["image", "cell_type", "cells", "dice", "iou"]
    assert table["image"].tolist() == ["a", "b", "c", "d"]
    assert table["iou"].isna().tolist() == [True, True, False, True]


def test_mean_and_sample_sd_leave_undefined_out_and_count_it() -> None:
    row = _row(summarize(per_image_table(ROWS)), "all", "dice")
    assert row["mean"] == pytest.approx(0.7)
    assert row["sd"] == pytest.approx(statistics.stdev([0.5, 0.9, 0.7]))
    assert (row["n"], row["undefined"]) == (3, 1)
    assert (row["median"], row["minimum"], row["maximum"]) == (0.7, 0.5, 0.9)


def test_groups_are_summarised_before_all() -> None:
    summary = summarize(per_image_table(ROWS), by="cell_type")
    assert list(dict.fromkeys(summary["group"])) == ["A172", "MCF7", "all"]
    assert _row(summary, "MCF7", "dice")["mean"] == pytest.approx(0.7)
    one = _row(summary, "A172", "dice")
    assert one["mean"] == 0.7
    assert math.isnan(one["sd"])
    assert "cells" not in set(summary["measure"])  # counts are not scores


def test_a_group_without_a_defined_score_is_nan() -> None:
    row = _row(summarize(per_image_table(ROWS), by="cell_type"), "MCF7", "iou")
    assert math.isnan(row["mean"])
    assert (row["n"], row["undefined"]) == (0, 2)


def test_images_without_a_group_are_called_unknown() -> None:
    summary = summarize(per_image_table([*ROWS, {"image": "e", "dice": 0.1}]), by="cell_type")
    assert _row(summary, "unknown", "dice")["mean"] == 0.1


def test_the_readable_summary_says_where_fewer_images_count() -> None:
    shown = format_summary(summarize(per_image_table(ROWS), by="cell_type"), digits=2)
    cells = shown.set_index("group")
    assert cells.loc["MCF7", "dice"] == "0.70 ± 0.28"
    assert cells.loc["A172", "dice"] == "0.70 (n = 1)"
    assert cells.loc["all", "dice"] == "0.70 ± 0.20 (n = 3)"
    assert cells.loc["MCF7", "iou"] == "nan"
    assert cells["images"].tolist() == [2, 2, 4]


def test_markdown_keeps_nan_and_escapes_bars() -> None:
    table = pd.DataFrame({"image": ["a|b", "c\nd"], "dice": [0.12345, np.nan], "n": [1, 20]})
    assert markdown_table(table).splitlines() == [
        "| image | dice | n |",
        "| --- | ---: | ---: |",
        "| a\\|b | 0.123 | 1 |",
        "| c d | nan | 20 |",
    ]


def test_json_is_valid_and_has_null_for_nan(tmp_path: Path) -> None:
    table = per_image_table([*ROWS, {"image": "µ\udcff", "dice": 1.0}])
    json_path, csv_path = write_metrics(
        tmp_path / "run", table, by="cell_type", about={"n": np.int64(3), "path": Path("x")}
    )
    assert json_path == tmp_path / "run" / "metrics.json"

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(json_path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert content["images"][2]["dice"] is None
    assert content["about"] == {"n": 3, "path": "x"}
    assert content["summary"][0]["group"] == "A172"
    again = pd.read_csv(csv_path)
    pd.testing.assert_series_equal(again["dice"], table["dice"])
    assert sorted(path.name for path in json_path.parent.iterdir()) == [
        "metrics.csv",
        "metrics.json",
    ]


def test_a_file_name_may_be_given(tmp_path: Path) -> None:
    paths = write_metrics(tmp_path / "scores.json", per_image_table(ROWS))
    assert [path.name for path in paths] == ["scores.json", "scores.csv"]
    assert all(path.is_file() for path in paths)


def test_no_rows_is_an_error() -> None:
    with pytest.raises(TableError, match="No image was scored"):
        per_image_table([])


def test_unknown_columns_are_named() -> None:
    table = per_image_table(ROWS)
    with pytest.raises(TableError, match="no column 'well' to group by; the table has image"):
        summarize(table, by="well")
    with pytest.raises(TableError, match="no score f1; there are dice, iou"):
        format_summary(summarize(table), measures=["f1"])
