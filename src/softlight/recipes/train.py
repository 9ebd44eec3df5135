"""Train one network by one recipe: data set in, saved model out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from softlight.config import (
    AugmentConfig,
    ConfigError,
    LossConfig,
    LossTerm,
    ModelSpec,
    Recipe,
    to_toml,
)
from softlight.data.augment import Augmenter
from softlight.data.classes import ClassesHeld, are_values, ignoring, membrane_of
from softlight.data.degrade import worsened
from softlight.data.degraded import degraded_samples
from softlight.data.loader import Cache, Change, Decoded, TrainingBatches, count_classes, decode
from softlight.data.normalize import Preprocessor
from softlight.data.samples import Progress, Sample, counted, listed
from softlight.data.sized import at_cell_diameter, sized_by_set
from softlight.data.splits import Split, spread
from softlight.data.unlabelled import doubting
from softlight.inference.predict import Segmenter
from softlight.io.files import replacing
from softlight.losses import LOSSES, automatic_class_weights, build_loss
from softlight.models.card import CardText, model_card
from softlight.models.device import choose_device
from softlight.models.registry import build_model
from softlight.models.saved import adopt_weights, find_model, read_spec, save_model
from softlight.recipes.provenance import stamp
from softlight.recipes.trust import in_words, learn_trust
from softlight.recipes.tune import tune
from softlight.training.callbacks import Callback, CsvLog
from softlight.training.engine import CHECKPOINT, FitResult, Trainer, check_monitor
from softlight.training.restore import RestoreTask
from softlight.training.tasks import CellsTask, SegmentationTask, Task

MOST_TUNED = 12  # images that the thresholds are tried on
MOST_REVISITED = 4  # training images, where none is held out: they only show that training works
MOST_UNLIKE = 2.0  # times, of pixel sizes that are still taken for one
SPECK = 0.05  # of the median cell's area: smaller pieces are not taken for cells
RESTORES = "Restores images that are blurred, noisy, coarse or partly covered. It finds no cells."
TO_BEGIN_FROM = "To begin training from: `softlight train --init`. It cannot segment."
RUN_FOLDER = "training"  # inside the model's folder: checkpoints, history, pictures, recipe


@dataclass(frozen=True)
class Trained:
    """A finished training run."""

    folder: Path
    spec: ModelSpec
    result: FitResult
    split: Split


def train(
    recipe: Recipe,
    split: Split,
    out: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    provenance: dict[str, str] | None = None,
    decoding: Progress | None = None,
    tuning: Progress | None = None,
) -> Trained:
    """Train by the recipe on ``split.train``, keep the best on ``split.validation``, save it.

    Args:
        recipe: every setting.
        split: what trains and what validates; where nothing is held out, training images validate.
        out: the model's folder; ``training/`` in it holds the checkpoints, history and recipe.
        resume: go on from the last checkpoint in ``out``.
        callbacks: who watches.
        provenance: what the model's card says of its data and licence.
        decoding: told (done, total) while the images are read.
        tuning: told (done, total) while thresholds are tried on the images that validate.
    """
    run = out / RUN_FOLDER
    _check_parts(recipe)
    split = _known(recipe, split)
    _claim(recipe, split, run, resume=resume)
    preprocessor = Preprocessor(recipe.preprocess, in_channels=recipe.model.in_channels)
    names = {sample.name for sample in split.train}
    apart = [sample for sample in split.validation if sample.name not in names]
    every = _as_they_train(recipe, split.train, apart)
    with Cache() as cache:
        decoded = decode(
            every,
            preprocessor,
            len(recipe.classes),
            target=recipe.target,
            membrane=membrane_of(recipe.classes),
            cache=cache,
            progress=decoding,
        )
        training, held_out = decoded[: len(split.train)], decoded[len(split.train) :]
        if partly := _partly_annotated(training):
            for callback in callbacks:
                callback.noted(partly)
        trainer = _trainer(recipe, training, run, callbacks, keep_last=not held_out)
        batches = TrainingBatches(
            training,
            Augmenter(recipe.augment),
            recipe.data,
            seed=recipe.train.seed,
            directions=recipe.target == "flow",
            change=_change(recipe),
        )
        looked_at = recipe.data.judged_images
        judges = spread(held_out, looked_at) if held_out else spread(training, MOST_REVISITED)
        if recipe.target == "image":
            judges = puzzles(judges, recipe)
        else:
            judges = worse_copies(judges, recipe)
        result = trainer.fit(batches, judges, resume=resume)
        spec = _spec(recipe, training, len(held_out), provenance or {})
        told_apart = [item for item in held_out if item.labels is not None]
        if told_apart and recipe.target not in ("classes", "image"):
            judges = worse_copies(spread(told_apart, MOST_TUNED), recipe)
            for callback in callbacks:
                callback.noted(f"Thresholds are tried on {counted(len(judges), 'image')}.")
            spec = tune(Segmenter(result.network, spec), judges, progress=tuning)
    if recipe.target != "image" and recipe.train.trust:  # the first finds no cells
        if recipe.degrade is not None:
            every = [*degraded_samples(every, recipe.degrade)]
        of_training, held_apart = every[: len(split.train)], every[len(split.train) :]
        spec = learn_trust(Segmenter(result.network, spec), of_training, held_apart)
    if spec.trust is not None:
        for line in in_words(spec.trust):
            for callback in callbacks:
                callback.noted(line)
    spec = save_model(out, result.network, spec, card=_card(spec, result))
    return Trained(out, spec, result, split)


def _as_they_train(
    recipe: Recipe, training: Sequence[Sample], held_out: Sequence[Sample]
) -> list[Sample]:
    """The samples as the settings have them read: their doubtful regions, their size."""
    doubt, diameter = recipe.data.doubt_unlabelled, recipe.data.cell_diameter_px
    every = [*(doubting(sample) if doubt else sample for sample in training), *held_out]
    if not diameter:
        return every
    if recipe.data.sized_by == "set":
        return sized_by_set(every, diameter, like=training)
    return [at_cell_diameter(sample, diameter) for sample in every]


def check_finds_cells(recipe: Recipe) -> None:
    """Raise where the recipe is of restoring images, which needs no annotation."""
    if recipe.target == "image":
        raise ConfigError(
            f"The recipe {recipe.name!r} restores images and finds no cells; images without "
            "annotation are learned from by softlight pretrain."
        )


def _known(recipe: Recipe, split: Split) -> Split:
    """The split without the labels that are to be ignored; a DataError where a class is missing."""
    ignored = recipe.data.ignore_value
    known = replace(
        split,
        train=tuple(ignoring(sample, ignored) for sample in split.train),
        validation=tuple(ignoring(sample, ignored) for sample in split.validation),
    )
    if are_values(recipe.classes):
        held = ClassesHeld(recipe.classes)
        held.check_values([*known.train, *known.validation])
        held.check_parts([("Training has", known.train)])
    return known


def has_checkpoint(out: Path) -> bool:
    """Whether the model's folder holds a run that can be resumed."""
    return (out / RUN_FOLDER / CHECKPOINT).is_file()


