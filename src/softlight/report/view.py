"""How an image is shown: stretched to 8 bits, shrunk or enlarged by whole factors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from softlight.report.colours import Labels

Pixels = npt.NDArray[np.uint8]  # RGB (Y, X, 3) or RGBA (Y, X, 4)
Mask = npt.NDArray[np.bool_]
AnyImage = npt.NDArray[np.number | np.bool_]

COMFORTABLE_PX = 900  # smaller images are enlarged to at least about this
LARGEST_PX = 1600  # larger ones are shrunk to at most this
_SAMPLE = 1_000_000  # pixels that are enough to find the percentiles
_BAND_PX = 4_000_000  # a huge image is stretched in bands of about so many pixels


class PictureError(ValueError):
    """What was given cannot be drawn."""


def as_labels(labels: npt.NDArray[np.integer | np.bool_]) -> Labels:
    """The labels as whole numbers; True becomes 1."""
    return labels.astype(np.int32) if labels.dtype == np.bool_ else cast("Labels", labels)


@dataclass(frozen=True)
class View:
    """By which whole factors an image is shrunk or enlarged to be looked at."""

    shrink: int = 1
    enlarge: int = 1

    @classmethod
    def fit(cls, shape: tuple[int, ...], *, largest_px: int = LARGEST_PX) -> View:
        """The view that makes the longer side of a ``(Y, X)`` shape easy to look at."""
        longest = max(1, *shape[:2])
        if longest > largest_px:
            return cls(shrink=math.ceil(longest / largest_px))
        wished = math.ceil(min(COMFORTABLE_PX, largest_px) / longest)
        return cls(enlarge=max(1, min(wished, largest_px // longest, 16)))

    @property
    def line_px(self) -> int:
        """The thickness of an outline on the shown picture."""
        return max(1, min(3, self.enlarge))

    def picture(self, image: AnyImage) -> Pixels:
        """The stretched image as RGB at the size of this view."""
        return self.grown(self.small(image))

    def small(self, image: AnyImage) -> Pixels:
        """The stretched image as RGB, shrunk but not enlarged: a browser enlarges for free."""
        if self.shrink == 1:
            return stretch(image)
        limits = stretch_limits(image)  # of the whole, so that bands do not show
        band = self.shrink * max(1, _BAND_PX // (image.shape[1] * self.shrink))
        parts = [
            Image.fromarray(stretch(image[top : top + band], limits=limits)).reduce(self.shrink)
            for top in range(0, image.shape[0], band)
        ]
        return np.concatenate([np.asarray(part) for part in parts])

    def labels(self, labels: npt.NDArray[np.integer | np.bool_]) -> Labels:
        """The labels (or a mask as 0 and 1) by nearest neighbour at the size of this view."""
        whole = as_labels(labels)
        if self.shrink > 1:
            rows, columns = (self._centres(size) for size in whole.shape)
            whole = whole[np.ix_(rows, columns)]
        grown: Labels = self.grown(whole)
        return grown

    def _centres(self, size: int) -> npt.NDArray[np.intp]:
        starts = np.arange(math.ceil(size / self.shrink)) * self.shrink
        return np.minimum(starts + self.shrink // 2, size - 1)

    def grown(self, pixels: npt.NDArray) -> npt.NDArray:  # type: ignore[type-arg]
        """Each pixel repeated, so that edges stay sharp."""
        if self.enlarge == 1:
            return pixels
        return pixels.repeat(self.enlarge, axis=0).repeat(self.enlarge, axis=1)


def stretch(image: AnyImage, *, limits: tuple[float, float] | None = None) -> Pixels:
    """RGB of a ``(Y, X)`` or ``(Y, X, 3 or 4)`` image, from black at one limit to white.

    Pixels that are not finite are black. An image of one value is mid-grey.
    """
    bottom, top = stretch_limits(image) if limits is None else limits
    values = _channels(image).astype(np.float64)
    finite = np.isfinite(values)
    if top <= bottom:
        grey = np.full(values.shape, 0.5)
    else:
        grey = (np.where(finite, values, bottom) - bottom) / (top - bottom)
    shown = np.rint(np.where(finite, np.clip(grey, 0, 1), 0) * 255).astype(np.uint8)
    return np.stack([shown] * 3, axis=-1) if shown.ndim == 2 else shown


def stretch_limits(image: AnyImage, *, low: float = 0.5, high: float = 99.8) -> tuple[float, float]:
    """The values that are shown black and white: two percentiles of the finite pixels."""
    values = _channels(image)
    step = max(1, math.isqrt(values.shape[0] * values.shape[1] // _SAMPLE))
    sample = values[::step, ::step].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 0.0
    bottom, top = np.percentile(sample, [low, high])
    if top <= bottom:  # flat, or nearly so: the few other pixels decide
        bottom, top = sample.min(), sample.max()
    return float(bottom), float(top)


def _channels(image: AnyImage) -> AnyImage:
    """The image itself when grey, its first three channels when in colour, or a PictureError."""
    if image.ndim not in (2, 3) or 0 in image.shape or image.dtype.kind not in "biuf":
        raise PictureError(
            f"Image is {image.shape} of {image.dtype}; give a grey (Y, X) or a colour (Y, X, 3) "
            "array of numbers."
        )
    if image.ndim == 2:
        return image
    return image[..., :3] if image.shape[2] >= 3 else image[..., 0]


def paint(picture: Pixels, layer: Pixels) -> Pixels:
    """The RGB picture with an RGBA layer of the same size on it."""
    alpha = layer[..., 3:].astype(np.float32) / 255
    mixed = picture * (1 - alpha) + layer[..., :3] * alpha
    return np.rint(mixed).astype(np.uint8)
