"""Pictures of a training run while it goes on: curves, and predictions beside the truth."""

from __future__ import annotations

import time
from abc import abstractmethod
from pathlib import Path

import numpy as np
from torch import nn

from softlight.config import ModelSpec, Recipe
from softlight.data.classes import are_values, ignoring
from softlight.data.degraded import degraded_samples
from softlight.data.splits import Split
from softlight.inference.predict import Segmenter, class_map
from softlight.report.class_pictures import preview_of_classes
from softlight.report.figures import curves_figure, preview, write_picture
from softlight.report.view import Pixels
from softlight.training.callbacks import Callback, Row

PREVIEWED = 2  # images
PANEL_PX = 480
LEAST_S_BETWEEN = 20.0  # drawing must not eat the training time


class RunPictures(Callback):
    """Writes ``curves.png`` and ``previews/epoch_0003.png`` from time to time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._drawn_s = -LEAST_S_BETWEEN

    @abstractmethod
    def drawn(self, network: nn.Module) -> Pixels:
        """What the network makes of the images, beside what is right."""

    def curves(self, history: list[Row]) -> None:
        """Draw ``curves.png`` of these epochs."""
        write_picture(self.folder / "curves.png", curves_figure(history))

    def epoch(self, history: list[Row], network: nn.Module) -> None:
        """Draw, unless the last drawing was a moment ago."""
        if time.monotonic() - self._drawn_s < LEAST_S_BETWEEN:
            return
        self.curves(history)
        number = int(history[-1]["epoch"])
        write_picture(self.folder / "previews" / f"epoch_{number:04d}.png", self.drawn(network))
        self._drawn_s = time.monotonic()


class TrainingPictures(RunPictures):
    """Shows the cells that are found in some of the images held out."""

    def __init__(self, folder: Path, recipe: Recipe, split: Split) -> None:
        super().__init__(folder)
        chosen = tuple(split.validation or split.train)[:PREVIEWED]
        ignored = recipe.data.ignore_value
        if recipe.degrade is not None:
            chosen = degraded_samples(chosen, recipe.degrade)
        self._images = [(sample.name, ignoring(sample, ignored).read()) for sample in chosen]
        self._spec = ModelSpec(
            name=recipe.name,
            classes=recipe.classes,
            model=recipe.model,
            target=recipe.target,
            preprocess=recipe.preprocess,
        )

    def drawn(self, network: nn.Module) -> Pixels:
        """Each image, its cells and what is wrong."""
        segmenter = Segmenter(network, self._spec, device="cpu")
        found = []
        for _, annotated in self._images:
            size = annotated.pixel_size_um
            probability = segmenter.probability(annotated.image, pixel_size_um=size)
            found.append(class_map(probability).astype(np.int32))
        if are_values(self._spec.classes):
            return preview_of_classes(
                [annotated.image for _, annotated in self._images],
                found,
                self._spec.classes,
                truth=[annotated.labels for _, annotated in self._images],
                titles=[name for name, _ in self._images],
                panel_px=PANEL_PX,
            )
        return preview(
            [annotated.image for _, annotated in self._images],
            found,
            truth=[annotated.labels for _, annotated in self._images],
            titles=[name for name, _ in self._images],
            panel_px=PANEL_PX,
        )