def _trainer(
    recipe: Recipe,
    training: Sequence[Decoded],
    run: Path,
    callbacks: Sequence[Callback],
    *,
    keep_last: bool,
) -> Trainer:
    counts = count_classes(training, len(recipe.classes))
    torch.manual_seed(recipe.train.seed)
    network = build_model(recipe.model)
    if recipe.train.init:
        adopt_weights(network, recipe.train.init)
    return Trainer(
        network,
        _task(recipe.loss, recipe, counts),
        settings=recipe.train,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        folder=run,
        callbacks=[CsvLog(run / "history.csv"), *callbacks],
        rebalance=_balanced(recipe, counts) if recipe.train.auto_balance else None,
        keep_last=keep_last,
    )


def _check_parts(recipe: Recipe) -> None:
    """Raise for what only the parts themselves can judge, before any image is read."""
    choose_device(recipe.train.device)
    Augmenter(recipe.augment)
    with torch.device("meta"):  # no memory, no random draw
        build_model(recipe.model)
    if recipe.train.init:
        read_spec(find_model(recipe.train.init))
    task = _task(recipe.loss, recipe, np.ones(len(recipe.classes), np.int64))
    check_monitor(recipe.train.monitor, task)


def _claim(recipe: Recipe, split: Split, run: Path, *, resume: bool) -> None:
    """Write what this run is made of; a resumed run must be of the same recipe and images.

    A run that is there already is never thrown away by forgetting to resume it.
    """
    if not resume and (run / CHECKPOINT).is_file():
        raise ConfigError(
            f"{run.parent} holds a training run already. Go on with it by --resume, or train into "
            "another folder."
        )
    images = "".join(
        f"{part} {sample.name}\n"
        for part, samples in (("train", split.train), ("validate", split.validation))
        for sample in samples
    )
    for name, text, what in (
        ("recipe.toml", to_toml(recipe), "settings"),
        ("images.txt", images, "images"),
    ):
        path = run / name
        if resume and path.is_file() and path.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"{run} was started with other {what} (see {name} there), and a run cannot be "
                "changed or prolonged. Resume with the same ones, or train into another folder."
            )
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _change(recipe: Recipe) -> Change | None:
    """What is done to each crop: nothing, or it is made worse."""
    if recipe.degrade is None:
        return None
    return partial(worsened, config=recipe.degrade, preprocess=recipe.preprocess)


def worse_copies(images: Sequence[Decoded], recipe: Recipe) -> tuple[Decoded, ...]:
    """Whole images, made worse if crops are: always the same, to judge the network by."""
    change = _change(recipe)
    if change is None:
        return tuple(images)
    return tuple(
        change(item, np.random.default_rng([0, number])) for number, item in enumerate(images)
    )


