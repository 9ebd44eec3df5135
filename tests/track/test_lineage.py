import numpy as np
import pandas as pd
import pytest

from softlight.track.lineage import (
    build_lineage,
    cell_cycles,
    division_table,
    families_newick,
    newick,
    tree_layout,
)
from softlight.track.settings import TrackError


def _tracks(*rows: tuple[int, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["track_id", "parent_id", "first_frame", "last_frame"])


#      1 (0-9) -> 2 (10-14) -> 4 (15-29), 5 (15-20);   1 -> 3 (10-29);   6 alone (3-3)
FAMILY = _tracks((1, 0, 0, 9), (2, 1, 10, 14), (3, 1, 10, 29), (4, 2, 15, 29), (5, 2, 15, 20))
FAMILY = pd.concat([FAMILY, _tracks((6, 0, 3, 3))], ignore_index=True)


def test_generations_and_families() -> None:
    lineage = build_lineage(FAMILY.sample(frac=1, random_state=0))
    assert lineage.roots == (1, 6)
    assert {n: c.generation for n, c in lineage.cells.items()} == dict(
        zip([1, 2, 3, 4, 5, 6], [0, 1, 1, 2, 2, 0], strict=True)
    )
    assert [cell.track_id for cell in lineage.family(1)] == [1, 2, 4, 5, 3]
    assert lineage[1].children == (2, 3)
    assert lineage[5].root_id == 1
    assert not lineage[3].divides


def test_divisions_in_order_of_time() -> None:
    table = division_table(build_lineage(FAMILY), frame_interval_min=30)
    assert table[["mother_id", "daughter_1_id", "daughter_2_id", "frame"]].to_numpy().tolist() == [
        [1, 2, 3, 9],
        [2, 4, 5, 14],
    ]
    assert table["time_min"].tolist() == [270, 420]
    assert division_table(build_lineage(FAMILY))["time_min"].isna().all()


def test_a_cycle_is_from_birth_to_division() -> None:
    table = cell_cycles(build_lineage(FAMILY), frame_interval_min=30).set_index("track_id")
    assert table["cycle_frames"].dropna().to_dict() == {2: 5.0}  # between frames 9 and 14
    assert table.loc[2, "cycle_h"] == 2.5
    assert table.loc[[1, 3, 4, 6], "at_least_frames"].tolist() == [10, 20, 15, 1]
    assert table.loc[[1, 2], "born"].tolist() == [False, True]


def test_a_mother_is_drawn_between_her_daughters() -> None:
    table = tree_layout(build_lineage(FAMILY)).set_index("track_id")
    assert table["place"].to_dict() == {4: 0, 5: 1, 2: 0.5, 3: 2, 1: 1.25, 6: 3}
    assert table.loc[4, ["parent_place", "parent_last_frame"]].tolist() == [0.5, 14]
    assert np.isnan(table.loc[1, "parent_place"])
    assert 6 not in tree_layout(build_lineage(FAMILY), families_only=True)["track_id"].to_numpy()


def test_newick() -> None:
    assert newick(build_lineage(FAMILY), 1) == "((4:15,5:6)2:5,3:20)1:10;"
    # the cell without daughters is no tree
    assert families_newick(build_lineage(FAMILY)) == ["((4:15,5:6)2:5,3:20)1:10;"]


def test_a_long_line_of_cells_is_no_recursion() -> None:
    rows = [(n, n - 1, 2 * n, 2 * n + 1) for n in range(1, 5001)]
    lineage = build_lineage(_tracks(*rows))
    assert lineage[5000].generation == 4999
    assert len(tree_layout(lineage)) == 5000
    assert newick(lineage, 1).count("(") == 4999


def test_no_track_is_an_empty_forest() -> None:
    lineage = build_lineage(_tracks())
    assert lineage.roots == ()
    for table in (division_table(lineage), cell_cycles(lineage), tree_layout(lineage)):
        assert table.empty


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        (_tracks((1, 2, 0, 1)), "names 2 as its mother, which is no track"),
        (_tracks((1, 0, 0, 5), (2, 1, 5, 9)), "before its mother 1 has ended"),
        (_tracks((1, 2, 3, 4), (2, 1, 5, 6)), "before its mother 2 has ended"),
        (_tracks((1, 0, 0, 1), (1, 0, 2, 3)), "number of its own"),
        (FAMILY.drop(columns="parent_id"), "no column parent_id"),
    ],
)
def test_what_is_no_forest_is_one_sentence(tracks: pd.DataFrame, words: str) -> None:
    with pytest.raises(TrackError, match=words):
        build_lineage(tracks)


def test_an_unknown_track() -> None:
    with pytest.raises(TrackError, match="no track 77"):
        build_lineage(FAMILY)[77]
