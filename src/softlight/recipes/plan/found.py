"""What a plan says, in numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from softlight.data.degradation import coarse_shape
from softlight.recipes.plan.choose import failing
from softlight.recipes.plan.fields import Field
from softlight.recipes.plan.settings import PlanSettings, Setting


@dataclass(frozen=True)
class Plan:
    """What was found out.

    Attributes:
        recommended: the gentlest setting that holds; None where not even the images as they are do.
        every: of a movie, one frame in so many is enough; 1 for images.
        light: share of the light on the cells in each frame that is left; nan if it is not known.
        table: a row a setting: errors, intervals, whether it holds.
        speed: a row for each number of frames that were left out, for movies.
        rows: each image at each setting.
        photons_now: of the images as they are, where they are brightest; infinite: too many.
        notes: what a careful person would say.
        report: the page.
    """

    recommended: Setting | None
    every: int
    light: float
    table: pd.DataFrame
    speed: pd.DataFrame
    rows: pd.DataFrame
    photons_now: float
    notes: tuple[str, ...]
    report: Path

    @property
    def gentler(self) -> bool:
        """Whether anything gentler than the images as they are is recommended."""
        return self.recommended is not None and (
            not self.recommended.changes_nothing or self.every > 1
        )

    def lines(self) -> list[str]:
        """What to tell the user."""
        return [*recommendation(self), *self.notes]


def recommendation(found: Plan) -> list[str]:
    """The recommendation and what it saves, in words."""
    setting = found.recommended
    if setting is None:
        return [
            "Nothing can be recommended: not even the images as they are keep within what is "
            "tolerated."
        ]
    if not found.gentler:
        return ["Nothing gentler holds: keep imaging as you do."]
    lines = [
        f"Recommended: {setting}" + (f", one frame in {found.every}." if found.every > 1 else ".")
    ]
    lines.append(f"It saves {savings(found)}.")
    return lines


def savings(found: Plan) -> str:
    """What the recommended setting saves, in words."""
    setting = found.recommended
    assert setting is not None
    parts = []
    light = found.light / found.every
    if math.isnan(light):
        parts.append(
            "light (how much cannot be told, since it is not known how many photons the images "
            "have now; --photons-now says it)"
        )
    elif light < 1:
        parts.append(f"{1 - light:.1%} of the light on the cells")
    if setting.factor < 1:
        fields = 1 / setting.factor**2
        parts.append(f"time, as one field of lower magnification shows what {fields:.3g} did")
    kept = setting.factor**2 / found.every
    if kept < 1:
        parts.append(f"{1 - kept:.1%} of the pixels to store")
    return ", ".join(parts) if parts else "nothing"


def notes_of(
    fields: Sequence[Field],
    table: pd.DataFrame,
    chosen: Setting | None,
    settings: PlanSettings,
) -> list[str]:
    """What a careful person would say about a plan."""
    notes = []
    with_truth = fields[0].truth is not None
    if not with_truth:
        notes.append(
            "No labels were given, so that what the model finds in the images as they are was "
            "taken as true: the errors are those that gentler imaging adds."
        )
    groups = int(table["groups"].max())
    if groups < 2:
        notes.append(
            "There is only one image, so that there is no interval, and nothing can be "
            "recommended. Give at least three, better eight."
        )
    elif groups < 4:
        notes.append(f"With {groups} images the intervals are wide; more images narrow them.")
    if chosen is None and groups >= 2:
        wrong = failing(table, Setting(), settings.tolerances)
        if wrong and with_truth:
            notes.append(
                f"On the images as they are, the model's error of {' and '.join(wrong)} is not "
                "tolerated. Train it on such images, allow more, or leave --labels out to see "
                "what gentler imaging adds."
            )
    if chosen is None and table["allowed"].any():  # so it was the speed
        notes.append(
            "Counts and areas hold, but the mean speed is not within what is tolerated at any "
            "setting that was tried, nor for sure in the movies as they are. Give more or longer "
            "movies, allow more, or leave speeds out by --tolerance-speed 0."
        )
    tried = table[["factor"]].drop_duplicates()["factor"].tolist()
    left_out = [f for f in sorted({1.0, *settings.factors}, reverse=True) if f not in tried]
    if left_out:
        shape = min((coarse_shape(f.image.shape[:2], left_out[0]) for f in fields), key=min)
        notes.append(
            f"Not tried: {', '.join(f'{f:g}' for f in left_out)} of the resolution, which would "
            f"leave {shape[0]} x {shape[1]} pixels or fewer."
        )
    return notes
