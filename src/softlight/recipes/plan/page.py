"""The page of a plan: what is recommended, the curves, and cells as they would look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from softlight.inference.predict import Segmenter
from softlight.recipes.plan.choose import setting_of
from softlight.recipes.plan.curves import Curves, labels_at, made_worse
from softlight.recipes.plan.fields import Field, Image, Labels
from softlight.recipes.plan.found import Plan, recommendation
from softlight.recipes.plan.settings import CLEAN, PlanSettings, Setting
from softlight.recipes.provenance import stamp
from softlight.report.blocks import Block, Facts, Notice, Picture, Section, Table, Text
from softlight.report.figures import overlay, side_by_side, to_jpeg
from softlight.report.html import write_report
from softlight.report.plan_charts import QualityCurve, quality_chart

SHOWN = 3  # images at the recommended setting
_CROP_PX = 256  # of each, so that single cells can be seen
_TITLES = {
    "count": ("Number of cells", "error (%)"),
    "confluence": ("Covered area", "error (% of the image)"),
    "area": ("Median area of cells", "error (%)"),
    "dice": ("Foreground", "1 - Dice (%)"),
}
_HOW = (
    "Each image was made worse as gentler imaging would have: coarser pixels average what they "
    "cover, photons come by chance, and the image is enlarged to its own grid again for the model. "
    "A setting holds if the upper end of every judged error's interval is tolerated, on average "
    "over images, and if every setting that was tried and is nowhere gentler holds as well. "
    "Intervals are of 95 %, between images and their noise.\n\n"
    "Photons are for each pixel of the coarser grid where the image is brightest. A coarse pixel "
    "gathers the light of those that it replaces, so that the light on the cells is photons times "
    "the square of the resolution. What this cannot know: whether cells behave otherwise in more "
    "light, how the camera's own noise grows, and cells unlike those in these images."
)


def plan_page(
    found: Plan,
    fields: Sequence[Field],
    curves: Curves,
    settings: PlanSettings,
    segmenter: Segmenter,
    out: Path,
) -> Path:
    """``report.html`` of a plan."""
    said: list[Block] = [
        Text("\n\n".join(recommendation(found))),
        *(Notice(note) for note in found.notes),
    ]
    sections = [
        Section("What is recommended", said),
        Section("Cells at this setting", _pictures(found, fields, curves, settings)),
        Section("How errors grow", _charts(found, settings)),
        Section("Every setting", [_table(found)]),
        Section("How it was made", [Text(_HOW), Facts(_facts(found, settings, segmenter))]),
    ]
    return write_report(
        out,
        title="How gently these cells may be imaged",
        subtitle=f"Model {segmenter.spec.name}, {len(fields)} images",
        summary=_summary(found),
        sections=[section for section in sections if section.blocks],
        footer=f"Softlight {stamp()['softlight']}",
    )


def _summary(found: Plan) -> list[tuple[str, object]]:
    setting = found.recommended
    if setting is None:
        return [("recommended", "nothing")]
    light = found.light / found.every
    return [
        ("resolution", f"{setting.factor:g}"),
        ("photons", "as they are" if setting.photons == CLEAN else f"{setting.photons:g}"),
        ("one frame in", found.every),
        ("light left", "unknown" if math.isnan(light) else f"{100 * light:.3g} %"),
        ("pixels left", f"{100 * setting.factor**2 / found.every:.3g} %"),
    ]


def _charts(found: Plan, settings: PlanSettings) -> list[Block]:
    table, judged = found.table, settings.tolerances.judged()
    blocks: list[Block] = []
    for name, (title, label) in _TITLES.items():
        curves = [
            QualityCurve(
                name="full resolution" if factor == 1 else f"{factor:g} of the resolution",
                at=part["photons"].to_numpy(float),
                error=100 * part[f"{name}_error"].to_numpy(float),
                low=100 * part[f"{name}_low"].to_numpy(float),
                high=100 * part[f"{name}_high"].to_numpy(float),
            )
            for factor, part in table.groupby("factor", sort=False)
        ]
        limit = judged.get(name)
        blocks.append(
            quality_chart(
                curves,
                title=title,
                label=label,
                axis="photons for each pixel where it is brightest",
                tolerance=None if limit is None else 100 * limit,
                chosen=_chosen(found, name),
                caption="Not judged: no tolerance was given." if limit is None else "",
            )
        )
    return blocks + _speed_chart(found, settings)


def _chosen(found: Plan, name: str) -> tuple[float, float] | None:
    setting = found.recommended
    if setting is None:
        return None
    table = found.table
    row = table[(table["factor"] == setting.factor) & (table["photons"] == setting.photons)].iloc[0]
    return setting.photons, 100 * float(row[f"{name}_error"])


def _speed_chart(found: Plan, settings: PlanSettings) -> list[Block]:
    if found.speed.empty or settings.tolerances.speed is None:
        return []
    groups = found.speed.groupby(["factor", "photons"], sort=False)
    curves = [
        QualityCurve(
            name=str(setting_of(part.iloc[0].to_dict())),
            at=part["every"].to_numpy(float),
            error=100 * part["speed_error"].to_numpy(float),
            low=100 * part["speed_low"].to_numpy(float),
            high=100 * part["speed_high"].to_numpy(float),
        )
        for _, part in groups
    ]
    return [
        quality_chart(
            curves[:6],
            title="Mean speed",
            label="error (%)",
            axis="one frame in",
            tolerance=100 * settings.tolerances.speed,
            caption="Against the mean speed with every frame: a way that turns is cut short.",
        )
    ]


def _table(found: Plan) -> Table:
    """Errors in percent with the upper ends of their intervals."""
    table = found.table
    words = [
        "holds" if allowed else "by chance" if holds else "fails"
        for holds, allowed in zip(table["holds"], table["allowed"], strict=True)
    ]
    shown: dict[str, object] = {
        "setting": [str(Setting(float(f), float(p))) for f, p in _pairs(table)],
        "": words,
        "light (%)": 100 * table["light"],
        "pixels (%)": 100 * table["pixels"],
    }
    for name in _TITLES:
        shown[f"{name} error (%)"] = 100 * table[f"{name}_error"]
        shown[f"{name} at most (%)"] = 100 * table[f"{name}_high"]
    caption = (
        "The same as plan.csv. What is gentler than a clear failure was not tried, save at full "
        "resolution and without noise; by chance: it holds, but a less gentle setting fails."
    )
    return Table(pd.DataFrame(shown), caption=caption, digits=2)


def _pairs(table: pd.DataFrame) -> list[tuple[float, float]]:
    return list(zip(table["factor"].tolist(), table["photons"].tolist(), strict=True))


def _pictures(
    found: Plan, fields: Sequence[Field], curves: Curves, settings: PlanSettings
) -> list[Block]:
    """A piece of some images beside the same at the recommended setting."""
    setting = found.recommended
    if setting is None or setting.changes_nothing:
        return []
    shown = np.unique(np.linspace(0, len(fields) - 1, min(SHOWN, len(fields))).round().astype(int))
    blocks: list[Block] = []
    for at in shown:
        field = fields[at]
        seed = settings.seed + 1000 * int(at)
        worse = made_worse(field.image, setting, seed=seed)
        again = labels_at(field, setting, settings.options, seed=seed)
        above = [("as it is", _piece(field.image, None)), (str(setting), _piece(worse, None))]
        below = [
            ("cells found", _piece(field.image, curves.answers[at])),
            ("cells found", _piece(worse, again)),
        ]
        row = np.concatenate([side_by_side(above), side_by_side(below)])
        blocks.append(
            Picture(
                title=field.name,
                alt=f"{field.name} as it is and at {setting}, with the cells found in each",
                image=to_jpeg(row),
                size=(row.shape[0], row.shape[1]),
            )
        )
    return blocks


def _piece(image: Image, labels: Labels | None) -> np.ndarray:
    """The middle of an image, with the outlines of its cells."""
    cut = tuple(
        slice((side - min(side, _CROP_PX)) // 2, (side + min(side, _CROP_PX)) // 2)
        for side in image.shape[:2]
    )
    nothing = np.zeros(image.shape[:2], np.int32)
    return overlay(
        image[cut], (nothing if labels is None else labels)[cut], largest_px=2 * _CROP_PX
    )


def _facts(found: Plan, settings: PlanSettings, segmenter: Segmenter) -> list[tuple[str, object]]:
    tolerated = settings.tolerances.judged(speed=True)
    now = found.photons_now
    known = (
        "not known" if math.isnan(now) else "too many to tell" if math.isinf(now) else f"{now:.3g}"
    )
    trained = segmenter.spec.provenance.get("data", "unknown data")
    return [
        ("tolerated", ", ".join(f"{name} {100 * value:g} %" for name, value in tolerated.items())),
        ("photons of the images as they are", known),
        ("model", f"{segmenter.spec.name}, trained on {trained}"),
        ("noise drawn for each image, times", settings.repeats),
        *stamp().items(),
    ]
