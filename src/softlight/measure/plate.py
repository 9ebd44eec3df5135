"""Which well, condition and dose a movie is of, and the curves of each condition."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from softlight.data.names import parse_livecell_name
from softlight.measure.dose_units import in_one_unit
from softlight.measure.errors import MeasureError

_WELL = r"[A-P](?:0?[1-9]|1\d|2[0-4])"
_NAME = re.compile(
    rf"(?:(?P<experiment>.+?)[_ -])?(?P<well>{_WELL})(?:[_ -](?P<site>\d+))?"
    r"(?:[_ -](?P<days>\d{2})d(?P<hours>\d{2})h(?P<minutes>\d{2})m)?(?:[_ -](?P<crop>\d+))?"
)
_SUFFIXES = (".tif", ".tiff", ".png", ".ome", ".zarr", ".nd2", ".czi", ".lif")
_KEYS = ("experiment", "well")
PLATE_COLUMNS = ("well", "condition", "dose", "unit", "replicate")
_LARGEST_MAP = 2**20


@dataclass(frozen=True, slots=True)
class WellName:
    """What the name of an image or a movie says."""

    experiment: str  # what stands before the well: cell type, vessel, …
    well: str  # like B2, without a leading zero
    site: int | None
    time_h: float | None  # since the experiment began
    crop: int | None


def parse_well_name(name: str) -> WellName | None:
    """The parts of ``MCF7_Phase_H4_1_03d08h00m_4``, ``VID123_B2_1_00d04h00m`` or ``B02_3``.

    None where the name has no well of a plate of 96 or 384. The time may be missing, as in the
    name of a movie.
    """
    stem = PurePath(name).name
    while (suffix := PurePath(stem).suffix.lower()) in _SUFFIXES:
        stem = stem[: -len(suffix)]
    livecell = parse_livecell_name(stem)
    if livecell is not None:
        return WellName(
            f"{livecell.cell_type}_Phase",
            livecell.well,
            livecell.site,
            livecell.time_h,
            livecell.crop,
        )
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    time = None
    if match["days"] is not None:
        time = 24 * int(match["days"]) + int(match["hours"]) + int(match["minutes"]) / 60
    return WellName(
        match["experiment"] or "",
        well_name(match["well"]),
        None if match["site"] is None else int(match["site"]),
        time,
        None if match["crop"] is None else int(match["crop"]),
    )


def well_name(text: str) -> str:
    """The well as one letter and a number without leading zeros: ``b02`` is ``B2``."""
    well = text.strip().upper()
    if not re.fullmatch(_WELL, well):
        raise MeasureError(
            f"{text!r} is no well; wells are a letter A to P and a number 1 to 24, such as B2."
        )
    return f"{well[0]}{int(well[1:])}"


def interval_of(times_h: Iterable[float]) -> float | None:
    """Minutes between frames at these times; None for one frame or uneven times."""
    steps = np.diff(np.unique(np.asarray(list(times_h), np.float64)))
    if not len(steps) or np.ptp(steps) > 1e-6:
        return None
    return float(steps[0]) * 60


def read_plate_map(path: Path | str) -> pd.DataFrame:
    """The plate map in a CSV: one row a well, with condition, dose, unit and replicate.

    Only ``well`` and one of ``condition`` and ``dose`` are needed. Commas, semicolons and tabs
    may stand between values, and decimal commas where values are not between commas. Doses of a
    condition come in the unit of its first one. Without a column ``replicate``, wells of the same
    condition and dose are numbered. A column ``experiment`` tells plates apart: it is what stands
    before the well in the names of the movies.
    """
    path = Path(path)
    rows, decimal = _rows(path)
    table = pd.DataFrame(rows)
    if "well" not in table or not {"condition", "dose"} & set(table.columns):
        found = ", ".join(map(str, table.columns)) or "(none)"
        raise MeasureError(
            f"{path.name} has the columns {found}; a plate map needs well and condition (or dose), "
            "and may have unit, replicate and experiment."
        )
    try:
        table["well"] = [well_name(text) for text in table["well"]]
    except MeasureError as error:
        raise MeasureError(f"{path.name}: {error}") from None
    keys = [name for name in _KEYS if name in table]
    twice = table[table[keys].duplicated()]
    if len(twice):
        of = " ".join(str(twice[key].iloc[0]) for key in keys)
        raise MeasureError(f"{path.name} has well {of} twice; give each well one row.")
    for name in PLATE_COLUMNS:
        if name not in table:
            table[name] = ""
    table["dose"] = [_dose(text, decimal, path) for text in table["dose"]]
    table = in_one_unit(table, name=path.name)
    if (table["replicate"] == "").all():
        alike = [*keys[:-1], "condition", "dose"]
        table["replicate"] = (table.groupby(alike, dropna=False).cumcount() + 1).astype(str)
    extra = [name for name in table.columns if name not in PLATE_COLUMNS]
    return table[[*PLATE_COLUMNS, *extra]]


def _rows(path: Path) -> tuple[list[dict[str, str]], str]:
    """(the rows by lower-case column name, the decimal sign)."""
    try:
        if path.stat().st_size > _LARGEST_MAP:
            raise MeasureError(f"{path.name} is too large for a plate map; give the CSV of wells.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MeasureError(f"{path} does not exist; check the path of the plate map.") from None
    except (UnicodeDecodeError, OSError) as error:
        raise MeasureError(
            f"{path.name} cannot be read as text ({error}); save the plate map as CSV (UTF-8)."
        ) from None
    lines = [line for line in text.splitlines() if line.strip().strip(",;\t")]
    head = lines[0] if lines else ""
    between = max("\t;,", key=head.count)
    reader = csv.DictReader(lines, delimiter=between, restval="")
    names = [name.strip().lower() for name in reader.fieldnames or []]
    twice = [name for at, name in enumerate(names) if name and name in names[:at]]
    if twice:
        raise MeasureError(f"{path.name} has the column {twice[0]} twice; rename one of them.")
    reader.fieldnames = names
    rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in reader]
    return rows, "." if between == "," else ",."


def _dose(text: str, decimal: str, path: Path) -> float:
    if text == "":
        return np.nan
    try:
        dose = float(text.replace(",", ".") if "," in decimal else text)
    except ValueError:
        dose = np.inf
    if not np.isfinite(dose) or dose < 0:
        raise MeasureError(
            f"{path.name} has the dose {text!r}; doses are numbers from 0, their unit stands in "
            "its own column."
        )
    return dose


def wells_of(names: Sequence[str], plate: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per name: ``movie``, ``experiment``, ``well``, ``site``, ``crop``, and the plate map.

    A name without a well, or whose well is not in the map, has empty text and nan there. A further
    column of the map that is called as one of these has ``map_`` before its name.
    """
    parsed = [parse_well_name(name) for name in names]
    table = pd.DataFrame(
        {
            "movie": list(names),
            "experiment": ["" if one is None else one.experiment for one in parsed],
            "well": ["" if one is None else one.well for one in parsed],
            "site": pd.array([None if one is None else one.site for one in parsed], "Int64"),
            "crop": pd.array([None if one is None else one.crop for one in parsed], "Int64"),
        }
    )
    if plate is None:
        return table
    keys = [key for key in _KEYS if key in plate]
    further = [str(name) for name in plate.columns if name not in keys]
    plate = plate.rename(columns=unlike(further, list(table.columns)))
    joined = table.merge(plate, on=keys, how="left", validate="many_to_one")
    for name in ("condition", "unit", "replicate"):
        joined[name] = joined[name].fillna("")
    return joined


def unlike(names: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """The new name of each that is taken: with ``map_`` before it, until no other has it."""
    renamed: dict[str, str] = {}
    for name in names:
        new = name
        while new in taken or (new != name and new in names):
            new = f"map_{new}"
        if new != name:
            renamed[name] = new
    return renamed


def not_on_plate(names: Sequence[str], plate: pd.DataFrame) -> list[str]:
    """The names whose well the plate map lacks."""
    keys = [key for key in _KEYS if key in plate]
    there = set(plate[keys].itertuples(index=False, name=None))
    wells = wells_of(names)
    of = wells[keys].itertuples(index=False, name=None)
    return [str(name) for name, well in zip(wells["movie"], of, strict=True) if well not in there]
