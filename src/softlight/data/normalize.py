"""Preprocessing: raw frames to what the network sees, and its probabilities back again.

One object does it in training and in prediction, and its settings are saved with the model.
Intensities are measured on the whole frame that is given: crop afterwards, never before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.special import ndtri

from softlight.config import PreprocessConfig
from softlight.data.degradation import brightest_of
from softlight.io.grey import to_grey

Float = npt.NDArray[np.float32]
Raw = npt.NDArray[Any]

# The stretch gives a frame's pixel noise at most 1/NOISE_HEADROOM of the range. Real frames are at
# 3 and more already (see docs/reference/preprocessing.md), so that only empty ones are held back.
NOISE_HEADROOM = 2.0
_SAMPLE_PX = 4_000_000  # above this, percentiles of 32-bit and float frames are of a regular subset
_CHUNK_PX = 4_000_000  # pixels worked on at a time, so that memory stays near that of the result
_LARGEST_SCALE = 64.0
_LEAST_SPAN = 0.05  # of the stretch of a crop that was made worse, in that of the clean one


class PreprocessError(ValueError):
    """A frame cannot be made into the network's input."""


class Preprocessor:
    """The way from raw frames to the network's grid and back, as the settings say.

    Args:
        config: The settings, as the saved model keeps them.
        in_channels: Channels that the network takes: 1 makes colour grey, 3 keeps it.
        zoom: Frames are enlarged by this beside what the settings say, where their cells are not
            of the size that the network knows.
    """

    def __init__(
        self, config: PreprocessConfig, in_channels: int = 1, *, zoom: float = 1.0
    ) -> None:
        if not 1 / _LARGEST_SCALE <= zoom <= _LARGEST_SCALE:
            raise PreprocessError(
                f"The image would be resized {zoom:.3g} times for the model. Check the cell "
                "diameter and the pixel size, or leave them out."
            )
        self.config = config
        self.in_channels = in_channels
        self.zoom = zoom

    def image(self, raw: Raw, *, pixel_size_um: float | None = None) -> Float:
        """The frame (Y, X[, C]) as float32 (C, Y, X), its intensities and size adjusted."""
        channels = self._channels(np.asarray(raw))
        shape = self._shape((channels.shape[1], channels.shape[2]), pixel_size_um)
        scaled = np.empty(channels.shape, np.float32)
        for channel, result in zip(channels, scaled, strict=True):
            offset, scale = self._offset_and_scale(channel)
            clip = self.config.clip and self.config.method != "zscore"
            _rescale(channel, offset, scale, clip=clip, out=result)
        return resized(scaled, shape)

    def levels(self, raw: Raw) -> npt.NDArray[np.float64]:
        """What ``image`` makes of no light and of the brightest: (C, 2).

        No light is the value 0, or the lowest one where there are negative values.
        """
        found = []
        for channel in self._channels(np.asarray(raw)):
            offset, scale = self._offset_and_scale(channel)
            dark = min(0.0, float(channel.min()))
            found.append([(dark - offset) / scale, (brightest_of(channel) - offset) / scale])
        return np.array(found, np.float64)

    def labels(self, labels: Raw, *, pixel_size_um: float | None = None) -> npt.NDArray[np.int32]:
        """Labels (Y, X) on the grid of ``image``: int32, the nearest pixel's value, a copy."""
        if labels.dtype.kind not in "iub":
            raise PreprocessError(f"Labels are {labels.dtype}; they must be whole numbers.")
        if labels.dtype.itemsize >= 4 and labels.size and int(labels.max()) > 2**31 - 1:
            raise PreprocessError(
                f"The highest label is {int(labels.max())}; 32 bits hold less. Renumber them."
            )
        return self._nearest(labels, pixel_size_um).astype(np.int32)

    def mask(
        self, valid: npt.NDArray[np.bool_], *, pixel_size_um: float | None = None
    ) -> npt.NDArray[np.bool_]:
        """The mask (Y, X) on the grid of ``image``: the nearest pixel's value, a copy."""
        return self._nearest(valid, pixel_size_um).astype(np.bool_)

    def back(self, probability: Float, shape: tuple[int, int]) -> Float:
        """Probabilities (C, y, x) on the frame's own grid (C, Y, X), bilinear between pixels."""
        if probability.ndim != 3:
            raise PreprocessError(
                f"Probabilities have the shape {probability.shape}; they must be (C, Y, X)."
            )
        return resized(probability.astype(np.float32), shape)

    def unstretched(self, image: Float, raw: Raw) -> Float:
        """The values (C, Y, X) that the stretch of this raw frame would bring to these."""
        values = np.empty(image.shape, np.float32)
        for channel, plane, out in zip(self._channels(np.asarray(raw)), image, values, strict=True):
            offset, scale = self._offset_and_scale(channel)
            out[:] = plane * (scale if np.isfinite(scale) else 0.0) + offset
        return values

    def scale_for(
        self, shape: tuple[int, int], pixel_size_um: float | None = None
    ) -> tuple[float, float]:
        """Network pixels per pixel of the frame, along Y and X."""
        scale_y, scale_x = self._unzoomed(shape, pixel_size_um)
        return scale_y * self.zoom, scale_x * self.zoom

    def _unzoomed(self, shape: tuple[int, int], pixel_size_um: float | None) -> tuple[float, float]:
        if self.config.resize_to is not None:
            return self.config.resize_to[0] / shape[0], self.config.resize_to[1] / shape[1]
        if self.config.pixel_size_um is None or pixel_size_um is None:
            return self.config.scale, self.config.scale
        if not pixel_size_um > 0:
            raise PreprocessError(f"The pixel size is {pixel_size_um} µm; it must be above 0.")
        scale = pixel_size_um / self.config.pixel_size_um
        if not 1 / _LARGEST_SCALE <= scale <= _LARGEST_SCALE:
            raise PreprocessError(
                f"A pixel size of {pixel_size_um} µm is {scale:.3g} times the model's "
                f"{self.config.pixel_size_um} µm. Check its unit, or leave it out."
            )
        return scale, scale

    def _shape(self, shape: tuple[int, int], pixel_size_um: float | None) -> tuple[int, int]:
        if self.config.resize_to is not None and self.zoom == 1:
            return self.config.resize_to
        scale_y, scale_x = self.scale_for(shape, pixel_size_um)
        return max(1, round(shape[0] * scale_y)), max(1, round(shape[1] * scale_x))

    def _channels(self, raw: Raw) -> Raw:
        """The frame as (C, Y, X) with the network's number of channels, of its own type."""
        if raw.ndim not in (2, 3) or raw.size == 0:
            raise PreprocessError(
                f"The frame has the shape {raw.shape}; it must be (Y, X) or (Y, X, C), not empty."
            )
        if raw.dtype.kind not in "iufb":
            raise PreprocessError(f"The frame is {raw.dtype}; it must hold whole or real numbers.")
        if self.in_channels == 1:
            return (raw if raw.ndim == 2 else to_grey(raw))[None]
        if raw.ndim == 2:
            raw = raw[:, :, None]
        if raw.shape[2] == 1:  # grey is colour with equal channels
            return np.broadcast_to(raw[:, :, 0], (self.in_channels, *raw.shape[:2]))
        if self.in_channels == 3 and raw.shape[2] == 4:  # opacity is not an intensity
            raw = raw[:, :, :3]
        if raw.shape[2] != self.in_channels:
            raise PreprocessError(
                f"The frame has {raw.shape[2]} channels and the model takes {self.in_channels}. "
                "Choose channels, or train a model for this many."
            )
        return np.moveaxis(raw, 2, 0)

    def _offset_and_scale(self, channel: Raw) -> tuple[float, float]:
        """What is taken from each pixel, then what it is divided by; infinity if all are equal."""
        if channel.dtype.kind == "f":
            bad = channel.size - int(np.isfinite(channel).sum())
            if bad:
                raise PreprocessError(
                    f"The frame holds NaN or infinity in {bad} of {channel.size} pixels. "
                    "Replace them with numbers first."
                )
        if self.config.method == "range":
            return self.config.minimum, self.config.maximum - self.config.minimum
        if self.config.method == "zscore":
            mean, deviation = float(channel.mean(dtype=np.float64)), _deviation(channel)
            return mean, max(deviation, NOISE_HEADROOM * _noise(channel)) if deviation else np.inf
        quantiles = self.config.low_percentile, self.config.high_percentile
        low, high = percentiles(channel, quantiles)
        if high == low:  # all but the rarest pixels are equal: those few must not be lost
            low, high = float(channel.min()), float(channel.max())
        if high == low:
            return low, np.inf
        return low, max(high - low, NOISE_HEADROOM * _noise(channel) * _gaussian_span(*quantiles))

    def _nearest(self, array: Raw, pixel_size_um: float | None) -> Raw:
        if array.ndim != 2 or array.size == 0:
            raise PreprocessError(
                f"Labels have the shape {array.shape}; they must be (Y, X), not empty."
            )
        return nearest(array, self._shape((array.shape[0], array.shape[1]), pixel_size_um))


