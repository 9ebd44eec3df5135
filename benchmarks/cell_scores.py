"""Which raw score tells right cells from wrong ones best, for networks of target flow.

    python benchmarks/cell_scores.py --data LIVECELL --fold 1 --models MODEL…

Cells are found in the images of a fold that the models held out; one is right if a true cell
matches it at an IoU of 0.5. Prints the area under the ROC curve and the average precision of each
score, the mean over the models (``within``: the area in each image by itself), and what it takes.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from softlight.config import ModelSpec
from softlight.data.sets import open_dataset
from softlight.data.splits import folds
from softlight.evaluate.calibration import judge_cells
from softlight.evaluate.table import markdown_table
from softlight.inference.predict import Segmenter
from softlight.instances.flows import flow_errors, valley_depths
from softlight.recipes.divide import Options, divide_cells, raw_scores, surenesses

Maps = NDArray[np.float32]
Labels = NDArray[np.int32]
Score = Callable[[Maps, Labels, ModelSpec], NDArray[np.float64]]


def area(_: Maps, labels: Labels, __: ModelSpec) -> NDArray[np.float64]:
    """In pixels."""
    return np.bincount(labels.ravel())[1:].astype(np.float64)


def agreement(maps: Maps, labels: Labels, _: ModelSpec) -> NDArray[np.float64]:
    """1 where the cell's own flow is the predicted one, 0 where it has nothing to do with it."""
    return np.clip(1 - flow_errors(labels, maps[1:]), 0, 1)


def valleys(maps: Maps, labels: Labels, spec: ModelSpec) -> NDArray[np.float64]:
    """How deep the valley around each cell is, 0 to 1, as in ``raw_scores``."""
    diameter = spec.cell_diameter_px or 20.0
    return -np.expm1(-np.maximum(valley_depths(labels, maps[1:]), 0) / (diameter / 3))


SCORES: dict[str, Score] = {
    "area": area,
    "foreground × length": surenesses,
    "agreement of its own flow": agreement,
    "depth of its valley": valleys,
    "foreground × length × valley": raw_scores,
    "foreground × agreement × valley": lambda maps, labels, spec: (
        surenesses(maps, labels, spec) ** 0.5
        * agreement(maps, labels, spec)
        * valleys(maps, labels, spec)
    ),
}


def roc_area(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The probability that a right cell scores higher than a wrong one; nan without both."""
    number = int(right.sum())
    if number in (0, len(right)):
        return float("nan")
    ranks = rankdata(scores)[right].sum()
    return float((ranks - number * (number + 1) / 2) / (number * (len(right) - number)))


def average_precision(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The mean share of right cells among those that score as high, over the right ones."""
    ordered = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1))[ordered].mean())


def judged(model: Path, data: Path, fold: int) -> pd.DataFrame:
    """A row a score: how well it orders the cells of the fold, and its milliseconds an image."""
    segmenter = Segmenter.from_saved(model)
    spec = segmenter.spec
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in SCORES}
    spent = dict.fromkeys(SCORES, 0.0)
    rights: list[NDArray[np.bool_]] = []
    for sample in folds(open_dataset(data).samples, 3, by="group", seed=0)[fold - 1].test:
        annotated = sample.read()
        maps = segmenter.maps(annotated.image, pixel_size_um=annotated.pixel_size_um)
        labels = divide_cells(maps, spec, Options())
        number = int(labels.max())
        judge = judge_cells(annotated.labels, labels, np.arange(number), valid=annotated.valid)
        known = judge.scores.astype(int)  # of cells that the annotation says something about
        rights.append(judge.right)
        for name, score in SCORES.items():
            start = time.process_time()
            found[name].append(score(maps, labels, spec)[known])
            spent[name] += 1000 * (time.process_time() - start)
    every = np.concatenate(rights)
    return pd.DataFrame(
        {
            "score": name,
            "AUC": roc_area(np.concatenate(scores), every),
            "within": np.nanmean([roc_area(*one) for one in zip(scores, rights, strict=True)]),
            "average precision": average_precision(np.concatenate(scores), every),
            "ms": spent[name] / len(rights),
        }
        for name, scores in found.items()
    )


def main() -> None:
    """Print the mean over the models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=1)
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    options = parser.parse_args()
    tables = [judged(model, options.data, options.fold) for model in options.models]
    means = pd.concat(tables).groupby("score", sort=False).mean().reset_index()
    print(markdown_table(means.round({"AUC": 3, "within": 3, "average precision": 3, "ms": 0})))


if __name__ == "__main__":
    main()
