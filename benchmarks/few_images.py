"""What one, three and ten annotated images give, with the settings that are chosen by themselves.

    python benchmarks/few_images.py --data ../shared/data/livecell --minutes 3 --out runs/few

The test wells are the same in every row and never train.
"""

import argparse
from pathlib import Path

import pandas as pd

from softlight.config import with_settings
from softlight.data.samples import DataSet
from softlight.data.sets import open_dataset
from softlight.data.splits import folds, split_fraction, spread
from softlight.evaluate.table import markdown_table, write_metrics
from softlight.inference.predict import Segmenter
from softlight.recipes.advise import advise
from softlight.recipes.score import score_network, to_table
from softlight.recipes.train import train


def run(dataset: DataSet, count: int, minutes: float, out: Path) -> pd.DataFrame:
    """Scores of the held-out images after training on ``count`` images."""
    fold = folds(dataset.samples, 4, seed=0)[0]
    chosen = spread(fold.train, count)
    advice = advise(DataSet(dataset.name, dataset.kind, dataset.source, chosen))
    recipe = with_settings(advice.recipe, {"train.minutes": minutes})
    split = split_fraction(chosen, recipe.data.validation_fraction)
    trained = train(recipe, split, out / f"images-{count}")
    scored = score_network(Segmenter(trained.result.network, trained.spec), fold.test)
    return to_table(scored).assign(trained_on=str(count))


def main() -> None:
    """Train at each count and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--out", type=Path, default=Path("runs/few"))
    options = parser.parse_args()
    dataset = open_dataset(options.data)
    tables = [run(dataset, count, options.minutes, options.out) for count in options.counts]
    images = pd.concat(tables, ignore_index=True)
    write_metrics(options.out, images, by="trained_on")
    means = images.groupby("trained_on", sort=False)[["dice", "iou", "pixel_accuracy"]]
    print(markdown_table(means.agg("mean").reset_index()))


if __name__ == "__main__":
    main()
