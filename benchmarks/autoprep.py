"""What lifts automatic preprocessing, or the plain U-Net, on several classes in equal minutes.

    python benchmarks/autoprep.py --data ../shared/data/stills/wbc_three_class --minutes 6 \
        --classes background cytoplasm nucleus --out runs/lifts

Every setting is cross-validated on the same folds. Printed are IoU in percent, mean and standard
deviation over the folds (a fold's pixels counted together), and the paired test of the images' mIoU
against the first setting. Finished folds are kept: the same command goes on.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from softlight.apps.commands.training import parse_assignments
from softlight.config import with_settings
from softlight.data.sets import open_dataset
from softlight.evaluate.classes import across_folds, in_percent
from softlight.evaluate.paired import paired_test
from softlight.evaluate.table import markdown_table
from softlight.models.registry import build_model
from softlight.recipes.autoprep import adapt
from softlight.recipes.crossval import class_scores_by_fold, cross_validate
from softlight.recipes.library import load_recipe

UNET = {"model.name": "unet"}
CROSS_ENTROPY = {"name": "cross_entropy"}
TVERSKY = {"name": "tversky", "alpha": 0.3, "beta": 0.7}
PLAIN = {  # what the modern recipe changes beside the network, undone
    "augment": {},
    "loss.terms": [CROSS_ENTROPY],
    "schedule": {"name": "constant"},
    "optimizer": {"name": "adam", "learning_rate": 1e-3},
    "train.average_decay": 0.0,
}
SETTINGS: dict[str, dict[str, object]] = {
    "unet": UNET,
    "unet-plain": {**UNET, **PLAIN},
    "unet-wide": {**UNET, "model.width": 24},  # about as many parameters as two networks of 16
    "unet-deep": {**UNET, "model.deep_supervision": True},
    "unet-flips": {**UNET, "predict.flips": True},
    "unet-tversky": {**UNET, "loss.terms": [CROSS_ENTROPY, TVERSKY]},
    "unet-entropy": {**UNET, "loss.terms": [CROSS_ENTROPY]},
    "unetpp": {"model.name": "unetpp"},
    "unetpp-deep": {"model.name": "unetpp", "model.deep_supervision": True},
    "attention-unet": {"model.name": "attention-unet"},
    "autoprep": {},
    "autoprep-plain": PLAIN,
    "autoprep-none": {"model.ensemble": "none"},
    "autoprep-fixed": {"model.ensemble": "fixed"},
    "autoprep-bases": {"model.second_base": "attention-unet"},
    "autoprep-deep": {"model.deep_supervision": True},
    "autoprep-flips": {"predict.flips": True},
    "autoprep-side": {"loss.auxiliary_weight": 0.3},
    "autoprep-tversky": {"loss.terms": [CROSS_ENTROPY, TVERSKY]},
}


def chosen(options: argparse.Namespace) -> dict[str, Mapping[str, object]]:
    """The settings to try, by name, the first one being what the others are compared with."""
    found: dict[str, Mapping[str, object]] = {name: SETTINGS[name] for name in options.settings}
    for name, *words in options.also or []:
        found[name] = parse_assignments(words)
    return found


def run(name: str, settings: Mapping[str, object], options: argparse.Namespace) -> pd.DataFrame:
    """The scores of every image with these settings."""
    dataset = open_dataset(options.data)
    given = {"classes": options.classes} if options.classes else {}
    recipe = with_settings(
        load_recipe(options.recipe),
        {
            **adapt(dataset, given),
            **settings,
            **parse_assignments(options.set),
            "train.minutes": options.minutes,
        },
    )
    parameters = sum(p.numel() for p in build_model(recipe.model).parameters())
    print(f"{name}: {parameters:,} parameters", flush=True)
    table = cross_validate(
        recipe, dataset, options.out / name, k=options.folds, note=lambda line: print(line)
    )
    return table.assign(setting=name, parameters=parameters)


def epochs(out: Path) -> float:
    """The mean number of epochs that a fold trained."""
    files = sorted(out.glob("fold-*/training/history.csv"))
    return float(pd.Series([len(pd.read_csv(file)) for file in files]).mean())


def compared(tables: Mapping[str, pd.DataFrame], out: Path) -> pd.DataFrame:
    """One row a setting: its scores, and how sure its gain over the first one is."""
    first, *_ = tables
    rows = []
    for name, table in tables.items():
        by_fold = class_scores_by_fold(out / name)
        assert by_fold is not None
        shown = in_percent(across_folds(by_fold), scores=("iou",))
        row: dict[str, object] = {"setting": name}
        row |= {f"IoU {c}": text for c, text in shown.itertuples(index=False)}
        pair = table[["image", "miou"]].merge(tables[first][["image", "miou"]], on="image")
        test = paired_test(100 * pair["miou_x"].to_numpy(), 100 * pair["miou_y"].to_numpy())
        if name != first:
            row |= {"gain by image": test.difference, "low": test.low, "high": test.high}
            row |= {"p": test.p, "effect size": test.effect_size}
        rows.append(row | {"epochs": epochs(out / name), "parameters": table["parameters"].iloc[0]})
    return pd.DataFrame(rows)


def main() -> None:
    """Cross-validate each setting and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/lifts"))
    parser.add_argument("--minutes", type=float, default=6.0, help="of training, each fold")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--classes", nargs="+", help="names by value, background first")
    parser.add_argument("--recipe", default="autoprep-modern")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--set", nargs="+", metavar="KEY=VALUE", help="in every setting")
    parser.add_argument(
        "--also", nargs="+", action="append", metavar="NAME KEY=VALUE", help="one more setting"
    )
    options = parser.parse_args()
    tables = {name: run(name, value, options) for name, value in chosen(options).items()}
    pd.concat(tables.values()).to_csv(options.out / "images.csv", index=False)
    table = compared(tables, options.out)
    table.to_csv(options.out / "table.csv", index=False)
    print(markdown_table(table))


if __name__ == "__main__":
    main()
