"""Photon-limited images: foreground Dice from clean images down to 5 photons a pixel.

    python benchmarks/photons.py --model phase --data ../shared/data/livecell

Prints a row for each number of photons: Dice, its loss against the clean images, and the errors of
count and covered area. Images that trained the model show less than a new image would lose.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pandas as pd

from softlight.data.sets import open_dataset
from softlight.evaluate.table import markdown_table
from softlight.inference.predict import Segmenter
from softlight.recipes.divide import Options
from softlight.recipes.plan.curves import Curves, summary_of
from softlight.recipes.plan.fields import Field
from softlight.recipes.plan.settings import CLEAN, Setting, Tolerances

PHOTONS = (1000.0, 300.0, 100.0, 30.0, 10.0, 5.0)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photons", type=float, nargs="+", default=PHOTONS)
    parser.add_argument("--factor", type=float, default=1.0, help="share of the resolution kept")
    parser.add_argument("--images", type=int, default=0, help="the first so many; 0 = all")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, help="CSV of every image")
    given = parser.parse_args()
    segmenter = Segmenter.from_saved(given.model)
    samples = open_dataset(given.data).samples[: given.images or None]
    fields = []
    for sample in samples:
        read = sample.read()
        size = read.pixel_size_um
        fields.append(Field(sample.name, sample.group, read.image, read.labels, size, segmenter))
    everything = Tolerances(count=1, confluence=1, area=1, dice=1)  # nothing is given up early
    curves = Curves(fields, Options(), tolerances=everything, repeats=given.repeats)
    settings = [Setting(given.factor, number) for number in (CLEAN, *given.photons)]
    curves.measure(settings, lambda done, total: print(f"{done} of {total}", flush=True))
    rows = pd.DataFrame(curves.rows)
    if given.out is not None:
        rows.to_csv(given.out, index=False)
    print(f"\n{len(fields)} images, model {segmenter.spec.name}\n")
    print(markdown_table(table_of(rows)))


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over images, a row each number of photons."""
    found = summary_of(rows)
    clean = 1 - float(found["dice_error"].iloc[0])
    shown = []
    for row in found.to_dict("records"):
        dice = 1 - float(row["dice_error"])
        shown.append(
            {
                "photons": "as they are" if math.isinf(row["photons"]) else f"{row['photons']:g}",
                "Dice": f"{dice:.3f}",
                "less than clean": f"{clean - dice:.3f}",
                "count error": f"{row['count_error']:.1%}",
                "confluence error": f"{row['confluence_error']:.1%}",
                "error of median area": f"{row['area_error']:.1%}",
            }
        )
    return pd.DataFrame(shown)


if __name__ == "__main__":
    main()
