import math

import numpy as np
import pandas as pd
import pytest

from softlight.evaluate.classes import (
    across_folds,
    class_scores,
    confusion_table,
    counted_together,
    in_percent,
    read_confusion,
    write_confusion,
)
from softlight.evaluate.pixel import ScoreError

BLOOD = ("background", "cytoplasm", "cell nucleus")
COUNTS = np.array([[50, 2, 0], [3, 20, 5], [0, 4, 16]])


def test_scores_by_hand() -> None:
    table = class_scores(COUNTS, BLOOD).set_index("class")
    assert list(table.index) == ["mean", "background", "cytoplasm", "cell_nucleus"]
    assert table["iou"].tolist()[1:] == pytest.approx([50 / 55, 20 / 34, 16 / 25])
    assert table["dice"].tolist()[1:] == pytest.approx([100 / 105, 40 / 54, 32 / 41])
    assert table.loc["cytoplasm", "precision"] == pytest.approx(20 / 26)
    assert table.loc["cytoplasm", "recall"] == pytest.approx(20 / 28)
    assert table.loc["mean", "iou"] == pytest.approx((50 / 55 + 20 / 34 + 16 / 25) / 3)
    assert table["pixels_true"].tolist() == [100, 52, 28, 20]
    assert table["pixels_predicted"].tolist() == [100, 53, 26, 21]


def test_a_class_that_nowhere_is_has_no_score() -> None:
    table = class_scores(np.array([[9, 1, 0], [0, 5, 0], [0, 0, 0]]), BLOOD).set_index("class")
    assert math.isnan(table.loc["cell_nucleus", "iou"])
    assert table.loc["mean", "iou"] == pytest.approx((9 / 10 + 5 / 6) / 2)
    missed = class_scores(np.array([[9, 0, 0], [0, 5, 0], [1, 0, 0]]), BLOOD).set_index("class")
    assert missed.loc["cell_nucleus", "iou"] == 0
    assert math.isnan(missed.loc["cell_nucleus", "precision"])


def test_images_are_counted_together() -> None:
    one = (np.array([0, 1, 1]), np.array([0, 1, 2]))
    other = (np.array([2, 2]), np.array([2, 0]))
    counts = counted_together([one, other], classes=3)
    assert counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 1]]
    assert counted_together([], classes=2).tolist() == [[0, 0], [0, 0]]


def test_mean_and_spread_over_folds() -> None:
    other = np.array([[50, 0, 0], [0, 20, 0], [0, 10, 10]])
    folds = [class_scores(c, BLOOD).assign(fold=n) for n, c in enumerate((COUNTS, other), 1)]
    table = across_folds(pd.concat(folds)).set_index("class")
    assert list(table.index) == ["mean", "background", "cytoplasm", "cell_nucleus"]
    nucleus = [16 / 25, 10 / 20]
    assert table.loc["cell_nucleus", "iou"] == pytest.approx(np.mean(nucleus))
    assert table.loc["cell_nucleus", "iou_sd"] == pytest.approx(np.std(nucleus, ddof=1))
    assert table["folds"].tolist() == [2, 2, 2, 2]
    shown = in_percent(table.reset_index())
    assert shown.loc[3, "iou (%)"] == "57.00 ± 9.90"
    assert in_percent(class_scores(COUNTS, BLOOD)).loc[3, "iou (%)"] == "64.00"


def test_a_confusion_table_is_read_as_it_was_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "confusion.csv"
    write_confusion(path, COUNTS, BLOOD)
    counts, names = read_confusion(path)
    np.testing.assert_array_equal(counts, COUNTS)
    assert names == ("background", "cytoplasm", "cell_nucleus")
    assert confusion_table(COUNTS, BLOOD)["true"].tolist() == list(names)
    path.write_text("true,a,b\na,1,2\nc,3,4\n")
    with pytest.raises(ScoreError, match=r"confusion\.csv is not a table of pixels"):
        read_confusion(path)


def test_counts_must_fit_the_classes() -> None:
    with pytest.raises(ScoreError, match="counts are 3 x 3 for 2 classes"):
        class_scores(COUNTS, ("background", "cell"))
