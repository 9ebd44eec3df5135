"""What to simulate: one frozen object whose every field is a plain number or word."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

Modality = Literal["phase", "fluorescence"]
Morphology = Literal["round", "spindly", "sheet", "neurites"]
Polarity = Literal["dark", "bright"]

MODALITIES: tuple[Modality, ...] = ("phase", "fluorescence")
MORPHOLOGIES: tuple[Morphology, ...] = ("round", "spindly", "sheet", "neurites")
POLARITIES: tuple[Polarity, ...] = ("dark", "bright")
MAX_SIDE_PX = 8192
MAX_VOXELS = 2**29


class SceneError(ValueError):
    """A setting of the scene is unknown, of the wrong kind or out of range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A movie to simulate; the same scene always gives the same movie.

    Attributes:
        modality: "phase" (phase contrast) or "fluorescence".
        morphology: "round", "spindly", "sheet" or "neurites".
        frames: number of images.
        height: rows of an image, in pixels.
        width: columns of an image, in pixels.
        cells: cells expected in the view at the start.
        seed: of every random draw.
        interval_min: time between frames.
        pixel_size_um: side of a pixel.
        cell_diameter_um: of a circle as large as a full-grown, spread cell.
        size_variation: standard deviation of the logarithm of cell areas.
        clustering: 0 scatters the cells, 1 puts them into a few colonies that stick together.
        division_rate_per_h: divisions per cell and hour; 0 = never.
        death_rate_per_h: deaths per cell and hour; 0 = never.
        speed_um_per_min: root mean square speed of a free, spread cell.
        polarity: phase contrast only: spread cells look "dark" (positive) or "bright" (negative).
        contrast: phase contrast: factor on the deviation from the background; fluorescence:
            brightness of the cells over the background.
        thickness: factor on the optical thickness of cells.
        granularity: factor on the texture within cells.
        granule_px: size of that texture.
        halo_px: phase contrast only: reach of the halo.
        defocus: phase contrast only: Fresnel defocus in squared pixels.
        blur_px: sigma of the point spread function.
        haze: fluorescence only: share of the light that is out of focus.
        bleaching_per_frame: fluorescence only: share of the brightness lost from frame to frame.
        illumination: unevenness of the illumination, as a share of its mean.
        background_removal_px: phase contrast only: sigma of the background that the instrument's
            software divides out; 0 = raw images.
        photons: expected per pixel, in the phase-contrast background or at the fluorescence peak.
        read_noise: standard deviation of the camera's noise, in photons.
        bit_depth: 8 or 16.
        debris: pieces of dirt expected in the view.
        out_of_focus: share of cells that lie above the focal plane.
    """

    modality: Modality = "phase"
    morphology: Morphology = "spindly"
    frames: int = 12
    height: int = 256
    width: int = 256
    cells: int = 30
    seed: int = 0
    interval_min: float = 10.0
    pixel_size_um: float = 1.24
    cell_diameter_um: float = 35.0
    size_variation: float = 0.3
    clustering: float = 0.3
    division_rate_per_h: float = 0.04
    death_rate_per_h: float = 0.002
    speed_um_per_min: float = 0.3
    polarity: Polarity = "dark"
    contrast: float = 0.7
    thickness: float = 1.0
    granularity: float = 1.0
    granule_px: float = 1.2
    halo_px: float = 8.0
    defocus: float = 1.0
    blur_px: float = 0.7
    haze: float = 0.2
    bleaching_per_frame: float = 0.01
    illumination: float = 0.1
    background_removal_px: float = 0.0
    photons: float = 3000.0
    read_noise: float = 3.0
    bit_depth: int = 8
    debris: float = 8.0
    out_of_focus: float = 0.03

    def __post_init__(self) -> None:
        _check_words(self)
        for name, (low, high) in _RANGES.items():
            _check_number(name, getattr(self, name), low, high)
        if self.bit_depth not in (8, 16):
            raise SceneError(f"bit_depth is {self.bit_depth}; it must be 8 or 16.")
        if self.frames * self.height * self.width > MAX_VOXELS:
            raise SceneError(
                f"{self.frames} frames of {self.height}×{self.width} are too many pixels for one "
                f"movie; ask for fewer frames or smaller ones (at most {MAX_VOXELS} pixels)."
            )
        if not 4.0 <= self.cell_diameter_px <= 400.0:
            raise SceneError(
                f"A cell of {self.cell_diameter_um} µm at {self.pixel_size_um} µm per pixel is "
                f"{self.cell_diameter_px:.1f} pixels wide; choose the two so that it is 4 to 400."
            )

    @property
    def cell_diameter_px(self) -> float:
        """Diameter in pixels of a circle as large as a full-grown, spread cell."""
        return self.cell_diameter_um / self.pixel_size_um

    @property
    def interval_h(self) -> float:
        """Hours between frames."""
        return self.interval_min / 60.0


_INTEGERS = {
    "frames": (1, 100_000),
    "height": (16, MAX_SIDE_PX),
    "width": (16, MAX_SIDE_PX),
    "cells": (0, 20_000),
    "seed": (0, 2**63 - 1),
    "bit_depth": (8, 16),
}
_RANGES: dict[str, tuple[float, float]] = {
    **_INTEGERS,
    "interval_min": (0.01, 1440.0),
    "pixel_size_um": (0.01, 100.0),
    "cell_diameter_um": (0.5, 1000.0),
    "size_variation": (0.0, 1.0),
    "clustering": (0.0, 1.0),
    "division_rate_per_h": (0.0, 2.0),
    "death_rate_per_h": (0.0, 2.0),
    "speed_um_per_min": (0.0, 50.0),
    "contrast": (0.0, 10.0),
    "thickness": (0.0, 10.0),
    "granularity": (0.0, 10.0),
    "granule_px": (0.3, 10.0),
    "halo_px": (1.0, 100.0),
    "defocus": (-50.0, 50.0),
    "blur_px": (0.0, 10.0),
    "haze": (0.0, 1.0),
    "bleaching_per_frame": (0.0, 0.5),
    "illumination": (0.0, 0.9),
    "background_removal_px": (0.0, 200.0),
    "photons": (1.0, 1e7),
    "read_noise": (0.0, 1e4),
    "debris": (0.0, 10_000.0),
    "out_of_focus": (0.0, 1.0),
}


def _check_words(scene: Scene) -> None:
    for name, allowed in (
        ("modality", MODALITIES),
        ("morphology", MORPHOLOGIES),
        ("polarity", POLARITIES),
    ):
        value = getattr(scene, name)
        if value not in allowed:
            raise SceneError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    kinds = (int,) if name in _INTEGERS else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        kind = "a whole number" if name in _INTEGERS else "a number"
        raise SceneError(f"{name} is {value!r}; it must be {kind} from {low:g} to {high:g}.")
    if not math.isfinite(value) or not low <= value <= high:
        raise SceneError(f"{name} is {value}; it must be from {low:g} to {high:g}.")


def scene_values(scene: Scene) -> dict[str, str | int | float]:
    """The scene's fields by name, in the order of the class."""
    return {item.name: getattr(scene, item.name) for item in fields(scene)}