def stretched_anew(noisy: Float, still: Float, whole: Float, config: PreprocessConfig) -> Float:
    """A crop (C, Y, X) that was made worse, as if its raw image had been, and then stretched.

    Args:
        noisy: the crop made worse, on the scale of the clean image.
        still: the same without noise, which tells what noise does to the stretch.
        whole: the whole image made worse without noise, on any grid; what the stretch is of.
        config: how images are stretched.
    """
    result = np.empty_like(noisy)
    clip = config.clip and config.method != "zscore"
    for channel, before, image, out in zip(noisy, still, whole, result, strict=True):
        low, scale = 0.0, 1.0
        guard = NOISE_HEADROOM * _noise(channel)
        if config.method == "zscore":
            low = float(image.mean()) + float(channel.mean()) - float(before.mean())
            variance = float(image.var()) + float(channel.var()) - float(before.var())
            scale = max(np.sqrt(max(variance, 0)), guard, _LEAST_SPAN)
        elif config.method == "percentile":
            quantiles = config.low_percentile, config.high_percentile
            (low, high), noisy_limits, still_limits = (
                np.percentile(plane, quantiles) for plane in (image, channel, before)
            )
            low += noisy_limits[0] - still_limits[0]
            high += noisy_limits[1] - still_limits[1]
            scale = max(high - low, guard * _gaussian_span(*quantiles), _LEAST_SPAN)
        _rescale(channel, low, scale, clip=clip, out=out)
    return result


