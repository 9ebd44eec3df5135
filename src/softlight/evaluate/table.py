"""Scores of many images: one row an image, their mean and spread, and how they are written.

Undefined scores are nan in the tables, null in JSON, empty in CSV; means leave them out and say
how many were left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.io.files import replacing
from softlight.io.strict_json import plain

ALL = "all"  # the group that holds every image
_STATISTICS = ("mean", "sd", "median", "minimum", "maximum")


class TableError(ValueError):
    """The scores cannot be put into a table or summarised."""


def per_image_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row an image, in the order given; what a row does not say is nan, or empty for text.

    Columns come in the order in which they are first seen, those of text or keys before scores.
    """
    if not rows:
        raise TableError("No image was scored; give at least one row.")
    names = dict.fromkeys(name for row in rows for name in row)
    table = pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})
    scores = [name for name in table.columns if _is_score(table[name])]
    others = [name for name in table.columns if name not in scores]
    table = table[others + scores]
    for name in scores:
        table[name] = table[name].astype(float)
    return table


def summarize(table: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """Mean, spread and range of each score, over all images and, with ``by``, per group before.

    One row for each group and score: ``group, measure, mean, sd, median, minimum, maximum, n,
    undefined``. ``sd`` is the sample standard deviation (n - 1), nan for one image. ``n`` is the
    number of images with a defined score and ``undefined`` that of the others.
    """
    groups: list[tuple[str, pd.DataFrame]] = []
    if by is not None:
        if by not in table.columns:
            raise TableError(
                f"There is no column {by!r} to group by; the table has {', '.join(table.columns)}."
            )
        names = table[by].fillna("unknown").astype(str)
        groups = [(str(name), part) for name, part in table.groupby(names, sort=True)]
    groups.append((ALL, table))
    measures = [name for name in table.columns if name != by and _is_score(table[name])]
    return pd.DataFrame(
        [
            {"group": group, "measure": measure} | _describe(part[measure])
            for group, part in groups
            for measure in measures
        ],
        columns=["group", "measure", *_STATISTICS, "n", "undefined"],
    )


def _column(values: Sequence[Any]) -> pd.Series[Any]:
    """The values as a column; text stays as it is, since Arrow refuses names that are not UTF-8."""
    column = pd.Series(values, dtype=object)
    return column if any(isinstance(value, str) for value in values) else column.infer_objects()


def _is_score(column: pd.Series[Any]) -> bool:
    """Whether a column holds numbers to average: floats. Counts, flags and names are keys."""
    return bool(pd.api.types.is_float_dtype(column))


def _describe(column: pd.Series[float]) -> dict[str, float | int]:
    values = column.to_numpy(dtype=float)
    defined = values[np.isfinite(values)]
    n = len(defined)
    nan = float("nan")
    return {
        "mean": float(defined.mean()) if n else nan,
        "sd": float(defined.std(ddof=1)) if n > 1 else nan,
        "median": float(np.median(defined)) if n else nan,
        "minimum": float(defined.min()) if n else nan,
        "maximum": float(defined.max()) if n else nan,
        "n": n,
        "undefined": len(values) - n,
    }


def format_summary(
    summary: pd.DataFrame, *, measures: Sequence[str] | None = None, digits: int = 3
) -> pd.DataFrame:
    """The summary to read: one row a group, one column a score, cells as "0.931 ± 0.012".

    The column ``images`` is the number of rows of the group; a score that fewer images have says
    so in its cell: "0.931 ± 0.012 (n = 3)".
    """
    chosen = list(measures) if measures is not None else list(dict.fromkeys(summary["measure"]))
    unknown = sorted(set(chosen) - set(summary["measure"]))
    if unknown:
        raise TableError(
            f"There is no score {', '.join(unknown)}; there are "
            f"{', '.join(dict.fromkeys(summary['measure']))}."
        )
    rows = []
    for group, part in summary.groupby("group", sort=False):
        images = int((part["n"] + part["undefined"]).max())
        row: dict[str, str | int] = {"group": str(group), "images": images}
        for measure, mean, sd, n in zip(
            part["measure"], part["mean"], part["sd"], part["n"], strict=True
        ):
            text = f"{mean:.{digits}f}" + (f" ± {sd:.{digits}f}" if n > 1 else "")
            row[measure] = text if n in (0, images) else f"{text} (n = {n})"
        rows.append(row)
    return pd.DataFrame(rows, columns=["group", "images", *chosen])


def markdown_table(table: pd.DataFrame, *, digits: int = 3) -> str:
    """The table in Markdown, numbers to the right and rounded; nan stays "nan"."""
    numeric = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    cells = [[_cell(value, digits) for value in row] for row in table.itertuples(index=False)]
    lines = [
        [_cell(name, digits) for name in table.columns],
        ["---:" if is_number else "---" for is_number in numeric],
        *cells,
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: object, digits: int) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}f}"
    if value is None or value is pd.NA:
        return ""
    return " ".join(str(value).split()).replace("|", "\\|")


def write_metrics(
    path: Path | str,
    table: pd.DataFrame,
    *,
    by: str | None = None,
    about: Mapping[str, Any] | None = None,
    pooled: pd.DataFrame | None = None,
) -> tuple[Path, Path]:
    """The paths of a JSON and a CSV file with the scores, written whole or not at all.

    Args:
        path: A folder, for ``metrics.json`` and ``metrics.csv`` in it, or the name of the JSON
            file; the CSV file lies beside it.
        table: One row an image.
        by: The column to group the summary by.
        about: What made these scores (version, model, data, settings); goes into the JSON file.
        pooled: Scores of many images at once, one row a group; go into the JSON file.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        path = path.with_suffix(".json")
    if path.suffix.lower() != ".json":
        path = path / "metrics.json"
    content: dict[str, Any] = {
        "about": dict(about or {}),
        "summary": summarize(table, by).to_dict(orient="records"),
        "images": table.to_dict(orient="records"),
    }
    if pooled is not None:
        content["pooled"] = pooled.to_dict(orient="records")
    with replacing(path) as temporary:
        text = json.dumps(
            plain(content), indent=2, ensure_ascii=False, allow_nan=False, default=str
        )
        temporary.write_bytes(f"{text}\n".encode(errors="backslashreplace"))
    csv_path = path.with_suffix(".csv")
    with replacing(csv_path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", errors="backslashreplace")
    return path, csv_path
