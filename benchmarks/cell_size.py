"""Images enlarged and made smaller: AP at IoU 0.5 as they are, and brought to the model's size.

    python benchmarks/cell_size.py --model MODEL --data ../shared/data/livecell

Prints a row for each factor by which images and labels were resized: mean AP50 of the image as it
is, with the size estimated, and with the size told, and how often and how well it was estimated.
Images that trained the model are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.transform import resize

from softlight.data.samples import Sample
from softlight.data.sets import open_dataset
from softlight.evaluate.instance import score_instances
from softlight.evaluate.table import markdown_table
from softlight.inference.predict import Segmenter
from softlight.io.grey import to_grey
from softlight.recipes.divide import Options, label_cells
from softlight.recipes.scale import fit_scale

FACTORS = (0.4, 0.6, 1.0, 1.6, 2.5)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--factors", type=float, nargs="+", default=FACTORS)
    given = parser.parse_args()
    segmenter = Segmenter.from_saved(given.model)
    seen = Path(given.model) / "training" / "images.txt"
    lines = seen.read_text(encoding="utf-8").splitlines() if seen.is_file() else []
    trained = {line.split(maxsplit=1)[1] for line in lines}
    samples = [s for s in open_dataset(given.data).samples if s.name not in trained]
    print(f"{len(samples)} images")
    print(markdown_table(compare(segmenter, samples, given.factors)))


def compare(
    segmenter: Segmenter, samples: Sequence[Sample], factors: Sequence[float]
) -> pd.DataFrame:
    """A row a factor, means over the images."""
    rows = []
    for factor in factors:
        found = [_one(segmenter, sample, factor) for sample in samples]
        table = pd.DataFrame(found)
        off = np.abs(np.log2(table.loc[table["resized"], "error"]))
        rows.append(
            {
                "factor": factor,
                "AP50 as it is": table["as it is"].mean(),
                "AP50 estimated": table["estimated"].mean(),
                "AP50 told": table["told"].mean(),
                "resized": f"{int(table['resized'].sum())} of {len(table)}",
                "octaves off": float(off.mean()) if len(off) else float("nan"),
            }
        )
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def _one(segmenter: Segmenter, sample: Sample, factor: float) -> dict[str, float]:
    annotated = sample.read()
    image, labels, valid = _resized(annotated.image, annotated.labels, annotated.valid, factor)
    options = Options()
    estimated = fit_scale(image, segmenter, options)
    scores = {}
    for name, sized in (
        ("as it is", segmenter),
        ("estimated", estimated.segmenter),
        ("told", segmenter.zoomed(1 / factor)),
    ):
        cells = label_cells(image, sized, options)
        scores[name] = score_instances(labels, cells, valid=valid)["ap50"]
    return {**scores, "resized": estimated.zoom != 1, "error": estimated.zoom * factor}


def _resized(
    image: npt.NDArray[np.generic],
    labels: npt.NDArray[np.int32],
    valid: npt.NDArray[np.bool_] | None,
    factor: float,
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int32], npt.NDArray[np.bool_] | None]:
    grey = to_grey(image)
    shape = tuple(max(1, round(side * factor)) for side in grey.shape)
    new = resize(grey.astype(np.float32), shape, order=1, anti_aliasing=factor < 1)
    nearest = {"order": 0, "preserve_range": True, "anti_aliasing": False}
    return (
        np.rint(new).astype(grey.dtype),
        resize(labels, shape, **nearest).astype(np.int32),
        None if valid is None else resize(valid, shape, **nearest).astype(bool),
    )


if __name__ == "__main__":
    main()