def percentiles(channel: Raw, quantiles: tuple[float, float]) -> tuple[float, float]:
    """Two percentiles of a plane, as ``numpy.percentile`` gives them.

    Exact for 8- and 16-bit frames of any size, from a histogram. Of others with more than four
    million pixels, only every k-th row and column is looked at, k as small as that allows.
    """
    if channel.dtype.kind in "iub" and channel.dtype.itemsize <= 2:
        return _histogram_percentiles(channel, quantiles)
    step = int(np.ceil(np.sqrt(channel.size / _SAMPLE_PX)))
    low, high = np.percentile(channel[::step, ::step].astype(np.float64), quantiles)
    return float(low), float(high)


def _histogram_percentiles(channel: Raw, quantiles: tuple[float, float]) -> tuple[float, float]:
    lowest = 0 if channel.dtype.kind == "b" else int(np.iinfo(channel.dtype).min)
    counts = np.zeros(256**channel.dtype.itemsize, np.int64)
    for rows in _row_chunks(channel.shape):
        part = channel[rows].astype(np.int64).ravel() - lowest
        counts += np.bincount(part, minlength=counts.size)
    below = np.cumsum(counts)
    found = []
    for quantile in quantiles:
        position = quantile / 100 * (channel.size - 1)
        before = int(position)
        ranks = [before, min(before + 1, channel.size - 1)]
        left, right = np.searchsorted(below, ranks, side="right")
        found.append(float(left + (right - left) * (position - before) + lowest))
    return found[0], found[1]


def _noise(channel: Raw) -> float:
    """Standard deviation of the pixel noise, from 2x2 blocks in which slopes and edges cancel.

    The median of the diagonal Haar detail (Donoho and Johnstone 1994), and for whole numbers the
    variance of their rounding. 0 for a frame less than two pixels wide.
    """
    if min(channel.shape) < 2:
        return 0.0
    step = 2 * int(np.ceil(np.sqrt(channel.size / _SAMPLE_PX)))
    height, width = channel.shape[0] // 2 * 2, channel.shape[1] // 2 * 2
    corners = [
        channel[y:height:step, x:width:step].astype(np.float64) for y in (0, 1) for x in (0, 1)
    ]
    detail = (corners[0] - corners[1] - corners[2] + corners[3]) / 2
    deviation = float(np.median(np.abs(detail))) / 0.6745
    rounding = 1 / 12 if channel.dtype.kind in "iu" else 0.0
    return float(np.sqrt(deviation**2 + rounding))


def _gaussian_span(low: float, high: float) -> float:
    """Distance between two percentiles of a standard Gaussian, cut to 0.1 % and 99.9 %."""
    return float(ndtri(min(high / 100, 0.999)) - ndtri(max(low / 100, 0.001)))


def _deviation(channel: Raw) -> float:
    mean = channel.mean(dtype=np.float64)
    squares = sum(
        float(((channel[rows] - mean) ** 2).sum(dtype=np.float64))
        for rows in _row_chunks(channel.shape)
    )
    return float(np.sqrt(squares / channel.size))


def _rescale(channel: Raw, offset: float, scale: float, *, clip: bool, out: Float) -> None:
    for rows in _row_chunks(channel.shape):
        part = (channel[rows].astype(np.float64) - offset) / scale
        out[rows] = np.clip(part, 0.0, 1.0) if clip else part


def _row_chunks(shape: tuple[int, ...]) -> list[slice]:
    rows = max(1, _CHUNK_PX // shape[1])
    return [slice(start, start + rows) for start in range(0, shape[0], rows)]


def resized(image: Float, shape: tuple[int, int]) -> Float:
    """The image (C, Y, X) at another size, bilinear, averaged over what a pixel covers."""
    if image.shape[1:] == shape:
        return image
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None]
    at_size = F.interpolate(tensor, shape, mode="bilinear", antialias=True)
    return np.asarray(at_size[0].numpy(), np.float32)


def nearest(plane: Raw, shape: tuple[int, int]) -> Raw:
    """The plane (Y, X) at another size: of each pixel the value of the nearest one, a copy."""
    rows = ((np.arange(shape[0]) + 0.5) * plane.shape[0] / shape[0]).astype(np.intp)
    columns = ((np.arange(shape[1]) + 0.5) * plane.shape[1] / shape[1]).astype(np.intp)
    found: Raw = plane[rows[:, None], columns]
    return found
