import numpy as np
import pandas as pd
import pytest
from tests.evaluate.test_tracking import DIVISION, ONE, frames, late_division, strip
from tests.tracking_cases import perturbed, synthetic

from softlight.evaluate.aogm import WEIGHTS
from softlight.evaluate.tracking import compare_tracking, scores
from softlight.evaluate.tracking_errors import COLUMNS, OPERATION, list_errors


@pytest.mark.parametrize("seed", range(6))
def test_each_operation_is_a_row_and_costs_add_up(seed: int) -> None:
    truth = synthetic(seed)
    comparison = compare_tracking(truth, perturbed(truth, "mixed", seed=seed, faults=16))
    errors, found = list_errors(comparison), scores(comparison)
    number = errors["kind"].map(dict(OPERATION)).value_counts()
    assert {name: number.get(name, 0) for name in WEIGHTS} == {n: found[n] for n in WEIGHTS}
    cells, links = len(comparison.graphs.truth.frame), len(comparison.graphs.truth.edges()[0])
    assert found["TRA"] == pytest.approx(1 - errors["cost"].sum() / (10 * cells + 1.5 * links))


def test_a_perfect_result_has_no_rows() -> None:
    errors = list_errors(compare_tracking(DIVISION, DIVISION))
    assert errors.empty
    assert tuple(errors.columns) == COLUMNS


def rows(errors: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in errors[list(columns)].itertuples(index=False)]


def test_where_a_cell_was_missed_and_another_made_up() -> None:
    beside = frames([(4, 0, 2, 0)], *[strip((4, 30, 6))] * 3)
    errors = list_errors(compare_tracking(ONE, beside))
    first = errors[errors["frame"] == 0]
    assert rows(first, "kind", "truth_label", "predicted_label", "y_px", "x_px", "cost") == [
        ("added", 0, 4, 4.5, 32.5, 1.0),
        ("missed", 1, 0, 4.5, 13.5, 10.0),
    ]


def test_halves_are_split_and_a_lone_piece_is_added() -> None:
    halves = strip((1, 10, 4), (2, 14, 4))
    errors = list_errors(
        compare_tracking(
            frames([(1, 0, 0, 0)], ONE.labels[0]), frames([(1, 0, 0, 0), (2, 0, 0, 0)], halves)
        )
    )
    assert sorted(errors["kind"]) == ["missed", "split", "split"]
    piece = frames([(1, 0, 0, 0)], strip((1, 10, 4)))
    errors = list_errors(compare_tracking(frames([(1, 0, 0, 0)], ONE.labels[0]), piece))
    assert sorted(errors["kind"]) == ["added", "missed"]


def test_the_smaller_of_merged_cells_is_listed() -> None:
    two = strip((1, 2, 5), (2, 9, 8))
    truth = frames([(1, 0, 0, 0), (2, 0, 0, 0)], two)
    merged = frames([(3, 0, 0, 0)], np.where(two > 0, 3, 0))
    errors = list_errors(compare_tracking(truth, merged))
    assert rows(errors, "kind", "truth_label", "predicted_label", "cost") == [("merged", 1, 3, 5)]


def test_links_say_where_they_come_from() -> None:
    errors = list_errors(
        compare_tracking(
            ONE,
            frames([(1, 0, 1, 0), (2, 2, 2, 0)], ONE.labels[0], ONE.labels[1], 2 * ONE.labels[2]),
        )
    )
    assert rows(errors, "kind", "frame", "truth_label", "predicted_label", "from_frame") == [
        ("edge missing", 2, 1, 2, 1)
    ]
    errors = list_errors(compare_tracking(DIVISION, late_division()))
    kinds = errors["kind"].value_counts().to_dict()
    assert kinds == {"merged": 1, "edge missing": 4}
    swapped = frames(
        [(1, 0, 1, 0), (2, 0, 1, 0)], strip((1, 2, 5), (2, 9, 5)), strip((2, 2, 5), (1, 9, 5))
    )
    straight = frames([(1, 0, 1, 0), (2, 0, 1, 0)], *[strip((1, 2, 5), (2, 9, 5))] * 2)
    errors = list_errors(compare_tracking(straight, swapped))
    added = errors[errors["kind"] == "edge added"]
    assert rows(added, "frame", "predicted_label", "from_frame", "from_label", "from_x_px") == [
        (1, 1, 0, 1, 4.0),
        (1, 2, 0, 2, 11.0),
    ]
