"""The gentlest setting whose errors stay under what is tolerated, on the careful side."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from softlight.recipes.plan.settings import Setting, Tolerances


def judge(table: pd.DataFrame, tolerances: Tolerances, *, photons_now: float) -> pd.DataFrame:
    """The table with ``light``, ``pixels``, ``holds`` and ``allowed``.

    A setting holds if the upper end of every judged error's interval is tolerated. It is allowed if
    it holds and every setting that was tried and is nowhere gentler holds too: one that passes
    where a better one fails has passed by chance.

    Args:
        table: a row a setting, with its errors and their intervals.
        tolerances: what is tolerated.
        photons_now: of the images as they are.
    """
    settings = [setting_of(row) for row in table.to_dict("records")]
    judged = tolerances.judged()
    holds = [
        all(_under(row[f"{name}_high"], limit) for name, limit in judged.items())
        for row in table.to_dict("records")
    ]
    allowed = [
        all(held for other, held in zip(settings, holds, strict=True) if other.at_least(one))
        for one in settings
    ]
    return table.assign(
        light=[setting.light(photons_now) for setting in settings],
        pixels=[setting.factor**2 for setting in settings],
        holds=holds,
        allowed=allowed,
    )


def by_gentleness(table: pd.DataFrame, *, photons_now: float) -> list[Setting]:
    """The allowed settings, the gentlest first: by light on the cells, then by pixels."""
    rows = table[table["allowed"]].to_dict("records")
    return sorted(
        map(setting_of, rows), key=lambda setting: (setting.dose(photons_now), setting.factor)
    )


def failing(table: pd.DataFrame, setting: Setting, tolerances: Tolerances) -> list[str]:
    """The names of the errors that are not tolerated at this setting."""
    row = table[(table["factor"] == setting.factor) & (table["photons"] == setting.photons)].iloc[0]
    return [
        name
        for name, limit in tolerances.judged().items()
        if not _under(float(row[f"{name}_high"]), limit)
    ]


def setting_of(row: Mapping[Hashable, Any]) -> Setting:
    """The setting of a row of the table."""
    return Setting(float(row["factor"]), float(row["photons"]))


def _under(high: float, limit: float) -> bool:
    return math.isfinite(high) and high <= limit
