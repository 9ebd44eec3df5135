"""Units of doses, and doses of one condition brought to one unit."""

from __future__ import annotations

import re
from decimal import Decimal

import pandas as pd

from softlight.measure.errors import MeasureError

_PREFIX = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0}
_MOLAR = re.compile(r"(?P<prefix>[fpnum]?)(?:M|mol/l)")
_LOWER = re.compile(r"(?P<prefix>[fpnum])m")  # nm for nM: no dose is a length
_MASS = re.compile(r"(?P<prefix>[fpnum]?)g/(?P<per>[um]?)l")


def scale_of(unit: str) -> tuple[str, int]:
    """(what it measures, its power of ten): ``("mol/l", -6)`` for µM; the unit itself if unknown.

    Units that measure the same can be converted into each other.
    """
    plain = re.sub(r"\s", "", unit).replace("µ", "u").replace("μ", "u").replace("L", "l")
    if (match := _MOLAR.fullmatch(plain) or _LOWER.fullmatch(plain)) is not None:
        return "mol/l", _PREFIX[match["prefix"]]
    if (match := _MASS.fullmatch(plain)) is not None:
        return "g/l", _PREFIX[match["prefix"]] - _PREFIX[match["per"]]
    return unit.strip().casefold(), 0


def in_one_unit(table: pd.DataFrame, *, name: str) -> pd.DataFrame:
    """The table with all doses of a condition in the unit of the first that is above 0.

    Args:
        table: with ``condition``, ``dose`` and ``unit``; dose 0 needs no unit.
        name: of the file, for messages.
    """
    table = table.copy()
    for condition, rows in table.groupby("condition", dropna=False):
        given = rows[rows["dose"] > 0]
        if given.empty:
            continue
        unit = str(given["unit"].iloc[0])
        measured, power = scale_of(unit)
        for at, row in given.iterrows():
            what, own = scale_of(str(row["unit"]))
            if what != measured:
                of = str(condition) or "one condition"
                raise MeasureError(
                    f"{name} gives doses of {of} in {_named(unit)} and in {_named(row['unit'])}, "
                    "which cannot be converted; give all in one unit."
                )
            table.loc[at, "dose"] = float(Decimal(repr(float(row["dose"]))).scaleb(own - power))
        table.loc[rows.index[rows["dose"].notna()], "unit"] = unit
    return table


def _named(unit: object) -> str:
    return repr(unit) if unit else "no unit"
