"""Rounds of training and testing, and their images as files that every tool reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from peers.environments import PeerError
from softlight.config import Recipe
from softlight.data.samples import Annotated, Sample
from softlight.data.sets import open_dataset
from softlight.data.splits import folds, split_fraction, spread
from softlight.io.grey import to_grey

MOST_TUNED = 12  # images that thresholds are tuned on, as Softlight does itself


@dataclass(frozen=True)
class Round:
    """What is trained on, what is held out of that to judge by, and what is tested."""

    name: str
    train: tuple[Sample, ...]
    held_out: tuple[Sample, ...]
    test: tuple[Sample, ...]

    @property
    def tune(self) -> tuple[Sample, ...]:
        """The images for thresholds: those held out, else some that are trained on."""
        return spread(self.held_out or self.train, MOST_TUNED)


def cross_validation(
    data: Path, k: int, recipe: Recipe, *, fraction: float, annotation: str = "auto"
) -> list[Round]:
    """The folds of ``softlight crossval`` with this recipe: no well on both sides."""
    samples = open_dataset(data, annotation=annotation).samples
    by = recipe.data.split_by
    return [
        _round(f"fold-{number}", fold.train, fold.test, recipe, fraction)
        for number, fold in enumerate(folds(samples, k, by=by, seed=0), start=1)
    ]


def one_round(
    train: Path, test: Path, recipe: Recipe, *, fraction: float, annotation: str = "auto"
) -> list[Round]:
    """One round: a folder to train on and another to test on; no image may be in both."""
    opened = [open_dataset(path, annotation=annotation).samples for path in (train, test)]
    twice = sorted({s.name for s in opened[0]} & {s.name for s in opened[1]})
    if twice:
        raise PeerError(
            f"{len(twice)} images are in both {train} and {test}, the first {twice[0]}. Test on "
            "images that were not trained on."
        )
    return [_round("test", *opened, recipe, fraction)]


def _round(
    name: str,
    train: Sequence[Sample],
    test: Sequence[Sample],
    recipe: Recipe,
    fraction: float,
) -> Round:
    if fraction == 0:
        return Round(name, tuple(train), (), tuple(test))
    split = split_fraction(train, fraction, by=recipe.data.split_by, seed=recipe.train.seed)
    if set(split.train) & set(split.validation):  # a single image
        return Round(name, tuple(train), (), tuple(test))
    return Round(name, split.train, split.validation, tuple(test))


def write_samples(folder: Path, samples: Sequence[Sample]) -> None:
    """``images/`` and ``labels/`` in the folder hold these samples; files that are there stay."""
    for sample in samples:
        image_path = folder / "images" / f"{sample.name}.tif"
        label_path = folder / "labels" / f"{sample.name}.tif"
        if image_path.is_file() and label_path.is_file():
            continue
        annotated = sample.read()
        for path in (image_path, label_path):
            path.parent.mkdir(parents=True, exist_ok=True)
        _write(image_path, to_grey(annotated.image), annotated)
        _write(label_path, annotated.labels.astype(np.int32), annotated)


def _write(path: Path, plane: np.ndarray, annotated: Annotated) -> None:
    """A TIFF with the size of a pixel, where that is known."""
    size = annotated.pixel_size_um
    scale = {} if size is None else {"resolution": (1e4 / size, 1e4 / size)}
    unit = {} if size is None else {"resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, plane, photometric="minisblack", metadata=None, **scale, **unit)
