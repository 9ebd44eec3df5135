"""Verbs that train: train, crossval, compare, reproduce, recipes."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softlight.apps.interrupts import interruptible

if TYPE_CHECKING:
    from softlight.recipes.train import Trained

Data = Annotated[
    list[Path],
    typer.Option("--data", help="Folder of annotated images; given again, they are joined."),
]
Licence = Annotated[
    list[str] | None,
    typer.Option("--licence", help="Of the images, for the model's card: one, or one a folder."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a setting, as train.clip_norm=1."),
]
Minutes = Annotated[
    float | None, typer.Option("--minutes", help="Train for so many minutes, not by epochs.")
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda or mps; auto takes the fastest there is.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of every random choice.")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Passes over the data.")]
Init = Annotated[
    str | None,
    typer.Option(
        "--init",
        help="Begin with the weights of this model, by name or folder; none: from nothing.",
    ),
]
Annotation = Annotated[
    str,
    typer.Option("--annotation", help="Challenge folders: auto, gold, silver or complete."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(train)
    app.command()(crossval)
    app.command()(compare)
    app.command()(reproduce)
    app.command()(recipes)


def parse_assignments(assignments: list[str] | None) -> dict[str, Any]:
    """The values of ``key=value`` words, read as TOML and else as text."""
    values: dict[str, Any] = {}
    for word in assignments or []:
        key, equals, text = word.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"--set {word} has no value. Write it as KEY=VALUE.")
        try:
            values[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text
    return values


def chosen_settings(
    sets: list[str] | None,
    *,
    minutes: float | None,
    epochs: int | None,
    device: str | None,
    seed: int | None,
    init: str | None = None,
) -> dict[str, Any]:
    """The recipe's settings that flags and ``--set`` replace."""
    if minutes is not None and epochs is not None:
        raise ValueError("Give --minutes or --epochs, not both.")
    named = {
        "train.minutes": minutes,
        "train.epochs": epochs,
        "train.device": device,
        "train.seed": seed,
        "train.init": "" if init == "none" else init,
    }
    given: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if epochs is not None:
        given["train.minutes"] = None  # a budget of the recipe would go before the epochs
    return {**given, **parse_assignments(sets)}


def _how_to_go_on() -> str:
    return "Finished folds and epochs are kept; give the same command to go on."


