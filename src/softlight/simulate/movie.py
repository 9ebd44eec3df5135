"""Simulated movies: images, exact masks, tracks and lineage from one scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.simulate.camera import record
from softlight.simulate.cells import Floats
from softlight.simulate.debris import Debris
from softlight.simulate.masks import Labels, own_pixels
from softlight.simulate.optics import (
    FLOATING_DEFOCUS,
    fluorescence,
    illumination_field,
    phase_contrast,
)
from softlight.simulate.population import Population
from softlight.simulate.scene import Scene
from softlight.simulate.texture import Atlas, Contents, fill_cells, new_atlas
from softlight.simulate.tracks import SimulatedTrack, build_tracks

BACKGROUND_STAIN = 0.03


@dataclass(frozen=True, slots=True)
class SimulatedMovie:
    """A movie with all that is true about it."""

    scene: Scene
    images: NDArray[Any]  # (T, Y, X) uint8 or uint16
    labels: Labels  # (T, Y, X) int32, 0 = background, else the track's id
    tracks: tuple[SimulatedTrack, ...]


def simulate(scene: Scene, progress: Callable[[int, int], None] | None = None) -> SimulatedMovie:
    """The scene's movie; the same scene gives the same arrays.

    Args:
        scene: what to simulate.
        progress: called after each frame with the frames done and the frames in all.
    """
    # One stream per purpose: a change in, say, the noise leaves the cells where they are.
    life, look, dirt, light = (
        np.random.default_rng(seed) for seed in np.random.SeedSequence(scene.seed).spawn(4)
    )
    margin = int(np.clip(np.ceil(0.9 * scene.cell_diameter_px), 24, 160))
    population = Population(scene, margin=margin, rng=life)
    debris = Debris(scene, margin=margin, rng=dirt)
    studio = _Studio(scene, margin, new_atlas(look, scene.granule_px), light)
    identities = np.zeros((scene.frames, scene.height, scene.width), np.int32)
    kind = np.uint8 if scene.bit_depth == 8 else np.uint16
    images = np.zeros(identities.shape, kind)
    parents: dict[int, int] = {}
    for frame in range(scene.frames):
        if frame:
            population.step()
            debris.step()
        parents.update({cell.identity: cell.parent for cell in population.cells})
        images[frame], identities[frame] = studio.shoot(population, debris, frame)
        if progress is not None:
            progress(frame + 1, scene.frames)
    seen = [set(np.unique(plane).tolist()) - {0} for plane in identities]
    tracks, owner = build_tracks(seen, parents)
    for frame, cells in enumerate(seen):
        table = np.zeros(max(cells, default=0) + 1, np.int32)
        for cell in cells:
            table[cell] = owner[frame, cell]
        identities[frame] = table[identities[frame]]
    return SimulatedMovie(scene, images, identities, tuple(tracks))


class _Studio:
    """The microscope and its light, the same for all frames of a movie."""

    def __init__(self, scene: Scene, margin: int, atlas: Atlas, rng: np.random.Generator) -> None:
        self.scene, self.margin, self.atlas, self.rng = scene, margin, atlas, rng
        self.shape = (scene.height + 2 * margin, scene.width + 2 * margin)
        self.even = illumination_field(rng, (scene.height, scene.width), scene.illumination)
        self.peak = 0.0

    def shoot(
        self, population: Population, debris: Debris, frame: int
    ) -> tuple[NDArray[Any], Labels]:
        """The image and the identity of the cell in each pixel."""
        cells, form = population.cells, population.form
        owners = own_pixels(
            cells, form, shape=self.shape, margin=self.margin, ruffles=self.atlas.ruffles
        )
        contents = fill_cells(owners, cells, scene=self.scene, form=form, atlas=self.atlas)
        dirt = debris.thickness_on(self.shape)
        if self.scene.modality == "phase":
            light = self._view(self._phase(contents, dirt)) * self.even
        else:
            light = self._glow(contents, dirt, frame)
        names = np.array([0, *(cell.identity for cell in cells)], np.int32)
        return record(light, self.scene, self.rng), names[self._view(owners.index)]

    def _view(self, plane: NDArray[Any]) -> NDArray[Any]:
        inner = slice(self.margin, -self.margin)
        return plane[inner, inner]

    def _phase(self, contents: Contents, dirt: Floats) -> Floats:
        scene = self.scene
        above = contents.thickness * contents.out_of_focus
        image = phase_contrast(contents.thickness - above + dirt, scene, defocus=scene.defocus)
        if above.any():
            blurred = phase_contrast(above, scene, defocus=scene.defocus + FLOATING_DEFOCUS)
            image = image * blurred
        return np.maximum(1 + scene.contrast * (image - 1), 0)

    def _glow(self, contents: Contents, dirt: Floats, frame: int) -> Floats:
        scene = self.scene
        image = self._view(fluorescence(contents.stain + np.abs(dirt) * 0.2, scene))
        if self.peak == 0.0:
            self.peak = max(float(np.percentile(image, 99.9)), 1e-3)
        bleached = (1 - scene.bleaching_per_frame) ** frame
        light = scene.contrast * bleached * image / self.peak + BACKGROUND_STAIN
        return light * self.even
