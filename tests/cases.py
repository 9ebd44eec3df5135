"""The canonical small examples that tests share."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tifffile
import torch
from torch import nn

from softlight.config import ModelConfig, ModelSpec, PreprocessConfig, Recipe, parse_recipe
from softlight.data.loader import Decoded
from softlight.inference.predict import Segmenter
from softlight.io.labels import write_labels


def discs(
    *, count: int = 4, side: int = 48, radius: int = 6, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """A noisy image (Y, X) in 0..1 with bright discs, and the label of each."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    for label in range(1, count + 1):
        row, column = rng.integers(radius, side - radius, 2)
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = label
    image = 0.2 + 0.6 * (labels > 0) + rng.normal(0, 0.05, labels.shape)
    return image.astype(np.float32), labels


def decoded_discs(number: int, **shape: int) -> list[Decoded]:
    """Images of discs as a network sees them, each with another seed."""
    items = []
    for seed in range(number):
        image, labels = discs(seed=seed, **shape)
        items.append(Decoded(f"discs{seed}", image[None], (labels > 0).astype(np.int32), None))
    return items


def write_discs(folder: Path, names: Sequence[str], *, classes: int = 2, **shape: int) -> Path:
    """A folder with ``images/`` (8 bits) and ``labels/``; of more classes, labels are classes."""
    (folder / "images").mkdir(parents=True)
    for seed, name in enumerate(names):
        image, labels = discs(seed=seed, **shape)
        if classes > 2:
            labels = np.where(labels > 0, 1 + labels % (classes - 1), 0)
        grey = (255 * image.clip(0, 1)).astype(np.uint8)
        tifffile.imwrite(folder / "images" / f"{name}.tif", grey)
        write_labels(folder / "labels" / f"{name}.tif", labels)
    return folder


def square_cells() -> dict[str, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """Pairs of label images (truth, predicted) of 8 x 8 pixels whose scores are known by hand."""
    empty = np.zeros((8, 8), np.int32)
    whole = empty.copy()
    whole[:4, :4] = 1  # 16 px
    halves = whole.copy()
    halves[2:4, :4] = 2
    two = whole.copy()
    two[4:, :4] = 2
    shifted = np.roll(whole, 1, axis=1)  # shares 12 of 20 px
    return {
        "same": (whole, 7 * whole),
        "halves": (whole, halves),
        "merged": (two, (two > 0).astype(np.int32)),
        "shifted": (whole, shifted),
        "missed": (two, whole),
        "false": (whole, two),
        "nothing": (empty, empty),
        "nothing found": (whole, empty),
        "nothing there": (empty, whole),
    }


def random_cells(rng: np.random.Generator, *, side: int = 12) -> npt.NDArray[np.int32]:
    """Up to eight rectangles that lie on each other, with any labels up to 200."""
    labels = np.zeros((side, side), np.int32)
    for label in rng.choice(200, rng.integers(0, 9), replace=False) + 1:
        top, left = rng.integers(0, side - 3, 2)
        height, width = rng.integers(1, 6, 2)
        labels[top : top + height, left : left + width] = label
    return labels


def tiny_recipe(**sections: object) -> Recipe:
    """A recipe that trains in a second; sections replace its own."""
    values: dict[str, object] = {
        "name": "tiny",
        "augment": {"flips": True},
        "data": {"validation_fraction": 0.25, "batch_size": 2, "patch_px": 32},
        "model": {"depth": 1, "width": 2},
        "optimizer": {"learning_rate": 0.01},
        "train": {"epochs": 2, "precision": "32", "device": "cpu"},
    }
    return parse_recipe(values | sections)


class Output(NamedTuple):
    logits: torch.Tensor


class Brightness(nn.Module):
    """A network whose answer is known: the logit is 12 times what the value exceeds one half.

    With ``shift`` it looks so many pixels beside, so that mirror images disagree.
    """

    def __init__(self, shift: int = 0) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, x: torch.Tensor) -> Output:
        return Output(12 * (torch.roll(x, self.shift, -1) - 0.5))


def bright_spec(**fields: object) -> ModelSpec:
    """What goes with ``Brightness`` on 8-bit images."""
    values: dict[str, object] = {
        "name": "bright",
        "model": ModelConfig(depth=1, width=1),
        "preprocess": PreprocessConfig(method="range", minimum=0, maximum=255),
    }
    return ModelSpec(**(values | fields))  # type: ignore[arg-type]


def bright_segmenter(*, shift: int = 0, **fields: object) -> Segmenter:
    """A segmenter that calls 8-bit values of 128 and more foreground."""
    return Segmenter(Brightness(shift), bright_spec(**fields), device="cpu", precision="32")