def how_to_resume(out: Path) -> Callable[[], str]:
    """What to say after Ctrl-C: whether anything is kept in the model's folder to go on with."""

    def advice() -> str:
        from softlight.recipes.train import has_checkpoint

        if has_checkpoint(out):
            return "The finished epochs are kept; give the same command with --resume to go on."
        return "No epoch was finished yet, so nothing is kept; give the same command to begin anew."

    return advice


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="Name or .toml file; without one, settings are chosen from the data."),
    ] = None,
    data: Data = ...,  # type: ignore[assignment]
    out: Annotated[Path, typer.Option("--out", help="Folder of the model to be.")] = ...,  # type: ignore[assignment]
    minutes: Minutes = None,
    epochs: Epochs = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False,
    sets: Sets = None,
    init: Init = None,
    auto_balance: Annotated[
        bool,
        typer.Option("--auto-balance", help="Start again, balanced, if one class is all it says."),
    ] = False,
    validation: Annotated[
        str | None,
        typer.Option("--validation", help="Images or groups to validate on, joined by commas."),
    ] = None,
    annotation: Annotation = "auto",
    licence: Licence = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Train a network on annotated images and save it as a model."""
    from softlight.apps.progress import TrainingLines, counting, say
    from softlight.recipes.train_folder import train_folder

    settings = chosen_settings(
        sets, minutes=minutes, epochs=epochs, device=device, seed=seed, init=init
    )
    if auto_balance:
        settings["train.auto_balance"] = True
    with (
        interruptible(how_to_resume(out)),
        counting("Reading images") as progress,
        counting("Trying thresholds") as tuning,
    ):
        trained = train_folder(
            recipe,
            data,
            out,
            settings=settings,
            validation=None if validation is None else validation.split(","),
            annotation=annotation,
            licence=licence or "",
            resume=resume,
            callbacks=[TrainingLines(recipe or "chosen settings")],
            decoding=progress,
            tuning=tuning,
            note=say,
        )
    tell_trained(trained)


def tell_trained(trained: Trained) -> None:
    """Say why a run stopped and where its model and report are."""
    from softlight.apps.progress import say

    say(f"Stopped: {trained.result.stopped_by}. Best epoch: {trained.result.best_epoch}.")
    typer.echo(f"Model: {trained.folder}")
    typer.echo(f"Report: {trained.folder / 'report.html'}")


def crossval(
    recipe: Annotated[str, typer.Argument(help="Name or .toml file.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder for the folds and the table.")],
    folds: Annotated[int, typer.Option("--folds", help="Parts, cut by well or movie.")] = 5,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="So many folds at a time, cores and GPUs divided.")
    ] = 1,
    minutes: Minutes = None,
    epochs: Epochs = None,
    sets: Sets = None,
    init: Init = None,
    annotation: Annotation = "auto",
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Cross-validate a recipe; run it again after an interruption and it goes on."""
    from softlight.apps.progress import TrainingLines, say
    from softlight.data.sets import open_dataset
    from softlight.evaluate.classes import across_folds, in_percent
    from softlight.evaluate.table import markdown_table, summarize
    from softlight.recipes.beginning import with_beginning
    from softlight.recipes.crossval import class_scores_by_fold, cross_validate
    from softlight.recipes.library import load_recipe

    settings = chosen_settings(
        sets, minutes=minutes, epochs=epochs, device=device, seed=seed, init=init
    )
    dataset = open_dataset(data, annotation=annotation)
    for line in dataset.notes:
        say(line)
    with interruptible(_how_to_go_on):
        table = cross_validate(
            with_beginning(load_recipe(recipe), settings),
            dataset,
            out,
            k=folds,
            jobs=jobs,
            watch=lambda name: [TrainingLines(name)],
            note=say,
        )
    by = "cell_type" if "cell_type" in table else None
    typer.echo(markdown_table(summarize(table, by=by)))
    classes = class_scores_by_fold(out)
    if classes is not None:
        say(f"Classes, the pixels of a fold together: mean ± sd over the {folds} folds")
        typer.echo(markdown_table(in_percent(across_folds(classes))))
    typer.echo(f"Report: {out / 'report.html'}")


def compare(
    run: Annotated[Path, typer.Argument(help="Folder of a finished crossval or evaluate.")],
    baseline: Annotated[Path, typer.Argument(help="The one to compare it with.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Say whether one run is better than another on the same images, and how sure that is."""
    import json

    from softlight.apps.progress import say
    from softlight.evaluate.table import markdown_table
    from softlight.recipes.compare import compare_runs

    found = compare_runs(run, baseline)
    if as_json:
        typer.echo(json.dumps(json.loads(found.table.to_json(orient="records")), indent=2))
        return
    rare = ["<0.001" if p < 0.001 else f"{p:.3f}" for p in found.table["p"]]
    typer.echo(markdown_table(found.table.assign(p=rare)))
    for note in found.notes:
        say(note)


def reproduce(
    name: Annotated[str, typer.Argument(help="A published system; see softlight recipes.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Real images; without, a set is simulated.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for models and tables.")] = None,
    minutes: Minutes = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", help="Parts, cut by well or movie: the paper's number, or 3."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few minutes: small networks, two folds.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(
            help="Run these variants alone, joined by commas: names, or what they begin with."
        ),
    ] = None,
    sets: Sets = None,
    annotation: Annotation = "auto",
) -> None:
    """Re-run a published system and print the paper's table beside ours."""
    from softlight.apps.progress import TrainingLines, say
    from softlight.evaluate.table import markdown_table
    from softlight.recipes.reproduce import reproduce as run

    out = out or Path("runs") / name
    settings = chosen_settings(sets, minutes=minutes, epochs=None, device=None, seed=None)
    with interruptible(_how_to_go_on):
        result = run(
            name,
            out,
            data=data,
            settings=settings,
            folds=folds,
            quick=quick,
            annotation=annotation,
            only=() if only is None else only.split(","),
            watch=lambda fold: [TrainingLines(fold)],
            note=say,
        )
    for caption, table in result.tables.items():
        typer.echo(f"{caption}\n\n{markdown_table(table)}" if caption else markdown_table(table))
    typer.echo(f"Report: {result.report}")


def recipes() -> None:
    """List the recipes that are known by name."""
    from softlight.recipes.library import list_recipes, load_recipe

    for name in list_recipes():
        typer.echo(f"{name:28} {load_recipe(name).description}")
