"""How well resolution and photons are told from an image alone: of images made worse on purpose.

    python benchmarks/resolution.py --data ../shared/data/livecell

Prints two tables over all images: the share of resolution that is estimated by two ways where it is
known, and the photons that are estimated by two ways where they are known.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from softlight.data.degradation import Degradation, degrade
from softlight.data.sets import open_dataset
from softlight.evaluate.table import markdown_table
from softlight.io.grey import to_grey
from softlight.measure.photons import light_of
from softlight.measure.resolution import decorrelation_resolution, effective_resolution
from softlight.measure.traits import pixel_noise
from softlight.recipes.regime import look_at

FACTORS = (1.0, 0.5, 0.25, 0.125)
PHOTONS = (1000.0, 300.0, 100.0, 30.0, 10.0)
Image = npt.NDArray[Any]


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    images = [to_grey(sample.read().image) for sample in open_dataset(given.data).samples]
    print(f"{len(images)} images\n")
    print(markdown_table(resolutions(images)))
    print(markdown_table(photons(images)))


def resolutions(images: list[Image]) -> pd.DataFrame:
    """A row a true share: median and range of both estimates, without noise and with."""
    ways: dict[str, Callable[[Image], float]] = {
        "spectrum": effective_resolution,
        "decorrelation": decorrelation_resolution,
    }
    rows = []
    for factor in FACTORS:
        for number in (None, 100.0):
            how = Degradation(factor=factor, photons=number)
            worse = [_whole(degrade(image, how, seed=0)) for image in images]
            row: dict[str, object] = {"true": factor, "photons": number or "as they are"}
            for name, way in ways.items():
                found = np.array([way(image) for image in worse])
                row[name] = f"{np.median(found):.3f} ({found.min():.3f} to {found.max():.3f})"
                row[f"{name}, off by"] = f"{np.abs(found / factor - 1).mean():.0%}"
            rows.append(row)
    return pd.DataFrame(rows)


def photons(images: list[Image]) -> pd.DataFrame:
    """A row a true number: the estimates over it, the images whole and enlarged four times."""
    rows = []
    for number in PHOTONS:
        row: dict[str, object] = {"photons": number}
        for name, factor in (("whole", 1.0), ("a quarter, enlarged", 0.25)):
            how = Degradation(factor=factor, photons=number)
            worse = [_whole(degrade(image, how, seed=0)) for image in images]
            row[name] = _spread([(look_at(image).photons or np.inf) / number for image in worse])
            if factor == 1:
                row["whole, by the noise of all pixels"] = _spread(
                    [_by_all_pixels(image) / number for image in worse]
                )
        rows.append(row)
    return pd.DataFrame(rows)


def _by_all_pixels(image: Image) -> float:
    """The same from one noise for the whole image (wavelet median) and its median brightness."""
    noise = max(pixel_noise(image), 0.1)
    return light_of(image).brightest * float(np.median(image)) / noise**2


def _whole(image: Image) -> Image:
    """Whole numbers, as cameras give them; enlarging may go below 0."""
    return np.clip(np.rint(image), 0, 65535).astype(np.uint16)


def _spread(ratios: list[float]) -> str:
    return f"x {np.median(ratios):.2f} ({np.min(ratios):.2f} to {np.max(ratios):.2f})"


if __name__ == "__main__":
    main()
