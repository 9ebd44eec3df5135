"""Lengths and times as files write them, in the units that the project uses."""

from __future__ import annotations

import math

_UM_PER = {
    "m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "micrometre": 1.0, "nm": 1e-3, "nanometer": 1e-3, "å": 1e-4, "pm": 1e-6,
    "in": 25400.0, "inch": 25400.0, "millimeter": 1e3, "centimeter": 1e4,
}  # fmt: skip
_MIN_PER = {
    "ms": 1 / 60000, "msec": 1 / 60000, "millisecond": 1 / 60000, "s": 1 / 60, "sec": 1 / 60,
    "second": 1 / 60, "seconds": 1 / 60, "min": 1.0, "minute": 1.0, "minutes": 1.0, "h": 60.0,
    "hr": 60.0, "hour": 60.0, "hours": 60.0, "d": 1440.0, "day": 1440.0, "days": 1440.0,
    "µs": 1 / 6e7, "μs": 1 / 6e7, "us": 1 / 6e7, "microsecond": 1 / 6e7,
}  # fmt: skip


def micrometres(value: float, unit: str) -> float | None:
    """The length in µm, or None where the unit or the value says nothing."""
    factor = _UM_PER.get(unit.strip().lower())
    return value * factor if factor and math.isfinite(value) and value > 0 else None


def minutes(value: float, unit: str) -> float | None:
    """The time in minutes, or None where the unit or the value says nothing."""
    factor = _MIN_PER.get(unit.strip().lower())
    return value * factor if factor and math.isfinite(value) and value > 0 else None
