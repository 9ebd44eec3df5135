"""Tables as CSV for people and Parquet for programs, and many of them joined to one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from softlight.io.files import replacing

MOVIE = "movie"  # the column that tells tables of several movies apart


class TableError(ValueError):
    """A table cannot be read or joined: one sentence for the user."""


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """The table as one Parquet file, whole or not at all."""
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), temporary)


def write_table(stem: Path, table: pd.DataFrame) -> None:
    """``stem.csv`` and ``stem.parquet`` of one table."""
    write_parquet(stem.with_name(f"{stem.name}.parquet"), table)
    with replacing(stem.with_name(f"{stem.name}.csv")) as temporary:
        table.to_csv(temporary, index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """The table in a Parquet file, or a TableError that names it."""
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"{path} is damaged or not a Parquet table ({' '.join(str(error).split())[:120]}); "
            "make it again."
        ) from error
    return frame


def join_tables(stem: Path, parts: Sequence[tuple[str, Path]], *, with_movie: bool) -> None:
    """``stem.csv`` and ``stem.parquet`` of all parts, one after the other, one in memory at a time.

    Columns that a part lacks are empty in its rows.

    Args:
        stem: path of the joined table without suffix.
        parts: the movie's name and its Parquet file.
        with_movie: whether a first column tells the movie.
    """
    schema = _common_schema([path for _, path in parts], with_movie=with_movie)
    with (
        replacing(stem.with_name(f"{stem.name}.parquet")) as parquet,
        replacing(stem.with_name(f"{stem.name}.csv")) as text,
    ):
        options = pa_csv.WriteOptions(quoting_style="needed")
        with (
            pq.ParquetWriter(parquet, schema) as rows,
            pa_csv.CSVWriter(text, schema, write_options=options) as lines,
        ):
            for movie, path in parts:
                table = _fitted(pq.read_table(path), movie, schema)
                rows.write_table(table)
                lines.write_table(table)


def _common_schema(paths: Sequence[Path], *, with_movie: bool) -> pa.Schema:
    """All columns of all parts, in the order of the first part that has them."""
    schemas = []
    for path in paths:
        try:
            schemas.append(pq.read_schema(path).remove_metadata())
        except (OSError, pa.ArrowException) as error:
            raise TableError(f"{path} is damaged or gone; make it again.") from error
    try:
        common = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise TableError(
            f"The tables cannot be joined ({' '.join(str(error).split())[:120]}); start the "
            "analysis again in another folder."
        ) from error
    if with_movie:
        common = common.insert(0, pa.field(MOVIE, pa.string()))
    return common


def _fitted(table: pa.Table, movie: str, schema: pa.Schema) -> pa.Table:
    """The part with every column of the whole."""
    columns = []
    for field in schema:
        if field.name == MOVIE and MOVIE not in table.column_names:
            columns.append(pa.array([movie] * len(table), pa.string()))
        elif field.name in table.column_names:
            columns.append(table[field.name].cast(field.type))
        else:
            columns.append(pa.nulls(len(table), field.type))
    return pa.table(columns, schema=schema)
