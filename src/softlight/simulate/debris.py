"""Dirt: particles and fragments that lie between cells, and shadows that float above them."""

from __future__ import annotations

import numpy as np

from softlight.simulate.cells import Floats
from softlight.simulate.scene import Scene


class Debris:
    """Pieces of dirt that hardly move; they are no cells and have no label."""

    def __init__(self, scene: Scene, *, margin: int, rng: np.random.Generator) -> None:
        height, width = scene.height + 2 * margin, scene.width + 2 * margin
        share = height * width / (scene.height * scene.width)
        count = int(rng.poisson(scene.debris * share))
        self.rng = rng
        self.step_px = 0.5 * np.sqrt(scene.interval_h)
        self.places = rng.uniform(0, 1, (count, 2)) * (height, width)
        self.sigma = np.exp(rng.normal(np.log(1.0), 0.35, count))
        self.stretch = np.exp(rng.normal(0, 0.3, count))
        self.thickness = rng.uniform(0.4, 1.6, count) * rng.choice([1, 1, -0.6], count)

    def step(self) -> None:
        """Lets one frame interval pass: pieces tremble."""
        self.places = self.places + self.rng.normal(0, 1, self.places.shape) * self.step_px

    def thickness_on(self, shape: tuple[int, int]) -> Floats:
        """Optical thickness of the dirt, in radians."""
        plane = np.zeros(shape)
        for (y, x), sigma, stretch, value in zip(
            self.places, self.sigma, self.stretch, self.thickness, strict=True
        ):
            reach = int(4 * sigma * max(stretch, 1 / stretch)) + 1
            rows = np.arange(max(0, int(y) - reach), min(shape[0], int(y) + reach + 1))
            columns = np.arange(max(0, int(x) - reach), min(shape[1], int(x) + reach + 1))
            if not rows.size or not columns.size:
                continue
            down = ((rows - y) / (sigma * stretch)) ** 2
            across = ((columns - x) / (sigma / stretch)) ** 2
            blob = value * np.exp(-0.5 * np.add.outer(down, across))
            plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += blob
        return plane
