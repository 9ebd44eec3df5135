"""The folder that an analysis writes: masks, tables and what was said of each movie."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.io.exchange.checks import ready
from softlight.io.exchange.facts import checked_facts
from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.exchange.tables import FACTS, read_facts, read_table
from softlight.io.folder import natural_key
from softlight.io.labels import open_label_movie
from softlight.io.tables import MOVIE
from softlight.io.zarr_metadata import read_json

CLAIM = "analysis.json"  # what a run was begun with; it is there before anything else


def is_run_folder(path: Path) -> bool:
    """Whether the folder has the layout of a run: masks in labels/, or a table of cells."""
    files = ("objects.csv", "objects.parquet", CLAIM)
    return path.is_dir() and (
        any((path / name).is_file() for name in files) or bool(_mask_files(path))
    )


def _mask_files(path: Path) -> list[Path]:
    files = (path / "labels").glob("*.tif") if (path / "labels").is_dir() else ()
    return sorted((file for file in files if not file.name.startswith(".")), key=natural_key)


def movies_of_run(path: Path | str) -> list[str]:
    """The names of the movies in a run folder, in order."""
    path = Path(path)
    names = [file.stem for file in _mask_files(path)]
    if names:
        return names
    objects = read_table(path, "objects")
    if objects is None and (path / CLAIM).is_file():
        raise ExchangeError(
            f"No position of {path} is finished, so that there is nothing to hand over; "
            "positions.csv there says why, and softlight analyze --resume tries again."
        )
    if objects is None:
        raise ExchangeError(
            f"{path} is no run folder: it has neither labels/NAME.tif nor objects.csv."
        )
    if MOVIE in objects:
        return [str(name) for name in objects[MOVIE].unique()]
    return [str(read_facts(path).get("name") or path.name)]


def read_run(path: Path | str, *, movie: str | None = None) -> TrackedMovie:
    """One movie of a run folder; ``movie`` names it where there are several."""
    path = Path(path)
    names = movies_of_run(path)
    if movie is None and len(names) > 1:
        raise ExchangeError(
            f"{path.name} holds {len(names)} movies; name one of {', '.join(names[:8])}."
        )
    name = names[0] if movie is None else movie
    if name not in names:
        raise ExchangeError(f"{path.name} has no movie {name!r}; it has {', '.join(names[:8])}.")
    objects, tracks = (_table(path, what, name, len(names)) for what in ("objects", "tracks"))
    masks = path / "labels" / f"{name}.tif"
    facts = _facts(path, name, objects)
    return ready(
        TrackedMovie(
            name=name,
            labels=open_label_movie(masks) if masks.is_file() else None,
            objects=objects,
            tracks=tracks if objects is not None else None,
            pixel_size_um=facts.get("pixel_size_um"),
            frame_interval_min=facts.get("frame_interval_min"),
            shape=facts.get("shape"),
        )
    )


def _table(path: Path, what: str, name: str, movies: int) -> pd.DataFrame | None:
    """The rows of one movie: from the table of its own, else out of the one of all movies."""
    own = read_table(path / "positions" / name, what)
    table = read_table(path, what) if own is None else own
    if table is None:
        return None
    if MOVIE not in table:
        if movies > 1 and own is None:
            raise ExchangeError(
                f"{path.name} holds several movies, but its tables have no column movie."
            )
        return table
    return table[table[MOVIE].astype(str) == name].drop(columns=MOVIE).reset_index(drop=True)


def _facts(path: Path, name: str, objects: pd.DataFrame | None) -> dict[str, Any]:
    """Pixel size and interval: what the run says of this movie, else what its tables show."""
    run = read_json(path / "run.json", path.name)
    files = run.get("files")
    entries = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    entry = next((item for item in entries if _stem(item.get("labels")) == name), {})
    given = run.get("reading")
    given = given if isinstance(given, dict) else {}
    said = {
        "pixel_size_um": entry.get("pixel_size_um") or given.get("pixel_size_um"),
        "frame_interval_min": entry.get("frame_interval_min") or given.get("interval_min"),
    }
    if run.get("name") == name:  # a run of one movie says it at the top, as `softlight track` does
        said = {what: value or run.get(what) for what, value in said.items()}
    shown = _shown(read_table(path, "frames"), entry) | _measured(objects)
    own = checked_facts(read_json(path / FACTS, path.name), path.name)
    return shown | checked_facts(said, path.name) | (own if own.get("name") == name else {})


def _stem(path: object) -> str | None:
    return (
        path.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
        if isinstance(path, str)
        else None
    )


def _shown(frames: pd.DataFrame | None, entry: dict[str, Any]) -> dict[str, float]:
    """Pixel size and interval as the table of frames shows them."""
    source = entry.get("source")
    if frames is None or "file" not in frames or not isinstance(source, str):
        return {}
    base = source.replace("\\", "/").rpartition("/")[2]
    rows = frames[frames["file"].isin([source, base])]
    found = {}
    if {"median_area_um2", "median_area_px"} <= set(rows):
        area = (rows["median_area_um2"] / rows["median_area_px"]).median()
        if area > 0:
            found["pixel_size_um"] = round(math.sqrt(area), 9)
    return found | _interval(rows)


def _interval(rows: pd.DataFrame) -> dict[str, float]:
    if not {"time_min", "frame"} <= set(rows):
        return {}
    times = rows[["frame", "time_min"]].dropna().drop_duplicates()
    late = times[times["frame"] > 0]
    if late.empty:
        return {}
    step = float((late["time_min"] / late["frame"]).median())
    return {"frame_interval_min": round(step, 9)} if step > 0 else {}


def _measured(objects: pd.DataFrame | None) -> dict[str, float]:
    """Pixel size and interval as the table of cells shows them."""
    if objects is None or not len(objects):
        return {}
    found = _interval(objects)
    if {"x_um", "x_px"} <= set(objects):
        ratio = np.asarray(objects["x_um"] / objects["x_px"].where(objects["x_px"] > 0))
        if np.isfinite(ratio).any() and np.nanmedian(ratio) > 0:
            found["pixel_size_um"] = round(float(np.nanmedian(ratio)), 9)
    return found
