"""Bytes saved against measurement error: movies and images shrunk, then segmented on the old grid.

    python benchmarks/storage.py --model phase --data ../shared/data/livecell

Prints a row a setting: the share of the bytes that is left, and how far count, covered area and
median area are from those that the model finds in the images as they are (and from the labels).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from softlight.data.sets import open_dataset
from softlight.evaluate.table import markdown_table
from softlight.inference.predict import Segmenter
from softlight.io.grey import to_grey
from softlight.io.images import open_movie
from softlight.recipes.divide import Options
from softlight.recipes.finder import CellFinder
from softlight.recipes.plan.curves import errors_between
from softlight.recipes.shrink import shrink

SETTINGS = ((1.0, 8), (1.0, 4), (0.5, 8), (0.5, 4), (0.25, 8), (0.25, 4), (0.125, 8))


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=0, help="the first so many; 0 = all")
    parser.add_argument("--compression", default="deflate", choices=("deflate", "zstd"))
    given = parser.parse_args()
    segmenter = Segmenter.from_saved(given.model)
    samples = open_dataset(given.data).samples[: given.images or None]
    as_taken = Options(rescale=False)  # no estimate of sizes, of neither
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, sample in enumerate(samples):
            read = sample.read()
            image = to_grey(read.image)
            file = Path(folder) / f"{sample.name}.tif"
            tifffile.imwrite(file, image, compression="zlib", predictor=True)
            own = CellFinder(open_movie(file), segmenter, as_taken).find(0).labels
            for factor, bits in SETTINGS:
                (small,) = shrink(
                    [file],
                    Path(folder) / "small",
                    factor=factor,
                    bits=bits,
                    compression=given.compression,
                )
                if small.path is None:
                    raise SystemExit(small.error)
                movie = open_movie(small.path)
                found = CellFinder(movie, segmenter, replace(as_taken, grid="fine")).find(0).labels
                pixels = _pixel_bytes(small.path) / _pixel_bytes(file)
                row = {"factor": factor, "bits": bits, "left": pixels}
                for name, truth in (("own", own), ("true", read.labels)):
                    errors = errors_between(found, truth)
                    row |= {f"{name} {measure}": value for measure, value in errors.items()}
                rows.append(row)
            print(f"{number + 1} of {len(samples)}", flush=True)
    print(f"\n{len(samples)} images, model {segmenter.spec.name}, {given.compression}\n")
    print(markdown_table(table_of(pd.DataFrame(rows))))


def _pixel_bytes(path: Path) -> int:
    """Of the pixels alone: the header of a single small image would count too much."""
    with tifffile.TiffFile(path) as file:
        return int(np.sum([np.sum(page.databytecounts) for page in file.pages]))


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over images; errors against the model's own answer on the images as they are."""
    means = rows.groupby(["factor", "bits"], sort=False).mean().reset_index()
    return pd.DataFrame(
        {
            "resolution": means["factor"].map("{:g}".format),
            "bits": means["bits"].astype(int),
            "bytes left": means["left"].map("{:.1%}".format),
            "count error": means["own count"].map("{:.1%}".format),
            "confluence error": means["own confluence"].map("{:.1%}".format),
            "median area error": means["own area"].map("{:.1%}".format),
            "Dice": (1 - means["own dice"]).map("{:.3f}".format),
            "Dice with the labels": (1 - means["true dice"]).map("{:.3f}".format),
        }
    )


if __name__ == "__main__":
    main()
