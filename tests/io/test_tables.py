import numpy as np
import pandas as pd
import pytest

from softlight.io.tables import TableError, join_tables, read_parquet, write_parquet

ONE = pd.DataFrame({"frame": [0, 1], "area_px": [3.5, np.nan], "note": ["a,b", 'say "x"']})
TWO = pd.DataFrame({"frame": [5], "area_um2": [0.25]})


def test_round_trip(tmp_path):
    write_parquet(tmp_path / "new" / "a.parquet", ONE)
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "new" / "a.parquet"), ONE)
    empty = ONE.iloc[:0]
    write_parquet(tmp_path / "b.parquet", empty)
    assert read_parquet(tmp_path / "b.parquet").dtypes.equals(ONE.dtypes)


def test_a_damaged_table_is_one_error(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(TableError, match=r"a.parquet is damaged or not a Parquet table"):
        read_parquet(tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"parquet is damaged or gone; make it again"):
        join_tables(tmp_path / "all", [("a", tmp_path / "a.parquet")], with_movie=False)


def test_tables_are_joined_with_the_movie_first(tmp_path):
    parts = []
    for name, table in (("A1", ONE), ("B2", TWO), ("C3", ONE.iloc[:0])):
        write_parquet(tmp_path / f"{name}.parquet", table)
        parts.append((name, tmp_path / f"{name}.parquet"))
    join_tables(tmp_path / "objects", parts, with_movie=True)
    expected = pd.concat([ONE.assign(movie="A1"), TWO.assign(movie="B2")], ignore_index=True)
    expected = expected[["movie", "frame", "area_px", "note", "area_um2"]]
    for found in (
        pd.read_csv(tmp_path / "objects.csv"),
        pd.read_parquet(tmp_path / "objects.parquet"),
    ):
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    join_tables(tmp_path / "one", parts[:1], with_movie=False)
    assert list(pd.read_csv(tmp_path / "one.csv")) == ["frame", "area_px", "note"]


def test_numbers_are_whole_again_in_csv(tmp_path):
    table = pd.DataFrame({"x": np.random.default_rng(0).random(50)})
    write_parquet(tmp_path / "x.parquet", table)
    join_tables(tmp_path / "y", [("x", tmp_path / "x.parquet")], with_movie=False)
    assert (pd.read_csv(tmp_path / "y.csv")["x"] == table["x"]).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.parquet", "y.csv", "y.parquet"]


def test_whole_and_broken_numbers_join(tmp_path):
    for name, values in (("a", [1, 2]), ("b", [0.5])):
        write_parquet(tmp_path / f"{name}.parquet", pd.DataFrame({"x": values}))
    parts = [(name, tmp_path / f"{name}.parquet") for name in "ab"]
    join_tables(tmp_path / "y", parts, with_movie=False)
    assert pd.read_csv(tmp_path / "y.csv")["x"].tolist() == [1, 2, 0.5]
