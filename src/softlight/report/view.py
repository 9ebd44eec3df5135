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
        longest = max(shape[:2])
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
        rgb = stretch(image)
        if self.shrink > 1:
            rgb = np.asarray(Image.fromarray(rgb).reduce(self.shrink))
        return rgb

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


def stretch(image: AnyImage, *, low: float = 0.5, high: float = 99.8) -> Pixels:
    """RGB of a ``(Y, X)`` or ``(Y, X, 3 or 4)`` image, from black at one percentile to white.

    Pixels that are not finite are black. An image of one value is mid-grey.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or 0 in image.shape or image.dtype.kind not in "biuf":
        raise PictureError(
            f"Image is {image.shape} of {image.dtype}; give a grey (Y, X) or a colour (Y, X, 3) "
            "array of numbers."
        )
    if image.ndim == 3:
        image = image[..., :3] if image.shape[2] >= 3 else image[..., 0]
    values = image.astype(np.float32)
    finite = np.isfinite(values)
    step = max(1, math.isqrt(image.shape[0] * image.shape[1] // _SAMPLE))
    sample = values[::step, ::step][finite[::step, ::step]]
    if sample.size == 0:
        sample = np.zeros(1, dtype=np.float32)
    bottom, top = np.percentile(sample, [low, high])
    if top <= bottom:  # flat, or nearly so: the few other pixels decide
        bottom, top = float(sample.min()), float(sample.max())
    if top <= bottom:
        grey = np.full(image.shape, 0.5, dtype=np.float32)
    else:
        grey = (values - bottom) / (top - bottom)
    grey = np.where(finite, np.clip(grey, 0, 1), 0)
    shown = np.rint(grey * 255).astype(np.uint8)
    return np.stack([shown] * 3, axis=-1) if shown.ndim == 2 else shown


def paint(picture: Pixels, layer: Pixels) -> Pixels:
    """The RGB picture with an RGBA layer of the same size on it."""
    alpha = layer[..., 3:].astype(np.float32) / 255
    mixed = picture * (1 - alpha) + layer[..., :3] * alpha
    return np.rint(mixed).astype(np.uint8)
