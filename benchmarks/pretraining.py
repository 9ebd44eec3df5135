r"""What images without annotation are worth: training from nothing, and after pre-training on them.

    python benchmarks/pretraining.py --data ../shared/data/livecell --minutes 6 \
        --pretrain-minutes 20 --out runs/pretraining

In every row the test images are the same, and none of their wells is looked at in pre-training or
in training. With `--shipped phase-open` training begins also with the weights of that model. `--set
train.clock=processor` counts minutes of the processor, where the machine has other things to do.
What is done already in `--out` is not done again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from softlight.apps.commands.training import parse_assignments
from softlight.config import Recipe, with_settings
from softlight.data.frames import find_frames
from softlight.data.samples import Sample
from softlight.data.sets import open_dataset
from softlight.data.splits import Fold, folds, split_fraction, spread
from softlight.evaluate.table import markdown_table, write_metrics
from softlight.inference.predict import Segmenter
from softlight.models.saved import SPEC
from softlight.recipes.beginning import with_beginning
from softlight.recipes.library import load_recipe
from softlight.recipes.pretrain import pretrain_on, pretraining
from softlight.recipes.score import score_network, to_table
from softlight.recipes.train import has_checkpoint, train

PARTS = 4  # the images are cut into so many folds
SCRATCH, BEFORE = "from nothing", "pre-trained"


def frames_for(data: Path, test: Sequence[Sample]) -> list[Sample]:
    """All images of the folder, annotated or not, but those of the wells that test."""
    groups, names = {s.group for s in test}, {s.name for s in test}
    frames = [frame for frame in find_frames([data]) if frame.group not in groups]
    assert not names & {Path(frame.name).name for frame in frames}
    return frames


def pretrained(frames: Sequence[Sample], recipe: Recipe, out: Path) -> Path:
    """The folder of the network that has learned from these frames."""
    if not (out / SPEC).is_file():
        pretrain_on(frames, recipe, out, resume=has_checkpoint(out), note=print)
    return out


def scores(recipe: Recipe, samples: Sequence[Sample], fold: Fold, out: Path) -> pd.DataFrame:
    """The scores of the fold's test images after training on these samples."""
    done = out / "metrics.csv"
    if not done.is_file():
        split = split_fraction(samples, recipe.data.validation_fraction)
        trained = train(recipe, split, out, resume=has_checkpoint(out))
        scored = score_network(Segmenter(trained.result.network, trained.spec), fold.test)
        write_metrics(out, to_table(scored))
    return pd.read_csv(done)


def run(data: Path, counts: Sequence[int], out: Path, options: argparse.Namespace) -> pd.DataFrame:
    """The scores of every test image in every row of the table."""
    settings = parse_assignments(options.sets)
    length = _length(options.minutes, options.epochs)
    base = with_settings(load_recipe("cells"), {**settings, **length})
    long = _length(options.pretrain_minutes, options.pretrain_epochs)
    rows = []
    for number, fold in enumerate(folds(open_dataset(data).samples, PARTS, seed=0)):
        if number == options.folds:
            break
        place = out / f"fold-{number + 1}"
        frames = frames_for(data, fold.test)
        model = pretrained(frames, pretraining(base, long), place / "pretraining")
        starts = [(SCRATCH, ""), (BEFORE, str(model))]
        starts += [(f"as {Path(name).name}", name) for name in options.shipped]
        for count in counts:
            samples = spread(fold.train, count)
            for name, init in starts:
                recipe = with_beginning(base, {"train.init": init})
                folder = place / f"{name.replace(' ', '-')}-{count}"
                table = scores(recipe, samples, fold, folder)
                row = {"images": count, "start": name, "fold": number + 1}
                rows.append(table.assign(**row))
                print(row, table[["ap50", "ap", "dice"]].mean().round(3).to_dict(), flush=True)
    return pd.concat(rows, ignore_index=True)


def _length(minutes: float | None, epochs: int | None) -> dict[str, Any]:
    return {"train.minutes": minutes} if epochs is None else {"train.epochs": epochs}


def main() -> None:
    """Run all rows and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--pretrain-minutes", type=float, default=20.0)
    parser.add_argument("--epochs", type=int, help="in place of minutes")
    parser.add_argument("--pretrain-epochs", type=int, help="in place of minutes")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--shipped", nargs="*", default=[], help="also begin as these models")
    parser.add_argument("--folds", type=int, default=1, help=f"of {PARTS}; each pre-trains anew")
    parser.add_argument("--set", dest="sets", action="append", help="a setting, as model.width=8")
    parser.add_argument("--out", type=Path, default=Path("runs/pretraining"))
    options = parser.parse_args()
    images = run(options.data, options.counts, options.out, options)
    means = images.groupby(["images", "start"], sort=False)[["ap50", "ap", "dice"]].mean()
    print(markdown_table(means.reset_index()))


if __name__ == "__main__":
    main()
