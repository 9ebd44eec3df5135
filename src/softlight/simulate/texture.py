"""What cells contain: granules, mottling, a nucleus with nucleoli, as thickness per pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from softlight.simulate.cells import NUCLEI, Cell, Floats, Form
from softlight.simulate.masks import ATLAS_PX, PROCESS_LEVEL, Owners
from softlight.simulate.outline import thickness_factor
from softlight.simulate.scene import Scene


@dataclass(frozen=True, slots=True)
class Atlas:
    """Periodic textures of unit variance from which every cell takes its own part."""

    granules: Floats
    mottling: Floats
    vesicles: Floats
    ruffles: Floats


FINENESS = 2  # texture samples per pixel, so that small granules stay sharp between pixels


def new_atlas(rng: np.random.Generator, granule_px: float) -> Atlas:
    """Textures whose finest grain has this size."""
    shape = (FINENESS * ATLAS_PX, FINENESS * ATLAS_PX)
    grain = FINENESS * granule_px

    squared = np.add.outer(fft.fftfreq(shape[0]) ** 2, fft.rfftfreq(shape[1]) ** 2)

    def low_pass(sigma: float) -> Floats:
        kept: Floats = np.exp(-2 * np.pi**2 * sigma**2 * squared)
        return kept

    def filtered(plane: Floats, kept: Floats) -> Floats:
        result: Floats = fft.irfft2(fft.rfft2(plane, workers=1) * kept, s=shape, workers=1)
        return result

    def band(fine: float, coarse: float) -> Floats:
        noise = filtered(rng.normal(0, 1, shape), low_pass(fine) - low_pass(coarse))
        scaled: Floats = noise / noise.std()
        return scaled

    granules = band(0.7 * grain, 2.0 * grain)
    granules = np.sign(granules) * np.abs(granules) ** 1.3
    dots = (rng.random(shape) < 0.05 / grain**2) * rng.exponential(1.0, shape)
    vesicles = filtered(dots, low_pass(0.75 * grain)) * 3.5 * grain**2
    return Atlas(
        granules / granules.std(),
        band(3.0 * grain, 9.0 * grain),
        vesicles,
        band(2.0, 6.0)[:ATLAS_PX, :ATLAS_PX],
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """Per pixel of one frame with its margin; zero outside cells."""

    thickness: Floats  # optical thickness in radians
    stain: Floats  # brightness of a fluorescent marker
    out_of_focus: Floats  # 1 where the owner lies above the focal plane


def fill_cells(
    owners: Owners, cells: Sequence[Cell], *, scene: Scene, form: Form, atlas: Atlas
) -> Contents:
    """The optical thickness and the stain of every pixel."""
    planes = np.zeros((3, *owners.index.shape))
    at = np.nonzero(owners.index)
    if at[0].size:
        values = _CellValues.of(cells, form)
        pixels = _pixels(owners, values, atlas, at)
        planes[0][at] = scene.thickness * _thickness(pixels, values, form, scene.granularity)
        planes[1][at] = _stain(pixels, values, form, scene.granularity)
        planes[2][at] = values.blurred[pixels.own]
    return Contents(planes[0], planes[1], planes[2])


@dataclass(frozen=True, slots=True)
class _Pixels:
    """What is where, for the pixels that belong to cells, in one row."""

    own: NDArray[np.int64]  # index of the cell
    depth: Floats  # pixels to the next cell or the background
    level: Floats  # 0 at the cell's centre, 1 at its edge
    edge: Floats  # 0 at the edge, 1 further in
    nucleus: Floats  # 1 in the nucleus, 0 outside
    nucleoli: Floats
    grain: Floats  # granules, mottling and vesicles
    slow: Floats  # the mottling alone
    fine: Floats  # the granules alone


def _pixels(
    owners: Owners, values: _CellValues, atlas: Atlas, at: tuple[NDArray[np.int64], ...]
) -> _Pixels:
    own = (owners.index[at] - 1).astype(np.int64)
    u, v = owners.forward[at], owners.sideways[at]
    depth = _depth(owners.index)
    nucleoli, nucleus = _nucleus(values, own, u, v)
    grain, slow, fine = _grain(atlas, values, own, u, v)
    edge = _edge(owners, depth)[at]
    level = np.minimum(owners.level[at], 1.0)
    return _Pixels(own, depth[at], level, edge, nucleus, nucleoli, grain, slow, fine)


def _ball(pixels: _Pixels) -> Floats:
    """The thickness of a ball, 1 at its centre."""
    ball: Floats = np.sqrt(np.clip(1 - pixels.level**2, 0, 1)) * np.minimum(pixels.depth / 1.5, 1)
    return ball


def _thickness(pixels: _Pixels, values: _CellValues, form: Form, granularity: float) -> Floats:
    """Optical thickness in radians: body, granules and organelles."""
    roundness, edge = values.roundness[pixels.own], pixels.edge
    flat = form.height * edge + form.dome * (1 - pixels.level) * edge
    ball = (form.height + form.dome) * _ball(pixels) * (1 + 1.5 * roundness)
    share = np.maximum(form.ball, roundness)  # how much of a ball the cell is
    body = values.thickness[pixels.own] * (flat * (1 - share) + ball * share)
    # Granules crowd around the nucleus and thin out in the lamella; the nucleus has few.
    crowd = (0.15 + np.exp(-((pixels.level / 0.5) ** 2))) * (1 - 0.75 * pixels.nucleus) * edge
    grain = pixels.grain * (1 + roundness + form.ball) + form.ball * pixels.slow
    # Here and there the margin is ruffled: thick where the slow texture is high.
    margin = np.exp(-(((pixels.depth - 2.5) / 1.5) ** 2)) * np.maximum(pixels.slow - 0.3, 0)
    ruffles = 0.12 * margin * (1 - share) * values.thickness[pixels.own]
    rim = 4 * pixels.nucleus * (1 - pixels.nucleus)
    organs = 0.04 * pixels.nucleus + 0.3 * pixels.nucleoli - 0.08 * rim
    # The lamella has a faint fine texture everywhere, which tells it from the bare glass.
    texture = crowd * grain + 0.12 * edge * pixels.fine
    texture = granularity * 0.18 * values.graininess[pixels.own] * texture
    total: Floats = body + texture + ruffles + organs * (1 - roundness)
    return total


def _stain(pixels: _Pixels, values: _CellValues, form: Form, granularity: float) -> Floats:
    """Brightness of the marker: a nuclear stain for nuclei, else one of the whole cell."""
    if form is NUCLEI:
        glow, spots, grainy = 0.35 + 0.65 * _ball(pixels), 0.75, 0.22
    else:
        glow, spots, grainy = 0.2 + 0.5 * _ball(pixels) + 0.5 * pixels.nucleus, 0.5, 0.14
    holes = 1 - spots * np.minimum(pixels.nucleoli, 1)
    lit = np.clip(1 + grainy * granularity * pixels.grain, 0.1, None)
    round_up = 1 + 0.8 * values.roundness[pixels.own]
    stain: Floats = values.brightness[pixels.own] * glow * pixels.edge * holes * lit * round_up
    return stain


@dataclass(frozen=True, slots=True)
class _CellValues:
    """One value per cell, ready to be taken per pixel."""

    radius: Floats
    roundness: Floats
    thickness: Floats
    brightness: Floats
    graininess: Floats
    texture: Floats
    nucleus: Floats
    nucleoli: Floats
    blurred: Floats

    @staticmethod
    def of(cells: Sequence[Cell], form: Form) -> _CellValues:
        nucleoli = np.full((len(cells), 3, 3), 9.0)  # far away = absent
        for k, cell in enumerate(cells):
            nucleoli[k, : len(cell.nucleoli)] = cell.nucleoli
        return _CellValues(
            np.array([c.radius for c in cells]),
            np.array([c.roundness for c in cells]),
            np.array([thickness_factor(c, form) for c in cells]),
            np.array([c.brightness for c in cells]),
            np.array([c.graininess for c in cells]),
            np.stack([c.texture for c in cells]),
            np.stack([c.nucleus for c in cells]),
            nucleoli,
            np.array([0.0 if c.focused else 1.0 for c in cells]),
        )


def _depth(index: NDArray[np.int32]) -> Floats:
    """Distance of each pixel to the nearest pixel of another owner or of the background."""
    same = np.ones(index.shape, bool)
    for axis in (0, 1):
        here = [slice(None), slice(None)]
        there = [slice(None), slice(None)]
        here[axis], there[axis] = slice(1, None), slice(None, -1)
        equal = index[tuple(here)] == index[tuple(there)]
        same[tuple(here)] &= equal
        same[tuple(there)] &= equal
    distance: Floats = ndimage.distance_transform_edt(same & (index > 0))
    return distance + 0.5


def _edge(owners: Owners, deep: Floats) -> Floats:
    """How far the thickness has risen from the edge of a cell inwards, 0 to 1.

    A spread cell tapers off, so its bright fringe lies on its edge and not outside; where it is
    narrow, as in a tail, it is as steep as it must be to be seen. Neighbours that touch are
    parted by a fine groove only.
    """
    outer = ndimage.distance_transform_edt(owners.index > 0) + 0.5
    widest = ndimage.maximum_filter(deep, 7)
    narrow = np.clip(widest / 4.5, 0.35, 1)
    rise = np.maximum(outer - 1.6 * np.clip((widest - 2) / 3, 0, 1), 0.1)
    taper = 1 - np.exp(-((rise / (narrow * 2.2)) ** 2))
    groove = 1 - 0.75 * np.exp(-((deep / 1.1) ** 2))
    groove = np.where(outer > deep + 0.6, groove, 1.0)
    edge: Floats = np.where(owners.level == PROCESS_LEVEL, 0.5, taper * groove)
    return edge


def _nucleus(
    values: _CellValues, own: NDArray[np.int64], u: Floats, v: Floats
) -> tuple[Floats, Floats]:
    """How much nucleolus and how much nucleus there is at each pixel, 0 to 1."""
    place = values.nucleus[own]
    radius = place[:, 2] * values.radius[own]
    x = (u / values.radius[own] - place[:, 1]) / (place[:, 2] * place[:, 3])
    y = (v / values.radius[own] - place[:, 0]) / (place[:, 2] / place[:, 3])
    level = np.hypot(x, y)
    inner = 1 / (1 + np.exp(np.clip((level - 1) * radius * 1.5, -40, 40)))
    spots = np.zeros_like(u)
    for k in range(values.nucleoli.shape[1]):
        spot = values.nucleoli[own, k]
        away = ((x - spot[:, 1]) ** 2 + (y - spot[:, 0]) ** 2) / spot[:, 2] ** 2
        spots += np.exp(-np.minimum(away, 40))
    return spots, inner


def _grain(
    atlas: Atlas, values: _CellValues, own: NDArray[np.int64], u: Floats, v: Floats
) -> tuple[Floats, Floats, Floats]:
    """All texture at each pixel, the mottling and the granules; all travel with the cell."""
    offset = values.texture[own]
    one = FINENESS * np.stack([v + offset[:, 0], u + offset[:, 1]])
    two = FINENESS * np.stack([v + offset[:, 2], u + offset[:, 3]])
    fine = ndimage.map_coordinates(atlas.granules, one, order=1, mode="grid-wrap")
    coarse = ndimage.map_coordinates(atlas.mottling, two, order=1, mode="grid-wrap")
    dots = ndimage.map_coordinates(atlas.vesicles, two, order=1, mode="grid-wrap")
    grain: Floats = 0.5 * fine + 0.25 * coarse + dots
    return grain, coarse, fine
