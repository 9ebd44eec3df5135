"""The command: its options, and what is done in which order."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from peers.environments import TOOLS, PeerError
from peers.extra import speed, zero_shot
from peers.rounds import Round, cross_validation, one_round
from peers.scores import score_labels
from peers.tables import by_kind, by_tool, margins, training_table
from peers.work import Model, Terms, predicted, trained_model
from softlight.evaluate.table import markdown_table, write_metrics
from softlight.io.files import replacing
from softlight.recipes.library import load_recipe


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; where they do not fit together, argparse ends the program and says why."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, help="Folder of annotated images to cross-validate on.")
    add("--folds", type=int, help="Parts of --data, cut by well or movie: 3 if not given.")
    add("--train", type=Path, help="Folder of annotated images to train on, with --test.")
    add("--test", type=Path, help="Folder of annotated images to test on, with --train.")
    add("--minutes", type=float, default=12.0, help="Of training, for each tool and fold.")
    add("--tools", type=_tools, default=list(TOOLS), help=f"Of {','.join(TOOLS)}.")
    add("--out", type=Path, default=Path("runs/peers"), help="Folder of models and tables.")
    add("--cache", type=Path, default=Path(".peers"), help="Folder of the peers' environments.")
    add("--recipe", default="cells", help="Softlight's recipe: a name or a TOML file.")
    add("--threads", type=int, default=2, help="Of the processor, the same for each tool.")
    add("--seed", type=int, default=0, help="Of each tool's random choices.")
    add(
        "--validation-fraction",
        type=float,
        default=0.0,
        help="Of the training images, held out for thresholds; 0 tunes them on those trained on.",
    )
    add(
        "--cellpose-optimizer",
        choices=("sgd", "adamw"),
        default="sgd",
        help="sgd as Cellpose's manual, adamw as its function train_seg.",
    )
    add("--annotation", default="auto", help="Challenge folders: auto, gold, silver, complete.")
    add("--speed", action="store_true", help="Also time an image of 520 x 704 with 300 cells.")
    add(
        "--pretrained",
        nargs="*",
        metavar="TOOL=PATH",
        help="Also score models as they are published, on the test images: Softlight's shipped "
        "ones, and peers' weights as stardist=FOLDER or cellpose=FILE.",
    )
    options = parser.parse_args(words)
    if (options.train is None) != (options.test is None):
        parser.error("give --train and --test together")
    if (options.data is None) == (options.train is None):
        parser.error("give --data, or --train with --test")
    if options.folds is not None and options.data is None:
        parser.error("--folds goes with --data")
    if options.minutes <= 0:
        parser.error("--minutes must be above 0")
    if not 0 <= options.validation_fraction < 1:
        parser.error("--validation-fraction goes from 0 to below 1")
    options.pretrained = _assignments(parser, options.pretrained)
    return options


def _tools(text: str) -> list[str]:
    chosen = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in chosen if word not in TOOLS]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'} is no tool here; choose of {', '.join(TOOLS)}"
        )
    return list(dict.fromkeys(chosen))


def _assignments(
    parser: argparse.ArgumentParser, words: Sequence[str] | None
) -> dict[str, list[str]] | None:
    """The paths of each tool; None where the table is not asked for."""
    if words is None:
        return None
    paths: dict[str, list[str]] = {tool: [] for tool in TOOLS}
    for word in words:
        tool, equals, path = word.partition("=")
        if not equals or tool not in TOOLS or not path:
            parser.error(f"--pretrained {word}: write stardist=FOLDER, cellpose=FILE")
        paths[tool].append(path)
    return paths


class Pages:
    """Tables as they come: printed, and kept in one Markdown file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts: list[str] = []

    def add(self, title: str, *content: Any) -> None:
        """Print this part and keep it; tables become Markdown, text stays."""
        text = [markdown_table(c) if isinstance(c, pd.DataFrame) else str(c) for c in content]
        part = "\n\n".join([f"## {title}", *text])
        print(f"\n{part}", flush=True)
        self.parts.append(part)
        with replacing(self.path) as temporary:
            temporary.write_text("\n\n".join(self.parts) + "\n", encoding="utf-8")


def run(options: argparse.Namespace) -> None:
    """Train what is not trained yet, score it, and print the tables."""
    terms = Terms(
        minutes=options.minutes,
        recipe=options.recipe,
        threads=options.threads,
        seed=options.seed,
        cache=options.cache,
        optimizer=options.cellpose_optimizer,
        note=lambda line: print(line, flush=True),
    )
    _limit_to(options.threads)
    rounds = _rounds(options)
    scored, trained, models = [], [], {}
    for part in rounds:
        for tool in options.tools:
            model, took = trained_model(tool, part, options.out, terms)
            models[part.name, tool] = model
            trained.append({"round": part.name, "tool": tool, **took})
            scored.append(_score(model, part, options.out, terms))
    images = pd.concat(scored, ignore_index=True)
    pages = Pages(options.out / "peers.md")
    write_metrics(options.out, images, by="tool", about=_about(options))
    _accuracy(pages, images, trained, options)
    if options.speed:
        pages.add(*speed(rounds, models, options.tools, options.out, terms))
    if options.pretrained is not None:
        pages.add(*zero_shot(rounds, options.pretrained, options.tools, options.out, terms))
    print(f"\nScores of each image: {options.out / 'metrics.csv'}; tables: {pages.path}")


def _rounds(options: argparse.Namespace) -> list[Round]:
    recipe = load_recipe(options.recipe)
    if options.data is None:
        return one_round(
            options.train,
            options.test,
            recipe,
            fraction=options.validation_fraction,
            annotation=options.annotation,
        )
    return cross_validation(
        options.data,
        options.folds or 3,
        recipe,
        fraction=options.validation_fraction,
        annotation=options.annotation,
    )


def _score(model: Model, part: Round, out: Path, terms: Terms) -> pd.DataFrame:
    """Scores of the round's test images by this model."""
    folder = out / part.name / model.tool / "test"
    found = predicted(model, part.test, folder, out / part.name / "test", terms)
    return score_labels(
        model.tool, part.test, folder / "labels", found, round=part.name, load_s=found["load_s"]
    )


def _accuracy(
    pages: Pages,
    images: pd.DataFrame,
    trained: Sequence[dict[str, Any]],
    options: argparse.Namespace,
) -> None:
    held = "none held out" if options.validation_fraction == 0 else "some held out"
    pages.add(
        "Accuracy on images not trained on",
        f"{options.minutes:g} minutes of training for each tool and round, {options.threads} "
        f"threads; thresholds tuned on training images, {held}. Means over images. Seconds: from "
        "the file of an image to the file of its labels, warm, start and load left out.",
        by_tool(images),
        *margins(images),
    )
    if images["cell_type"].nunique() > 1:
        pages.add("By cell type", by_kind(images, "cell_type"))
    pages.add("By image", by_kind(images, "image"))
    pages.add("What training took", training_table(trained))


def _limit_to(threads: int) -> None:
    """Keep this program, and all that it starts, on so many cores where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _about(options: argparse.Namespace) -> dict[str, str]:
    return {name: str(value) for name, value in vars(options).items()}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; a mistake of the user becomes one sentence and exit code 1."""
    options = parse(words)
    try:
        run(options)
    except (PeerError, ValueError, OSError) as error:
        print(f"peers: {error}", file=sys.stderr)
        return 1
    return 0
