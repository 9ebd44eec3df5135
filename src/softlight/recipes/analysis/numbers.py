"""The few numbers of one movie in tables to read: how cells move, divide and are lost."""

from __future__ import annotations

import math

import pandas as pd

from softlight.measure.cycles import median_cycle
from softlight.report.blocks import Table

_MOTION = {
    "mean_speed": "mean speed, as seen",
    "corrected_mean_speed": "mean speed, localisation error taken off",
    "rms_speed": "root mean square speed of the fitted walk, S",
    "persistence": "persistence time, P",
    "localisation_sd": "localisation error along each axis, σ",
    "diffusion": "diffusion coefficient, D",
    "msd_alpha": "exponent of the mean squared displacement, α",
}
_EVENTS = {
    "division": "divisions",
    "loss": "losses: deaths, and cells that tracking lost",
}


def motion_table(motion: pd.DataFrame) -> Table:
    """The rows of the table of motion in words, each with its interval, under what is not known."""
    rows = [
        (
            _MOTION[row["measure"]],
            value_words(row["value"], row["low"], row["high"]),
            interval_words(row["low"], row["high"]),
            "" if row["unit"] == "1" else plain_unit(row["unit"]),
        )
        for row in motion.to_dict("records")
    ]
    table = pd.DataFrame(rows, columns=["motion", "value", "95 % interval", "unit"])
    caption = "All cells together; intervals are between families of cells."
    for known, words in ((False, "Not known"), (True, "With care")):
        notes = motion.loc[motion["value"].notna() == known, "note"]
        if why := "; ".join(dict.fromkeys(note for note in notes if note)):
            caption += f" {words}: {why}."
    return Table(table, caption=caption)


def events_table(
    rates: pd.DataFrame, cycles: pd.DataFrame, *, frame_interval_min: float | None
) -> Table:
    """Divisions and losses per cell and time, and the time from birth to division."""
    per = next(str(name) for name in rates if str(name).startswith("rate_per_"))
    unit = per.removeprefix("rate_per_")
    low, high = f"rate_low_per_{unit}", f"rate_high_per_{unit}"
    rows = [
        (
            _EVENTS[row["event"]],
            f"{row['events']:,}",
            value_words(row[per], row[low], row[high]),
            interval_words(row[low], row[high]),
            f"per cell and {unit}",
        )
        for row in rates.to_dict("records")
    ]
    scale, times = (1.0, "frames") if frame_interval_min is None else (frame_interval_min / 60, "h")
    middle, least, most = (scale * frames for frames in median_cycle(cycles))
    whole = int((cycles["born"].astype(bool) & cycles["divides"].astype(bool)).sum())
    cycle = (value_words(middle, least, most), interval_words(least, most), times)
    rows.append(("birth to division, median", f"{whole:,}", *cycle))
    names = ["events", "seen", "value", "95 % interval", "unit"]
    caption = (
        "Cells clear of the border. The median counts cells that had not divided when they were "
        "last seen; those that were there from the beginning have no birth."
    )
    return Table(pd.DataFrame(rows, columns=names), caption=caption)


def value_words(value: float, low: float, high: float) -> str:
    """The value, or what is known of it by an interval with one end."""
    if math.isfinite(value):
        return f"{value:.3g}"
    if low == 0 and math.isfinite(high):
        return f"below {high:.3g}"
    if math.isinf(high) and low > 0:
        return f"above {low:.3g}"
    return "not known"


def interval_words(low: float, high: float) -> str:
    """The two ends; empty where there are none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{low:.3g} or more" if math.isinf(high) else f"{low:.3g} to {high:.3g}"


def plain_unit(unit: str) -> str:
    """A unit as it is written, of one as it stands in names of columns."""
    return unit.replace("um", "µm").replace("2", "²").replace("_per_", " / ")
