"""How gently may these cells be imaged? Good images in, the gentlest setting that holds out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.inference.predict import Segmenter
from softlight.io.files import replacing
from softlight.io.strict_json import plain, write_json
from softlight.measure.photons import light_of
from softlight.recipes.plan.choose import by_gentleness, judge
from softlight.recipes.plan.curves import Curves, summary_of
from softlight.recipes.plan.fields import Field, choose_fields, open_films, scaled_for
from softlight.recipes.plan.found import Plan, notes_of
from softlight.recipes.plan.settings import CLEAN, PlanSettings, Setting
from softlight.recipes.plan.speed import (
    Moving,
    labels_of_movie,
    longest_that_holds,
    moving_ones,
    speed_errors,
    summary_of_speed,
)
from softlight.recipes.provenance import stamp

_SEED_OF_MOVIES = 500_000  # noise of movies is another than that of the images
Progress = Callable[[str, int, int], None]


def plan(
    inputs: Iterable[Path | str],
    segmenter: Segmenter,
    out: Path,
    *,
    labels: Path | None = None,
    settings: PlanSettings | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The gentlest imaging of cells like these whose errors stay under what is tolerated.

    ``plan.csv``, ``speed.csv``, ``images.csv``, ``plan.json`` and ``report.html`` are written.

    Args:
        inputs: a few good images, or a movie, of the kind that is planned.
        segmenter: the model that will measure the gentler ones.
        out: folder for the tables and the page.
        labels: what is true, called as the inputs; None: what the model finds in them is taken as
            true, so that the errors are those that gentler imaging adds.
        settings: what is tried and what is tolerated.
        progress: told (what, done, in all).
    """
    from softlight.recipes.plan.page import plan_page  # charts are slow to import

    settings = settings or PlanSettings()
    films = open_films(inputs, labels, settings.reading)
    fields = choose_fields(films, segmenter, settings.options, most=settings.images)
    now = settings.photons_now or photons_of(fields)
    curves = Curves(
        fields,
        settings.options,
        tolerances=settings.tolerances,
        repeats=settings.repeats,
        seed=settings.seed,
    )
    curves.measure(_worth_trying(settings, now), _told(progress, "Settings"))
    rows = pd.DataFrame(curves.rows)
    table = judge(summary_of(rows), settings.tolerances, photons_now=now)
    moving: list[Moving] = []
    if settings.tolerances.speed is not None:
        scaled = [scaled_for(film, segmenter, settings.options) for film in films]
        told = _told(progress, "Following cells")
        moving = moving_ones(films, scaled, settings.options, told)
    chosen, every, speed = _with_speed(
        by_gentleness(table, photons_now=now), moving, settings, photons_now=now, progress=progress
    )
    found = Plan(
        recommended=chosen,
        every=every,
        light=math.nan if chosen is None else chosen.light(now),
        table=table,
        speed=speed,
        rows=rows,
        photons_now=now,
        notes=tuple(notes_of(fields, table, chosen, settings)),
        report=out / "report.html",
    )
    _write(found, settings, segmenter, out)
    plan_page(found, fields, curves, settings, segmenter, out)
    return found


def _told(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else partial(progress, what)


def photons_of(fields: Sequence[Field]) -> float:
    """Photons for each pixel where the images are brightest, told from their noise: the median."""
    found = []
    for field in fields:
        plane = field.image if field.image.ndim == 2 else field.image[..., 0]
        found.append(light_of(plane).photons)
    known = [number for number in found if not math.isnan(number)]
    return float(np.median(known)) if known else math.nan


def _worth_trying(settings: PlanSettings, photons_now: float) -> list[Setting]:
    """Those with fewer photons than the images have: a camera cannot be made better."""
    return [
        setting
        for setting in settings.grid()
        if setting.photons == CLEAN
        or not math.isfinite(photons_now)
        or setting.photons * setting.factor**2 < photons_now
    ]


def _with_speed(
    allowed: Sequence[Setting],
    moving: Sequence[Moving],
    settings: PlanSettings,
    *,
    photons_now: float,
    progress: Progress | None,
) -> tuple[Setting | None, int, pd.DataFrame]:
    """(setting, frames from one kept to the next, table): the least light with speeds that hold."""
    tolerance = settings.tolerances.speed
    if not allowed or not moving or tolerance is None:
        return (allowed[0] if allowed else None), 1, summary_of_speed([])
    told = _told(progress, "Speeds")
    best: tuple[Setting | None, int] = (None, 1)
    least = math.inf
    tables: list[pd.DataFrame] = []
    for number, setting in enumerate(allowed):
        # Else it cannot be gentler.
        if setting.dose(photons_now) / max((1, *settings.every)) < least:
            rows: list[dict[str, Any]] = []
            for at, one in enumerate(moving):
                seed = settings.seed + _SEED_OF_MOVIES + 1000 * at
                labels = labels_of_movie(one, setting, settings.options, seed=seed)
                rows += speed_errors(one, labels, sorted({1, *settings.every}))
            table = summary_of_speed(rows)
            tables.append(table.assign(factor=setting.factor, photons=setting.photons))
            every = longest_that_holds(table, tolerance)
            if every and (best[0] is None or setting.dose(photons_now) / every < least):
                best, least = (setting, every), setting.dose(photons_now) / every
        if told is not None:
            told(number + 1, len(allowed))
    return *best, pd.concat(tables, ignore_index=True)


def _write(found: Plan, settings: PlanSettings, segmenter: Segmenter, out: Path) -> None:
    for name, table in (
        ("plan.csv", found.table),
        ("images.csv", found.rows),
        ("speed.csv", found.speed),
    ):
        if len(table):
            with replacing(out / name) as temporary:
                table.to_csv(temporary, index=False, float_format="%.6g")
    write_json(out / "plan.json", as_json(found, settings, segmenter))


def as_json(found: Plan, settings: PlanSettings, segmenter: Segmenter) -> dict[str, Any]:
    """The plan as plain values; None is what is unknown, or an image as it is."""
    chosen = found.recommended
    known = {k: v for k, v in asdict(settings).items() if k not in ("factors", "photons")}
    values: dict[str, Any] = plain(
        {
            "provenance": stamp(),
            "model": segmenter.spec.name,
            "recommended": None if chosen is None else asdict(chosen) | {"every": found.every},
            "gentler": found.gentler,
            "light": found.light / found.every,
            "pixels": math.nan if chosen is None else chosen.factor**2 / found.every,
            "photons_now": found.photons_now,
            "notes": list(found.notes),
            "settings": known | {"grid": [asdict(one) for one in settings.grid()]},
            "table": found.table.to_dict("records"),
            "speed": found.speed.to_dict("records"),
        }
    )
    return values
