"""Gentler imaging, played on a raw image: less resolution, blur, fewer photons, a plainer camera.

In the order of nature: light fades by bleaching, optics blur it, the camera samples it on coarser
pixels, counts photons, adds read noise and rounds. Then the image is enlarged to its own grid.
Numpy only; nothing here changes what it is given, and all chance comes from the seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.transform import resize_local_mean

Float = NDArray[np.float32]
Down = Literal["area", "antialiased"]
Up = Literal["bicubic", "nearest", "none"]
MOST_BITS = 32


class DegradationError(ValueError):
    """A degradation is out of range, or an image cannot be degraded."""


@dataclass(frozen=True)
class Degradation:
    """How much gentler, and so worse, the imaging is; the defaults change nothing.

    Attributes:
        factor: share of the resolution that is kept along a line: 0.25 is a quarter of the pixels
            on each side.
        down: how it is given up: ``area`` averages what a coarse pixel covers, as a camera does;
            ``antialiased`` is the bicubic filter of image software.
        up: how the image comes back to its own grid; ``none`` leaves it on the coarse one.
        blur_px: Gaussian sigma of the optics, in pixels of the input.
        photons: that a pixel of the coarse grid gets where the image is brightest; None counts
            none and adds no noise.
        read_noise: standard deviation of the camera's own noise, in photons.
        bits: levels of the camera are 2 to the power of this, from 0 to the brightest; None rounds
            nothing.
        bleaching: share of the light that is lost from each frame of a movie to the next.
        offset: value of the input where there is no light.
        brightest: value of the input that is worth ``photons``; None takes the image's own.
    """

    factor: float = 1.0
    down: Down = "area"
    up: Up = "bicubic"
    blur_px: float = 0.0
    photons: float | None = None
    read_noise: float = 0.0
    bits: int | None = None
    bleaching: float = 0.0
    offset: float = 0.0
    brightest: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise DegradationError(
                f"factor is {self.factor}; it is the share of the resolution that is kept, above 0 "
                "and at most 1: 0.25 for a quarter."
            )
        for name, kinds in (("down", get_args(Down)), ("up", get_args(Up))):
            if getattr(self, name) not in kinds:
                raise DegradationError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(kinds)}."
                )
        for name in ("blur_px", "read_noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise DegradationError(f"{name} is {getattr(self, name)}; it must be 0 or more.")
        if self.photons is not None and not 0 < self.photons < math.inf:
            raise DegradationError(
                f"photons is {self.photons}; it must be above 0, or left out for no noise."
            )
        if self.read_noise and self.photons is None:
            raise DegradationError("read_noise is in photons; give photons too.")
        if self.bits is not None and not 1 <= self.bits <= MOST_BITS:
            raise DegradationError(f"bits is {self.bits}; it must be from 1 to {MOST_BITS}.")
        if not 0 <= self.bleaching < 1:
            raise DegradationError(
                f"bleaching is {self.bleaching}; it is the share lost with each frame, from 0 to "
                "below 1."
            )
        self._check_levels()

    def _check_levels(self) -> None:
        if not math.isfinite(self.offset):
            raise DegradationError(f"offset is {self.offset}; it must be a number.")
        if self.brightest is not None and not self.offset < self.brightest < math.inf:
            raise DegradationError(
                f"brightest is {self.brightest}; it must be above the offset, {self.offset}."
            )

    @property
    def changes_nothing(self) -> bool:
        """Whether an image comes out as it went in."""
        return (
            self.factor == 1
            and not (self.blur_px or self.bleaching)
            and self.photons is None
            and self.bits is None
        )

    def __str__(self) -> str:
        parts = []
        if self.factor < 1:
            parts.append(f"{self.factor:g} of the resolution")
        if self.blur_px:
            parts.append(f"blur of {self.blur_px:g} px")
        if self.photons is not None:
            parts.append(f"{self.photons:g} photons")
        if self.read_noise:
            parts.append(f"read noise of {self.read_noise:g} photons")
        if self.bits is not None:
            parts.append(f"{self.bits} bits")
        if self.bleaching:
            parts.append(f"{self.bleaching:.3g} bleached a frame")
        return ", ".join(parts) or "as it is"


def degrade(
    image: NDArray[Any], how: Degradation, *, seed: int, frame: int = 0
) -> NDArray[np.float32]:
    """The image (…, Y, X) as gentler imaging would have given it, float32 in the input's units.

    On the input's own grid, whatever the factor, unless ``how.up`` is ``none``.

    Args:
        image: raw values of any type; leading axes are channels, all of the same moment.
        how: what is given up.
        seed: of the noise; the same seed and frame give the same image.
        frame: number of the frame in its movie, from 0, for the bleaching and the noise.
    """
    pixels = _checked(image, frame)
    if how.changes_nothing:
        return pixels if pixels is not image else pixels.copy()
    offset = how.offset
    top = brightest_of(pixels) if how.brightest is None else how.brightest
    light = pixels - np.float32(offset)
    if how.bleaching:
        light = light * np.float32((1 - how.bleaching) ** frame)
    light = blurred(light, how.blur_px)
    shape = (pixels.shape[-2], pixels.shape[-1])
    small = coarse_shape(shape, how.factor)
    light = shrunk(light, small, down=how.down)
    if how.photons is not None and top > offset:
        rng = np.random.default_rng([seed, frame])
        light = counted_in_photons(
            light, (top - offset) / how.photons, rng, read_noise=how.read_noise
        )
    if how.bits is not None and top > offset:
        light = _rounded(light + np.float32(offset), how.bits, top, offset) - np.float32(offset)
    light = enlarged(light, shape, up=how.up)
    return np.asarray(light + np.float32(offset), np.float32)


def degrade_frame(
    image: NDArray[Any], how: Degradation, *, seed: int, frame: int = 0
) -> NDArray[np.float32]:
    """The frame (Y, X[, C]) as gentler imaging gives it, the arguments as of ``degrade``."""
    if image.ndim != 3:
        return degrade(image, how, seed=seed, frame=frame)
    channels = degrade(np.moveaxis(image, 2, 0), how, seed=seed, frame=frame)
    return np.ascontiguousarray(np.moveaxis(channels, 0, 2))


def for_movie(how: Degradation, first: NDArray[Any]) -> Degradation:
    """The degradation with its brightest value that of the first frame (Y, X[, C]) of a movie.

    So that one exposure holds for all frames, and bleaching is seen.
    """
    if how.brightest is not None:
        return how
    planes = np.moveaxis(first, 2, 0) if first.ndim == 3 else first
    brightest = brightest_of(planes)
    return replace(how, brightest=brightest) if brightest > how.offset else how


def coarse_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """Height and width at this share of the resolution: rounded, at least 1."""
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def brightest_of(image: NDArray[Any]) -> float:
    """The highest value that two neighbouring pixels of the image (…, Y, X) both reach.

    Neighbours along a row or a column, so that a single hot pixel does not count.
    """
    found = [
        float(np.minimum(one, other).max())
        for one, other in (
            (image[..., 1:, :], image[..., :-1, :]),
            (image[..., :, 1:], image[..., :, :-1]),
        )
        if one.size
    ]
    return max(found, default=float(image.max()))


def blurred(image: Float, sigma_px: float) -> Float:
    """The image (…, Y, X) after a Gaussian of this width, mirrored at its edges."""
    if sigma_px <= 0:
        return image.copy()
    widths = (0.0,) * (image.ndim - 2) + (sigma_px, sigma_px)
    return np.asarray(ndimage.gaussian_filter(image, widths, mode="mirror"), np.float32)


def shrunk(image: Float, shape: tuple[int, int], *, down: Down = "area") -> Float:
    """The image (…, Y, X) on a grid of fewer pixels that covers the same field."""
    if image.shape[-2:] == shape:
        return image
    if down == "antialiased":
        return _resized(image, shape, Image.Resampling.BICUBIC)
    means = resize_local_mean(image, (*image.shape[:-2], *shape), preserve_range=True)  # type: ignore[no-untyped-call]
    return np.asarray(means, np.float32)


def enlarged(image: Float, shape: tuple[int, int], *, up: Up = "bicubic") -> Float:
    """The image (…, y, x) on a grid of more pixels that covers the same field."""
    if up == "none" or image.shape[-2:] == shape:
        return image
    kinds = {"bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}
    return _resized(image, shape, kinds[up])


def counted_in_photons(
    light: Float, per_photon: float, rng: np.random.Generator, *, read_noise: float = 0.0
) -> Float:
    """The light as a camera counts it, in its own units.

    Args:
        light: above that of no light; what is below 0 counts as none.
        per_photon: units of the light that are one photon: the camera's gain.
        rng: the only source of chance.
        read_noise: standard deviation of what the camera adds, in photons.
    """
    counts = rng.poisson(np.maximum(light, 0).astype(np.float64) / per_photon).astype(np.float64)
    if read_noise:
        counts += rng.normal(0.0, read_noise, counts.shape)
    return np.asarray(counts * per_photon, np.float32)


def _rounded(values: Float, bits: int, top: float, offset: float) -> Float:
    """Values on the levels of a camera that go from 0 (or the offset, if below) to the top."""
    low = min(0.0, offset)
    step = (top - low) / (2**bits - 1)
    levels = np.clip(np.rint((values.astype(np.float64) - low) / step), 0, 2**bits - 1)
    return np.asarray(levels * step + low, np.float32)


def _resized(image: Float, shape: tuple[int, int], kind: Image.Resampling) -> Float:
    planes = image.reshape(-1, *image.shape[-2:])
    size = (shape[1], shape[0])
    done = [np.asarray(Image.fromarray(plane).resize(size, kind), np.float32) for plane in planes]
    return np.stack(done).reshape(*image.shape[:-2], *shape)


def _checked(image: NDArray[Any], frame: int) -> Float:
    image = np.asarray(image)
    if image.ndim < 2 or image.size == 0 or image.dtype.kind not in "iufb":
        raise DegradationError(
            f"The image is {image.dtype} of shape {image.shape}; it must hold numbers and be "
            "(…, Y, X) with at least one pixel."
        )
    if frame < 0:
        raise DegradationError(f"The frame is {frame}; frames are counted from 0.")
    pixels = image.astype(np.float32)
    if not np.isfinite(pixels).all():
        raise DegradationError("The image holds NaN or infinity. Replace them with numbers first.")
    return pixels
