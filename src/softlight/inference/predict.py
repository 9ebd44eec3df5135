"""From a raw image to the probability of each class, with a saved model or one just trained."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from softlight.config import ModelSpec
from softlight.data.classes import membrane_of
from softlight.data.normalize import Preprocessor
from softlight.inference.tiles import predict_tiled
from softlight.inference.views import mean_of_views, views_of
from softlight.models.device import choose_device, is_fast_in_bf16
from softlight.models.outputs import activated
from softlight.models.saved import load_model

Array = NDArray[np.float32]
Precision = Literal["auto", "32", "bf16"]

# A whole image goes through at once up to this many pixels times filters of the first level:
# 2048 x 1024 at 16 filters, which takes about 1 GB.
WHOLE_LIMIT = 16 * 2048 * 1024
LEAST_OVERLAP = 128  # pixels: a little more than a network of depth 4 sees around a pixel


class Segmenter:
    """A network with its preprocessing: raw images in, probabilities on the same grid out.

    Args:
        model: the network; a copy of it is used, so that training may go on.
        spec: how it was trained: preprocessing, classes, threshold.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; an absent one is an error.
        precision: ``auto`` is bfloat16 where the processor computes in it, float32 elsewhere. The
            probabilities of the two differ by less than 0.01 on average.
        tile: side of a tile in pixels; 0 chooses by the network's width, and takes the image whole
            where it fits.
    """

    def __init__(
        self,
        model: nn.Module,
        spec: ModelSpec,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        tile: int = 0,
    ) -> None:
        if spec.target == "image":
            raise ValueError(
                f"The model {spec.name!r} restores images and finds no cells. Train from it with "
                "annotated images: softlight train --init MODEL."
            )
        self.spec = spec
        self.device = choose_device(device)
        self.bf16 = precision == "bf16" or (precision == "auto" and is_fast_in_bf16(self.device))
        self.preprocessor = Preprocessor(spec.preprocess, in_channels=spec.model.in_channels)
        self._model = copy.deepcopy(model).eval()
        self._model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._multiple = spec.model.multiple
        self._tile = tile

    @classmethod
    def from_saved(
        cls,
        name_or_folder: str | Path,
        *,
        folders: Iterable[Path | str] = (),
        device: str = "auto",
        precision: Precision = "auto",
        tile: int = 0,
    ) -> Segmenter:
        """The segmenter of a saved model, by its folder or by the name of a shipped one."""
        model, spec = load_model(name_or_folder, folders=folders)
        return cls(model, spec, device=device, precision=precision, tile=tile)

    def zoomed(self, zoom: float) -> Segmenter:
        """The same network for images whose cells must be enlarged by this to be as in training."""
        other = copy.copy(self)
        other.preprocessor = Preprocessor(
            self.spec.preprocess,
            in_channels=self.spec.model.in_channels,
            zoom=zoom * self.preprocessor.zoom,
        )
        return other

    def maps(
        self,
        raw_image: NDArray[np.generic],
        *,
        pixel_size_um: float | None = None,
        flips: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Array:
        """All outputs (K, Y, X) of the network at each pixel of the raw image (Y, X[, C]).

        The probability of each class; or, from a network that tells cells apart, the probability of
        the foreground and the maps that ``instances`` divides it by.

        Args:
            raw_image: as the microscope gave it; the preprocessing is the one of the training.
            pixel_size_um: of the raw image, where known.
            flips: average over the image and its three mirror images, at four times the cost; the
                model may ask for that, and for several sizes of the image, by itself.
            progress: hears of tiles done and in all.
        """
        raw_image = np.asarray(raw_image)
        image = self.preprocessor.image(raw_image, pixel_size_um=pixel_size_um)
        result = self.prepared(image, flips=flips, progress=progress)
        back = self.preprocessor.back(result, raw_image.shape[:2])
        return np.asarray(back, np.float32)

    def prepared(
        self,
        image: Array,
        *,
        flips: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Array:
        """All outputs (K, Y, X) for an image (C, Y, X) that went through the preprocessing."""
        asked = self.spec.predict.model_copy(update={"flips": flips or self.spec.predict.flips})
        result = mean_of_views(
            image,
            views_of(asked),
            lambda view: self._predict(view, progress=progress),
            flow=self.spec.target == "flow",
        )
        if not np.isfinite(result).all():
            raise ValueError(
                f"The network {self.spec.name!r} gave NaN or infinity for this image; check the "
                'image for absurd values, or use precision="32".'
            )
        return result

    def probability(
        self,
        raw_image: NDArray[np.generic],
        *,
        pixel_size_um: float | None = None,
        flips: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Array:
        """The probability of each class (C, Y, X) at each pixel, the arguments as of ``maps``.

        C is 1 for a network that knows only foreground, otherwise the number of classes.
        """
        outputs = self.maps(raw_image, pixel_size_um=pixel_size_um, flips=flips, progress=progress)
        return class_probability(outputs, self.spec)

    def foreground(
        self,
        raw_image: NDArray[np.generic],
        *,
        pixel_size_um: float | None = None,
        flips: bool = False,
    ) -> NDArray[np.bool_]:
        """Where the cells are (Y, X): a foreground probability of at least ``spec.threshold``."""
        probability = self.probability(raw_image, pixel_size_um=pixel_size_um, flips=flips)
        return foreground_probability(probability) >= self.spec.threshold

    def scale_for(self, shape: tuple[int, ...], pixel_size_um: float | None = None) -> float:
        """Pixels along a line of the network's grid per pixel of a frame of this shape."""
        scale_y, scale_x = self.preprocessor.scale_for((shape[0], shape[1]), pixel_size_um)
        return math.sqrt(scale_y * scale_x)

    def _predict(self, image: Array, *, progress: Callable[[int, int], None] | None) -> Array:
        height, width = image.shape[-2:]
        if self._tile == 0 and height * width * self.spec.model.values_per_pixel <= WHOLE_LIMIT:
            return self._run(image)
        tile, overlap = self._tile_and_overlap()
        return predict_tiled(
            image, self._run, tile=tile, overlap=overlap, align=self._multiple, progress=progress
        )

    def _tile_and_overlap(self) -> tuple[int, int]:
        side = self._tile or math.isqrt(int(WHOLE_LIMIT / (2 * self.spec.model.values_per_pixel)))
        tile = max(side // self._multiple, 4) * self._multiple
        overlap = max(LEAST_OVERLAP, round(2 * (self.spec.cell_diameter_px or 0)))
        return tile, min(overlap, tile // 2)

    @torch.inference_mode()
    def _run(self, image: Array) -> Array:
        """The probabilities (C, Y, X) of one prepared image or tile."""
        x = torch.from_numpy(np.ascontiguousarray(image))[None].to(
            self.device, memory_format=torch.channels_last
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self._model(x).logits
        outputs = activated(logits.float(), self.spec.target)[0]
        return np.ascontiguousarray(outputs.cpu().numpy(), np.float32)


def class_probability(maps: Array, spec: ModelSpec) -> Array:
    """The probability of each class (C, Y, X) in all outputs of a network."""
    return maps if spec.target == "classes" else maps[:1]


def foreground_probability(probability: Array) -> Array:
    """The probability (Y, X) of not being background, the first of several classes."""
    first: Array = probability[0]
    return first if len(probability) == 1 else 1 - first


def cell_probability(probability: Array, classes: Sequence[str]) -> Array:
    """The probability (Y, X) of being in a cell: not background, or where there is one, membrane.

    A membrane parts the cells, whatever else is between it: their background is the membrane.
    """
    membrane = membrane_of(classes)
    if membrane is None:
        return foreground_probability(probability)
    if len(probability) > 1:
        parted: Array = 1 - probability[membrane]
        return parted
    first: Array = probability[0]  # of the second class
    return 1 - first if membrane == 1 else first


def class_map(probability: Array, *, threshold: float = 0.5) -> NDArray[np.uint8]:
    """The class (Y, X) of each pixel: of two by the threshold, of more the likeliest.

    Of more than two, a threshold other than one half weighs the background: it is taken where its
    probability, times the threshold, is above that of every other class times the rest.
    """
    if len(probability) <= 2:
        return (foreground_probability(probability) >= threshold).astype(np.uint8)
    others = probability[1:]
    foreground = others.max(0) * (1 - threshold) >= probability[0] * threshold
    return np.where(foreground, others.argmax(0) + 1, 0).astype(np.uint8)
