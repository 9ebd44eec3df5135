"""How cells live: they move, keep apart, change form, grow, divide and die."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from softlight.simulate.cells import (
    Cell,
    Floats,
    Form,
    cycle_length,
    form_of,
    mode_scale,
    new_cell,
)
from softlight.simulate.outline import shrinkage
from softlight.simulate.scene import Scene

ROUNDING_H = 0.6  # cells round up this long before they divide ...
SPREADING_H = 0.8  # ... and their daughters spread this slowly
DYING_H = 1.5  # from the first sign of death until the cell is gone
PERSISTENCE_H = 1.0  # how long a cell keeps its direction
RESHAPING_H = 3.0  # how long it keeps its form


class Population:
    """The cells of a movie at one time, in the view and in a margin around it."""

    def __init__(self, scene: Scene, *, margin: int, rng: np.random.Generator) -> None:
        self.scene = scene
        self.form: Form = form_of(scene)
        self.rng = rng
        self.low = -float(margin)
        self.high = np.array([scene.height + margin, scene.width + margin], float)
        self._next = 1
        self.cells: list[Cell] = self._first_cells()

    def _first_cells(self) -> list[Cell]:
        scene, rng = self.scene, self.rng
        share = float(np.prod(self.high - self.low)) / (scene.height * scene.width)
        count = round(scene.cells * share)
        places = _places(rng, count, low=self.low, high=self.high, scene=scene)
        cells = [
            new_cell(rng, scene, self.form, identity=self._identity(), y=y, x=x) for y, x in places
        ]
        for cell in cells:
            cell.velocity = rng.normal(0, 1, 2) * self._speed() / np.sqrt(2)
            cell.roundness = self._roundness(cell)
        stick = 0.3 * scene.clustering if scene.morphology == "sheet" else 0.0
        _keep_apart(cells, self.form, steps=80, low=self.low, high=self.high, cling=stick)
        return cells

    def _identity(self) -> int:
        self._next += 1
        return self._next - 1

    def _speed(self) -> float:
        """Root mean square speed in pixels per hour."""
        return self.scene.speed_um_per_min * 60 / self.scene.pixel_size_um

    def step(self) -> None:
        """Lets one frame interval pass."""
        hours = self.scene.interval_h
        steps = int(np.clip(np.ceil(hours / 0.25), 1, 8))
        for _ in range(steps):
            self._live(hours / steps)
            self._move(hours / steps)

    def _live(self, hours: float) -> None:
        survivors: list[Cell] = []
        for cell in self.cells:
            cell.age_h += hours
            _reshape(self.rng, cell, self.form, hours)
            if cell.dying_h >= 0:
                cell.dying_h += hours
            elif self.rng.random() < -np.expm1(-self.scene.death_rate_per_h * hours):
                cell.dying_h = 0.0
            cell.roundness = self._roundness(cell)
            if cell.dying_h > DYING_H:
                continue
            if cell.dying_h < 0 and cell.age_h >= cell.cycle_h:
                survivors += self._divide(cell)
            else:
                survivors.append(cell)
        self.cells = survivors

    def _roundness(self, cell: Cell) -> float:
        until, since = cell.cycle_h - cell.age_h, cell.age_h
        dividing = float(np.clip(1.15 - until / ROUNDING_H, 0, 1))
        spreading = float(np.clip(1.0 - since / SPREADING_H, 0, 1)) if cell.parent else 0.0
        dying = float(np.clip(0.3 + cell.dying_h / DYING_H, 0, 1)) if cell.dying_h >= 0 else 0.0
        return max(dividing, spreading, dying, cell.round_scatter)

    def _divide(self, mother: Cell) -> list[Cell]:
        """Two daughters side by side, each half the mother and otherwise much like her."""
        axis = self.rng.uniform(0, 2 * np.pi)
        apart = 0.75 * mother.radius * shrinkage(mother, self.form)
        daughters = []
        for side in (-1, 1):
            child = new_cell(self.rng, self.scene, self.form, identity=self._identity(), y=0, x=0)
            child.parent = mother.identity
            child.y = mother.y + side * apart * np.sin(axis)
            child.x = mother.x + side * apart * np.cos(axis)
            child.age_h = 0.0
            child.cycle_h = cycle_length(self.rng, self.scene)
            child.round_scatter = mother.round_scatter
            child.adult_area = (mother.adult_area + child.adult_area) / 2
            child.brightness = mother.brightness * float(np.exp(self.rng.normal(0, 0.08)))
            child.volume, child.graininess = mother.volume, mother.graininess
            child.focused = mother.focused
            child.nucleus = mother.nucleus.copy()
            child.roundness = 1.0
            for process in child.processes:
                process.reach = 0.15
            daughters.append(child)
        return daughters

    def _move(self, hours: float) -> None:
        memory = np.exp(-hours / PERSISTENCE_H)
        kick = self._speed() / np.sqrt(2) * np.sqrt(1 - memory**2)
        for cell in self.cells:
            cell.velocity = cell.velocity * memory + self.rng.normal(0, 1, 2) * kick
            free = 1.0 - 0.9 * cell.roundness if self.scene.morphology != "round" else 1.0
            cell.y += float(cell.velocity[0]) * hours * free
            cell.x += float(cell.velocity[1]) * hours * free
            _turn(cell, hours)
        steps = 6 if self.scene.morphology == "sheet" else 10
        cling = (0.1 if self.scene.morphology == "sheet" else 0.02) * self.scene.clustering
        _keep_apart(self.cells, self.form, steps=steps, low=self.low, high=self.high, cling=cling)


def _turn(cell: Cell, hours: float) -> None:
    """Turns a long cell towards its direction of movement, head or tail first."""
    heading = np.arctan2(cell.velocity[0], cell.velocity[1])
    away = (heading - cell.angle + np.pi / 2) % np.pi - np.pi / 2
    cell.angle += float(away * min(1.0, hours / 2.0) * min(1.0, cell.elongation - 1))


def _reshape(rng: np.random.Generator, cell: Cell, form: Form, hours: float) -> None:
    """Lets the outline wander: an Ornstein-Uhlenbeck process in every parameter of the form."""
    memory = np.exp(-hours / RESHAPING_H)
    kick = np.sqrt(1 - memory**2)
    cell.modes = cell.modes * memory + rng.normal(0, 1, cell.modes.shape) * mode_scale(form) * kick
    cell.bend = cell.bend * memory + rng.normal(0, 1) * form.bend * kick
    middle = sum(form.spike_length) / 2
    scatter = (form.spike_length[1] - form.spike_length[0]) / 3.5
    noise = rng.normal(0, 1, cell.spike_lengths.shape)
    cell.spike_lengths = np.maximum(
        0.0, middle + (cell.spike_lengths - middle) * memory + noise * scatter * kick
    )
    cell.spike_angles = cell.spike_angles + rng.normal(0, 0.06 * np.sqrt(hours), noise.shape)
    cell.texture = cell.texture + rng.normal(0, 0.4 * np.sqrt(hours), 4)
    for process in cell.processes:
        process.reach = float(np.clip(process.reach + rng.normal(0.02, 0.2) * hours, 0.15, 1.0))


def _places(
    rng: np.random.Generator, count: int, *, low: float, high: Floats, scene: Scene
) -> Floats:
    """Where the first cells are: scattered, or in round colonies with a Gaussian profile."""
    places = rng.uniform(low, high, (count, 2))
    colonies = max(1, round(count / rng.uniform(12, 40)))
    centres = rng.uniform(low, high, (colonies, 2))
    member = rng.random(count) < scene.clustering
    home = centres[rng.integers(0, colonies, count)]
    # A colony is a disc that its cells just fill.
    around = rng.uniform(0, 2 * np.pi, count)
    reach = 0.29 * scene.cell_diameter_px * np.sqrt(count / colonies * rng.random(count))
    near = home + reach[:, None] * np.stack([np.sin(around), np.cos(around)], 1)
    placed: Floats = np.where(member[:, None], near, places)
    inside: Floats = low + (placed - low) % (high - low)
    return inside


def _keep_apart(
    cells: Sequence[Cell],
    form: Form,
    *,
    steps: int,
    low: float,
    high: Floats,
    cling: float = 0.0,
) -> None:
    """Moves cells until hardly any two are nearer than their spacing; neighbours may cling."""
    if len(cells) < 2:
        return
    places = np.array([(cell.y, cell.x) for cell in cells])
    radii = np.array([cell.radius * shrinkage(cell, form) for cell in cells])
    reach = 2 * form.spacing * float(radii.max()) * (1.6 if cling > 0 else 1.0)
    for step in range(steps):
        pairs = cKDTree(places).query_pairs(reach, output_type="ndarray")
        if not len(pairs):
            break
        i, j = pairs.T
        gap = places[j] - places[i]
        distance = np.maximum(np.hypot(gap[:, 0], gap[:, 1]), 1e-6)
        wanted = form.spacing * (radii[i] + radii[j])
        push = 0.5 * np.clip(wanted - distance, 0, None)
        if cling > 0 and step < steps - 3:
            near = (distance > wanted) & (distance < 1.6 * wanted)
            push = push - np.where(near, cling * (distance - wanted), 0)
        move = (0.7 * push / distance)[:, None] * gap
        shift = np.zeros_like(places)
        np.add.at(shift, i, -move)
        np.add.at(shift, j, move)
        places = np.clip(places + shift, low, high)
    for cell, (y, x) in zip(cells, places, strict=True):
        cell.y, cell.x = float(y), float(x)
