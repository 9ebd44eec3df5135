"""Settings chosen by looking at the data, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from softlight.config import Recipe, with_settings
from softlight.data.cells import median_cell_diameter
from softlight.data.samples import DataSet, Sample, counted
from softlight.data.single_cells import MOST_CLASSES, has_single_cells
from softlight.data.splits import spread
from softlight.recipes.library import load_recipe

LOOKED_AT = 12  # images, spread over the set
FEW_IMAGES = 10  # below this every image is worth more in training than in validation
RARE = 0.1  # share of foreground below which crops are drawn towards cells
PATCH_PER_CELL = 6  # a crop shows about so many cells across
PATCHES = (128, 192, 256, 320)
LEAST_PATCH = 16  # what a network of depth 4 takes without padding


@dataclass(frozen=True)
class Advice:
    """A recipe for one data set and why it is as it is."""

    recipe: Recipe
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """What the images are like."""

    images: int
    dtype: str
    used_range: tuple[float, float]  # smallest and largest value seen
    contrast: float  # 1..99 % of the values, as a share of the type's or the seen range
    foreground: float  # share of the annotated pixels
    cell_diameter_px: float
    smallest_side_px: int
    channels: int
    highest_label: int


def look(samples: Sequence[Sample]) -> Look:
    """What a spread of the images is like."""
    opened = [sample.read() for sample in spread(samples, LOOKED_AT)]
    lows, highs = zip(*(np.percentile(item.image, (1, 99)) for item in opened), strict=True)
    diameters = [median_cell_diameter(item.labels) for item in opened]
    dtype = opened[0].image.dtype
    smallest = min(float(item.image.min()) for item in opened)
    largest = max(float(item.image.max()) for item in opened)
    full = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else largest - smallest
    known = [d for d in diameters if not math.isnan(d)]
    covered = [
        (item.labels > 0)[... if item.valid is None else item.valid].mean() for item in opened
    ]
    return Look(
        images=len(samples),
        dtype=str(dtype),
        used_range=(smallest, largest),
        contrast=float(np.mean(np.subtract(highs, lows)) / full) if full else 0.0,
        foreground=float(np.mean(covered)),
        cell_diameter_px=float(np.median(known)) if known else math.nan,
        smallest_side_px=min(min(item.image.shape[:2]) for item in opened),
        channels=1 if opened[0].image.ndim == 2 else opened[0].image.shape[2],
        highest_label=max(int(item.labels.max(initial=0)) for item in opened),
    )


def advise(dataset: DataSet) -> Advice:
    """A recipe that fits the data set, and its reasons."""
    seen = look(dataset.samples)
    low, high = seen.used_range
    settings: dict[str, Any] = {"name": "chosen"}
    reasons = [
        f"{counted(seen.images, 'annotated image')} of type {seen.dtype}, values {low:g} to "
        f"{high:g}; {_cells(seen)}.",
        f"Intensities are stretched between their 1st and 99th percentile in each image, since "
        f"they use {seen.contrast:.1%} of the range that the type allows.",
    ]
    if seen.images < FEW_IMAGES:
        settings["data.validation_fraction"] = 0.0
        reasons.append(
            f"With {counted(seen.images, 'image')} all of them train, and their averaged weights "
            "are kept."
        )
    else:
        settings["data.validation_fraction"] = 0.15
        reasons.append("15 % of the images, by well or movie, choose the best weights.")
    patch = _patch(seen)
    settings["data.patch_px"] = patch
    reasons.append(f"Crops of {patch} pixels show several cells across.")
    if seen.foreground < RARE:
        settings["data.foreground_bias"] = 0.5
        reasons.append(
            f"Cells cover only {seen.foreground:.1%}, so half of the crops are centred on one, and "
            "the Dice term keeps an empty mask from paying."
        )
    if has_single_cells(dataset.samples):
        base = load_recipe("cells")
        reasons.append("Labels tell cells apart, so the network learns what divides them.")
    else:
        base = load_recipe("livecell-unet-modern")
        reasons.append("Labels say only where cells are, so the network learns the foreground.")
        if 1 < seen.highest_label <= MOST_CLASSES:
            reasons.append(
                f"Labels hold the values 0 to {seen.highest_label}. If these are classes, name "
                'them in a recipe of several: softlight train autoprep --set classes=["a","b",'
                '"c"] --set model.out_channels=3.'
            )
    return Advice(with_settings(base, settings), tuple(reasons))


def _cells(seen: Look) -> str:
    if math.isnan(seen.cell_diameter_px):
        return "no cell is annotated in those that were looked at"
    return (
        f"cells cover {seen.foreground:.1%} and are about {seen.cell_diameter_px:.0f} pixels wide"
    )


def _patch(seen: Look) -> int:
    """The side of a crop: several cells across, and not larger than the images."""
    if seen.smallest_side_px < PATCHES[0]:
        return max(LEAST_PATCH, seen.smallest_side_px // LEAST_PATCH * LEAST_PATCH)
    diameter = 40.0 if math.isnan(seen.cell_diameter_px) else seen.cell_diameter_px
    wanted = PATCH_PER_CELL * diameter
    fitting = [side for side in PATCHES if side <= seen.smallest_side_px]
    return min(fitting, key=lambda side: abs(side - wanted))
