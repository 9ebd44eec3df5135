"""Pictures of a training run while it goes on: curves, and predictions beside the truth."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from torch import nn

from softlight.config import ModelSpec, Recipe
from softlight.data.loader import to_classes
from softlight.data.splits import Split
from softlight.inference.predict import Segmenter, class_map
from softlight.report.figures import curves_figure, preview, write_picture
from softlight.training.callbacks import Callback, Row

PREVIEWED = 2  # images
LEAST_S_BETWEEN = 20.0  # drawing must not eat the training time


class TrainingPictures(Callback):
    """Writes ``curves.png`` and ``previews/epoch_0003_NAME.png`` from time to time."""

    def __init__(self, folder: Path, recipe: Recipe, split: Split) -> None:
        self.folder = folder
        self._recipe = recipe
        chosen = (split.validation or split.train)[:PREVIEWED]
        self._images = [(sample.name, sample.read()) for sample in chosen]
        self._spec = ModelSpec(
            name=recipe.name,
            classes=recipe.classes,
            model=recipe.model,
            preprocess=recipe.preprocess,
        )
        self._drawn_s = -LEAST_S_BETWEEN

    def epoch(self, history: list[Row], network: nn.Module) -> None:
        """Draw, unless the last drawing was a moment ago."""
        if time.monotonic() - self._drawn_s < LEAST_S_BETWEEN:
            return
        write_picture(self.folder / "curves.png", curves_figure(history))
        segmenter = Segmenter(network, self._spec, device="cpu")
        for name, annotated in self._images:
            probability = segmenter.probability(
                annotated.image, pixel_size_um=annotated.pixel_size_um
            )
            truth = to_classes(annotated.labels, len(self._spec.classes), name=name)
            picture = preview(
                annotated.image,
                class_map(probability).astype(np.int32),
                truth=truth,
            )
            path = self.folder / "previews" / f"epoch_{int(history[-1]['epoch']):04d}_{name}.png"
            write_picture(path, picture)
        self._drawn_s = time.monotonic()
