"""Confluent tissue with a class in each pixel: cytoplasm, membrane and nucleus, in little light.

No threshold tells the classes apart. A nucleus is darker than its own cell or brighter, but cells
differ by more than that. A membrane is as bright as the fibres in cells, or as dark as their
vacuoles and their pigment, and fades in places. What tells them is their form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from softlight.simulate.camera import poisson
from softlight.simulate.cells import Floats
from softlight.simulate.optics import illumination_field
from softlight.simulate.scene import MAX_SIDE_PX, SceneError

Kind = Literal["three-class", "membrane"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CLASSES: dict[Kind, tuple[str, ...]] = {
    "three-class": ("cytoplasm", "membrane", "nucleus"),
    "membrane": ("background", "membrane"),
}
MEMBRANE, NUCLEUS = 1, 2
SPACING_PX: dict[Kind, tuple[float, float]] = {
    "three-class": (34.0, 52.0),
    "membrane": (17.0, 25.0),
}
MEMBRANE_PX = (1.2, 1.9)  # half of its width, from image to image
PHOTONS: dict[Kind, tuple[float, float]] = {"three-class": (15.0, 60.0), "membrane": (25.0, 90.0)}
BLUR_PX = (0.7, 1.2)
READ_NOISE = 1.5  # photons
_MARGIN = 48


@dataclass(frozen=True, slots=True)
class Tissue:
    """One image with the class and the cell of each pixel."""

    image: NDArray[np.uint8]  # (Y, X)
    classes: NDArray[np.int32]  # (Y, X), an index into CLASSES of its kind
    cells: NDArray[np.int32]  # (Y, X), 0 = membrane


@dataclass(frozen=True, slots=True)
class _Mosaic:
    """Which cell each pixel is of, and how far it is from the next one."""

    cell: NDArray[np.int64]  # (Y, X) from 0
    to_edge: Floats  # (Y, X) px to the middle of the membrane
    seeds: Floats  # (cells, 2) their centres
    spacing: float


def simulate_tissue(kind: Kind, rng: np.random.Generator, *, size: tuple[int, int]) -> Tissue:
    """One image of this kind; the same state of ``rng`` gives the same image."""
    if kind not in KINDS:
        raise SceneError(f"There is no tissue {kind!r}; it must be one of {', '.join(KINDS)}.")
    if not all(32 <= side <= MAX_SIDE_PX for side in size):
        raise SceneError(
            f"An image of {size[0]} x {size[1]} pixels was asked for; a side must be from 32 to "
            f"{MAX_SIDE_PX}."
        )
    whole = (size[0] + 2 * _MARGIN, size[1] + 2 * _MARGIN)
    mosaic = _mosaic(rng, whole, float(rng.uniform(*SPACING_PX[kind])))
    half = float(rng.uniform(*MEMBRANE_PX))
    line = np.exp(-0.5 * (mosaic.to_edge / half) ** 2)
    if kind == "three-class":
        nuclei = _nuclei(rng, mosaic, half)
        light = _stained(rng, mosaic, line, nuclei)
    else:
        nuclei = np.zeros(whole, bool)
        light = _pigmented(rng, mosaic, line)
    membrane = mosaic.to_edge < half
    classes = np.where(membrane, MEMBRANE, np.where(nuclei, NUCLEUS, 0)).astype(np.int32)
    cells = np.where(membrane, 0, mosaic.cell + 1).astype(np.int32)
    view = (slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))
    shown = ndimage.gaussian_filter(light, rng.uniform(*BLUR_PX))[view]
    image = _camera(rng, shown * illumination_field(rng, size, 0.5), PHOTONS[kind])
    return Tissue(image, classes[view], cells[view])


def _smooth(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Floats:
    """Noise of unit variance whose grain has this size."""
    noise = ndimage.gaussian_filter(rng.normal(0, 1, shape), sigma, mode="wrap")
    scaled: Floats = noise / max(float(noise.std()), 1e-9)
    return scaled


def _mosaic(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> _Mosaic:
    """Cells around seeds that keep apart, with edges that wander."""
    number = max(4, round(shape[0] * shape[1] / spacing**2))
    seeds = rng.uniform(0, 1, (number, 2)) * shape
    grid = np.stack(np.meshgrid(*(np.arange(0, side, 4) for side in shape), indexing="ij"), -1)
    places = grid.reshape(-1, 2).astype(float)
    for _ in range(3):  # Lloyd's: each seed to the middle of its cell, not quite to the end
        owner = KDTree(seeds).query(places)[1]
        count = np.maximum(np.bincount(owner, minlength=number), 1)
        for axis in (0, 1):
            middle = np.bincount(owner, weights=places[:, axis], minlength=number) / count
            seeds[:, axis] = np.where(count > 1, middle, seeds[:, axis])
    seeds += rng.normal(0, 0.06 * spacing, seeds.shape)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    bend = 0.07 * spacing
    y = y + bend * _smooth(rng, shape, 0.35 * spacing)
    x = x + bend * _smooth(rng, shape, 0.35 * spacing)
    distance, nearest = KDTree(seeds).query(np.stack([y, x], -1).reshape(-1, 2), k=2)
    apart = np.linalg.norm(seeds[nearest[:, 0]] - seeds[nearest[:, 1]], axis=1)
    # The distance to the line midway between the two nearest seeds.
    edge = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * np.maximum(apart, 1e-6))
    return _Mosaic(nearest[:, 0].reshape(shape), edge.reshape(shape), seeds, spacing)


def _nuclei(rng: np.random.Generator, mosaic: _Mosaic, half: float) -> NDArray[np.bool_]:
    """Pixels of nuclei: one in most cells, two in some, none in a few."""
    shape = mosaic.cell.shape
    nuclei = np.zeros(shape, bool)
    inside = mosaic.to_edge > half + 1.5
    for index, (seed_y, seed_x) in enumerate(mosaic.seeds):
        number = int(rng.choice([0, 1, 2], p=[0.12, 0.7, 0.18]))
        turn = rng.uniform(0, 2 * np.pi)
        for k in range(number):
            away = mosaic.spacing * (0.19 if number == 2 else rng.uniform(0, 0.12))
            radius = mosaic.spacing * rng.uniform(0.13, 0.19 if number == 2 else 0.22)
            angle = turn + k * np.pi
            y, x = seed_y + away * np.sin(angle), seed_x + away * np.cos(angle)
            box = tuple(
                slice(max(0, int(c - 1.6 * radius)), max(0, int(c + 1.6 * radius) + 2))
                for c in (y, x)
            )
            rows = np.arange(shape[0])[box[0], None] - y
            columns = np.arange(shape[1])[None, box[1]] - x
            long = rng.uniform(1.0, 1.3)
            tilt = rng.uniform(0, np.pi)
            u = (columns * np.cos(tilt) + rows * np.sin(tilt)) / long
            v = (rows * np.cos(tilt) - columns * np.sin(tilt)) * long
            disc = np.hypot(u, v) < radius
            nuclei[box] |= disc & inside[box] & (mosaic.cell[box] == index)
    return nuclei


def _stained(
    rng: np.random.Generator, mosaic: _Mosaic, line: Floats, nuclei: NDArray[np.bool_]
) -> Floats:
    """A fluorescent stain: cells, nuclei darker or brighter than theirs, membranes, fibres."""
    shape, count = mosaic.cell.shape, len(mosaic.seeds)
    bright = np.exp(rng.normal(0, 0.32, count))
    dark = rng.random(count) < 0.7
    factor = np.where(dark, rng.uniform(0.35, 0.65, count), rng.uniform(1.4, 2.0, count))
    own = bright[mosaic.cell]
    light = own * (1 + 0.16 * _smooth(rng, shape, 1.2) + 0.1 * _smooth(rng, shape, 4.0))
    soft = ndimage.gaussian_filter(nuclei.astype(float), 0.7)
    light = light * (1 + soft * (factor[mosaic.cell] - 1))
    around = ndimage.gaussian_filter(own, 2.0)  # a membrane is as bright as its two cells are
    strength = np.clip(0.75 + 0.35 * _smooth(rng, shape, 9.0), 0.05, None)
    light = light + around * strength * line
    inner = np.exp(-0.5 * (np.minimum(mosaic.to_edge - 6, 0) / 2) ** 2) * (1 - soft)
    light = light + 0.8 * around * _fibres(rng, shape) * inner
    light = light * (1 - 0.5 * _spots(rng, shape, 2.0) * inner)
    clipped: Floats = np.maximum(light, 0.05)
    return clipped


def _pigmented(rng: np.random.Generator, mosaic: _Mosaic, line: Floats) -> Floats:
    """Light through pigmented cells: dark membranes, cells of unlike darkness, grains."""
    shape, count = mosaic.cell.shape, len(mosaic.seeds)
    pigment = rng.gamma(3.0, 0.17, count)[mosaic.cell]
    pigment = pigment * (1 + 0.4 * _smooth(rng, shape, 2.5))
    middle = np.clip(mosaic.to_edge / (0.35 * mosaic.spacing), 0, 1)
    pigment = pigment * (0.55 + 0.45 * middle)  # thickest in the middle of a cell
    strength = np.clip(0.6 + 0.28 * _smooth(rng, shape, 10.0), 0.08, None)
    absorbance = pigment + strength * line + 0.4 * _spots(rng, shape, 1.5)
    absorbance = absorbance + 0.3 * _fibres(rng, shape) * middle
    light: Floats = np.exp(-np.maximum(absorbance, 0))
    return light


def _fibres(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Short curved lines here and there, 0 to 1: where a slow noise changes its sign."""
    noise = _smooth(rng, shape, 7.0)
    slope = np.hypot(*np.gradient(noise)) + 1e-6
    line = np.exp(-0.5 * (noise / slope / 1.3) ** 2)
    there: Floats = line * np.clip(_smooth(rng, shape, 5.0) - 0.3, 0, 1)
    lines: Floats = np.minimum(1.5 * there, 1)
    return lines


def _spots(rng: np.random.Generator, shape: tuple[int, int], radius: float) -> Floats:
    """Round spots of this size here and there, 0 to 1."""
    dots = (rng.random(shape) < 0.004).astype(float)
    spots = ndimage.gaussian_filter(dots, radius) * 2 * np.pi * radius**2
    cut: Floats = np.minimum(spots, 1.0)
    return cut


def _camera(rng: np.random.Generator, light: Floats, photons: tuple[float, float]) -> NDArray[Any]:
    """Few photons, read noise, and 8 bits of which low light uses a part."""
    scaled = light / max(float(np.percentile(light, 99)), 1e-6)
    few = float(np.exp(rng.uniform(*np.log(photons))))
    counts = poisson(scaled * few, rng) + READ_NOISE * rng.normal(0, 1, light.shape)
    top = float(rng.uniform(90, 200))
    grey = 12 + counts / few * top
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
