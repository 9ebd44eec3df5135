"""Tables of cells and tracks, as CSV or Parquet, with the masks beside them.

This is the layout of a run folder too: ``labels/NAME.tif``, ``objects``, ``tracks``. What the
tables do not say, the size of a pixel and the interval, is in ``movie.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from softlight.io.errors import reading
from softlight.io.exchange.checks import checked_frames, ready
from softlight.io.exchange.facts import checked_facts, facts_of
from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.files import replacing
from softlight.io.labels import label_writer, open_label_movie
from softlight.io.tables import read_parquet
from softlight.io.tables import write_parquet as write_table
from softlight.io.zarr_metadata import read_json

FACTS = "movie.json"
_MAX_TABLE_BYTES = 8 << 30


def write_csv(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write ``objects.csv``, ``tracks.csv``, the masks and ``movie.json`` into a folder."""
    return _write(Path(path), tracked, ".csv", _to_csv)


def write_parquet(path: Path | str, tracked: TrackedMovie) -> tuple[str, ...]:
    """Write ``objects.parquet``, ``tracks.parquet``, the masks and ``movie.json`` into a folder."""
    return _write(Path(path), tracked, ".parquet", write_table)


def _to_csv(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def _write(
    path: Path, tracked: TrackedMovie, suffix: str, write: Callable[[Path, pd.DataFrame], None]
) -> tuple[str, ...]:
    tracked = ready(tracked)
    path.mkdir(parents=True, exist_ok=True)
    for name, table in (("objects", tracked.objects), ("tracks", tracked.tracks)):
        if table is not None:
            write(path / f"{name}{suffix}", table)
    if tracked.labels is not None:
        with label_writer(path / "labels" / f"{tracked.name}.tif") as add:
            for _, labels, _ in checked_frames(tracked):
                add(labels)
    with replacing(path / FACTS) as temporary:
        temporary.write_text(json.dumps(facts_of(tracked), indent=2), encoding="utf-8")
    return ()


def read_table(folder: Path, name: str) -> pd.DataFrame | None:
    """The table ``name.parquet`` or ``name.csv`` of a folder; None where there is none."""
    for suffix in (".parquet", ".csv"):
        path = folder / f"{name}{suffix}"
        if not path.is_file():
            continue
        with reading(path, "table"):
            size = path.stat().st_size
            if size == 0:
                raise ExchangeError(f"{path.name} is empty (0 bytes); copy it again.")
            if size > _MAX_TABLE_BYTES:
                raise ExchangeError(f"{path.name} has {size / 1e9:.0f} GB; split it by movie.")
            return read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
    return None


def read_tables(path: Path | str) -> TrackedMovie:
    """The one movie of a folder of tables and masks, as written by ``write_csv``."""
    path = Path(path)
    facts = read_facts(path)
    name = str(facts.get("name") or path.name)
    objects, tracks = read_table(path, "objects"), read_table(path, "tracks")
    masks = path / "labels" / f"{name}.tif"
    labels = open_label_movie(masks) if masks.is_file() else None
    if objects is None and labels is None:
        raise ExchangeError(f"{path} has neither objects.csv nor labels/{name}.tif.")
    return ready(
        TrackedMovie(
            name=name,
            labels=labels,
            objects=objects,
            tracks=tracks,
            pixel_size_um=facts.get("pixel_size_um"),
            frame_interval_min=facts.get("frame_interval_min"),
            shape=facts.get("shape"),
        )
    )


def read_facts(path: Path) -> dict[str, Any]:
    """What ``movie.json`` says of a movie, each value checked; empty where there is none."""
    return checked_facts(read_json(path / FACTS, path.name), path.name)
