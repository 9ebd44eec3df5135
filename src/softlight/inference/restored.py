"""From a raw image to the better one that a network makes of it: to be looked at, not measured."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from softlight.config import ModelSpec
from softlight.data.normalize import Preprocessor
from softlight.inference.tiles import predict_tiled
from softlight.models.device import choose_device
from softlight.models.outputs import NetworkOutput, restored_image
from softlight.models.saved import load_model

Array = NDArray[np.float32]
WHOLE_LIMIT = 16 * 1024 * 1024  # pixels times filters of the first level that go through at once


class Restorer:
    """A network that restores images, alone or before one that finds cells, and its preprocessing.

    In full precision: 8 bits of it would be seen in the image.

    Args:
        model: the network; a copy of it is used.
        spec: how it was trained.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; an absent one is an error.
    """

    def __init__(self, model: nn.Module, spec: ModelSpec, *, device: str = "auto") -> None:
        if not restores(spec):
            raise ValueError(
                f"The model {spec.name!r} restores no images. Give one of a recipe of target "
                '"image", or a double-unet.'
            )
        self.spec = spec
        self.device = choose_device(device)
        self.preprocessor = Preprocessor(spec.preprocess, in_channels=spec.model.in_channels)
        self._model = copy.deepcopy(model).eval().to(self.device)
        self._multiple = spec.model.multiple

    @classmethod
    def from_saved(cls, name_or_folder: str | Path, *, device: str = "auto") -> Restorer:
        """The restorer of a saved model, by its folder or by the name of a shipped one."""
        model, spec = load_model(name_or_folder)
        return cls(model, spec, device=device)

    def image(self, raw: NDArray[Any], *, like: NDArray[Any] | None = None) -> Array:
        """The better image (Y, X[, C]) on the grid of the raw one, in raw values.

        Args:
            raw: as the microscope gave it (Y, X[, C]).
            like: the network's scale is taken to be that of this raw image; None: of ``raw``.
        """
        raw = np.asarray(raw)
        prepared = self.preprocessor.image(raw)
        restored = self._whole_or_tiled(prepared)
        back = self.preprocessor.back(restored, (raw.shape[0], raw.shape[1]))
        values = self.preprocessor.unstretched(back, raw if like is None else like)
        return values[0] if raw.ndim == 2 else np.ascontiguousarray(np.moveaxis(values, 0, 2))

    def _whole_or_tiled(self, image: Array) -> Array:
        height, width = image.shape[-2:]
        filters = self.spec.model.values_per_pixel
        if height * width * filters <= WHOLE_LIMIT:
            return self._run(image)
        side = int((WHOLE_LIMIT / filters) ** 0.5)
        tile = max(side // self._multiple, 4) * self._multiple
        overlap = min(128, tile // 2)
        return predict_tiled(image, self._run, tile=tile, overlap=overlap, align=self._multiple)

    @torch.inference_mode()
    def _run(self, image: Array) -> Array:
        x = torch.from_numpy(np.ascontiguousarray(image))[None].to(self.device)
        output: NetworkOutput = self._model(x)
        restored = output.restored
        if restored is None:
            restored = restored_image(x, output.logits, residual=self.spec.model.residual)
        return np.ascontiguousarray(restored[0].float().cpu().numpy())


def restores(spec: ModelSpec) -> bool:
    """Whether a model makes a better image, as its answer or on the way to it."""
    return spec.target == "image" or spec.model.name == "double-unet"