def puzzles(images: Sequence[Decoded], recipe: Recipe) -> tuple[Decoded, ...]:
    """One crop of each image, made worse: always the same ones, to judge restoring by."""
    crops = TrainingBatches(
        images, Augmenter(AugmentConfig()), recipe.data, seed=0, change=_change(recipe)
    )
    return tuple(crops.sample(0, index, index) for index in range(len(images)))


def _task(loss: LossConfig, recipe: Recipe, counts: npt.NDArray[np.int64]) -> Task:
    """The task of the recipe's target with this loss, and classes that come so often."""
    task = _task_of_target(loss, recipe, counts)
    task.auxiliary_weight = loss.auxiliary_weight
    task.restored = LOSSES[loss.restored]
    task.restored_weight = loss.restored_weight
    return task


def _task_of_target(loss: LossConfig, recipe: Recipe, counts: npt.NDArray[np.int64]) -> Task:
    if recipe.target == "image":
        return RestoreTask(LOSSES[loss.restored], residual=recipe.model.residual)
    automatic = loss.class_weights == "auto"
    weights = automatic_class_weights([int(count) for count in counts]) if automatic else None
    pixels = build_loss(loss, weights)
    if recipe.target == "classes":
        return SegmentationTask(pixels, len(recipe.classes))
    maps = LOSSES[loss.maps]
    return CellsTask(pixels, maps, weight=loss.maps_weight, target=recipe.target)


def _balanced(recipe: Recipe, counts: npt.NDArray[np.int64]) -> Callable[[], Task]:
    """How to build the task that a network stuck in one class is restarted with."""
    alone = recipe.model.out_channels == 1 or recipe.target != "classes"
    pixel = "bce" if alone else "cross_entropy"
    terms = (LossTerm(name=pixel), LossTerm(name="tversky", alpha=0.3, beta=0.7))
    changes = {"terms": terms, "class_weights": "auto"}
    loss = recipe.loss.model_copy(update=changes)
    return lambda: _task(loss, recipe, counts)


def _partly_annotated(training: Sequence[Decoded]) -> str:
    """Which images have pixels that teach nothing, in words; empty if none has."""
    shares = {
        item.name: 1 - float(item.valid.mean()) for item in training if item.valid is not None
    }
    if not shares:
        return ""
    names = [f"{name} ({share:.0%})" for name, share in shares.items()]
    return (
        f"Not annotated for sure, so left out of training, are parts of {listed(names, shown=5)}."
    )


def _spec(
    recipe: Recipe, training: Sequence[Decoded], held_out: int, provenance: dict[str, str]
) -> ModelSpec:
    """What must be known beside the weights, from the recipe and the training images."""
    diameters = [d for item in training if not math.isnan(d := item.cell_diameter_px)]
    diameter = float(np.median(diameters)) if diameters else None
    return ModelSpec(
        name=recipe.name,
        classes=recipe.classes,
        model=recipe.model,
        target=recipe.target,
        degrade=recipe.degrade,
        ignore_value=recipe.data.ignore_value,
        preprocess=recipe.preprocess,
        predict=recipe.predict,
        pixel_size_um=_pixel_size(training),
        min_area_px=0 if diameter is None else round(SPECK * math.pi / 4 * diameter**2),
        cell_diameter_px=None if diameter is None else round(diameter, 1),
        provenance={
            **stamp(),
            "recipe": recipe.name,
            "training_images": str(len(training)),
            "validation_images": str(held_out),
            **({"started_from": Path(recipe.train.init).name} if recipe.train.init else {}),
            **provenance,
        },
    )


def _pixel_size(training: Sequence[Decoded]) -> float | None:
    """The median pixel size, where most images tell theirs and all of these are about as large.

    Otherwise a pixel's size says little of how large a cell is in pixels, as the network sees it.
    """
    sizes = [item.pixel_size_um for item in training if item.pixel_size_um is not None]
    if 2 * len(sizes) <= len(training) or max(sizes) > MOST_UNLIKE * min(sizes):
        return None
    return float(np.median(sizes))


def _card(spec: ModelSpec, result: FitResult) -> str:
    """The card with what the run knows; figures only of images that were held out."""
    known = spec.provenance
    held_out = int(known["validation_images"])
    begun = known.get("started_from")
    before = f" The weights began as those of {begun}; its card says of which." if begun else ""
    text = CardText(
        data=f"{known['training_images']} images of {known.get('data', 'an unnamed set')}.{before}",
        licence=f"Of the training images: {known.get('licence_of_data', 'not stated')}.",
    )
    shown: tuple[str, ...] = ("dice", "iou", "pixel_accuracy")
    if spec.target == "image":
        shown = ("psnr", "psnr_degraded", "ssim", "ssim_degraded")
        text = replace(text, summary=RESTORES, intended_use=TO_BEGIN_FROM)
    best = result.history[result.best_epoch - 1]
    measures = {name: best[f"val_{name}"] for name in shown}
    return model_card(
        spec,
        text,
        figures=measures if held_out else None,
        split=f"{held_out} images held out of training, which chose the epoch"
        if held_out
        else "no image was held out",
    )
