"""One cell: its form, its contents and its place in the life cycle."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from softlight.simulate.processes import Process, new_process
from softlight.simulate.scene import Scene

Floats = NDArray[np.float64]
MODES = np.arange(2, 8)  # Fourier modes of the outline that change in time


@dataclass(frozen=True, slots=True)
class Form:
    """How cells of one morphology look, in units of the cell's own radius."""

    elongation: tuple[float, float]  # length over width
    wobble: float  # standard deviation of the second Fourier mode of the outline
    spikes: tuple[int, int]  # pointed protrusions
    spike_length: tuple[float, float]
    spike_width: tuple[float, float]  # radians
    bend: float  # curvature of the long axis
    height: float  # optical thickness of the flat part, radians
    dome: float  # optical thickness added at the centre, radians
    ball: float  # share of the thickness that has a ball's profile when spread, 0 to 1
    rounded_radius: float  # of a dividing cell, over that of the spread cell
    spacing: float  # distance of neighbours, over the sum of their radii
    closing: float  # gaps narrower than twice this share of the cell diameter are filled
    nucleus: tuple[float, float]  # its radius
    processes: tuple[int, int]  # thin branching processes
    ruffle: float  # irregularity of the edge


FORMS: dict[str, Form] = {
    "round": Form(
        elongation=(1.0, 1.2), wobble=0.03, spikes=(0, 0), spike_length=(0.0, 0.0),
        spike_width=(0.3, 0.3), bend=0.0, height=0.35, dome=0.45, ball=0.85, rounded_radius=0.92,
        spacing=0.93, closing=0.0, nucleus=(0.5, 0.7), processes=(0, 0), ruffle=0.012,
    ),
    "spindly": Form(
        elongation=(1.05, 2.4), wobble=0.13, spikes=(2, 5), spike_length=(0.5, 2.6),
        spike_width=(0.08, 0.4), bend=0.16, height=0.14, dome=0.26, ball=0.0, rounded_radius=0.5,
        spacing=0.78, closing=0.0, nucleus=(0.22, 0.34), processes=(0, 0), ruffle=0.015,
    ),
    "sheet": Form(
        elongation=(1.0, 1.7), wobble=0.06, spikes=(0, 2), spike_length=(0.1, 0.3),
        spike_width=(0.15, 0.4), bend=0.05, height=0.2, dome=0.16, ball=0.0, rounded_radius=0.6,
        spacing=0.78, closing=0.2, nucleus=(0.34, 0.46), processes=(0, 0), ruffle=0.015,
    ),
    "neurites": Form(
        elongation=(1.1, 2.4), wobble=0.10, spikes=(3, 7), spike_length=(0.4, 1.5),
        spike_width=(0.08, 0.25), bend=0.12, height=0.25, dome=0.35, ball=0.3, rounded_radius=0.7,
        spacing=0.85, closing=0.0, nucleus=(0.35, 0.5), processes=(2, 5), ruffle=0.02,
    ),
}  # fmt: skip
NUCLEI = Form(  # what a nuclear stain shows of round cells
    elongation=(1.0, 1.7), wobble=0.05, spikes=(0, 0), spike_length=(0.0, 0.0),
    spike_width=(0.3, 0.3), bend=0.05, height=0.7, dome=0.3, ball=0.5, rounded_radius=0.7,
    spacing=1.05, closing=0.0, nucleus=(0.5, 0.7), processes=(0, 0), ruffle=0.01,
)  # fmt: skip


def form_of(scene: Scene) -> Form:
    """The form that the scene's cells have."""
    if scene.modality == "fluorescence" and scene.morphology == "round":
        return NUCLEI
    return FORMS[scene.morphology]


@dataclass(slots=True)
class Cell:
    """A living cell; positions are pixels in the view, angles radians."""

    identity: int
    parent: int
    y: float
    x: float
    angle: float
    adult_area: float
    cycle_h: float  # age at division; inf = never
    age_h: float
    maturity: float  # age over cycle length where there is no cycle
    elongation: float
    modes: Floats  # (2, len(MODES)) cosine and sine amplitudes
    spike_angles: Floats
    spike_lengths: Floats
    spike_widths: Floats
    bend: float
    volume: float  # factor on the optical thickness
    brightness: float  # fluorescence expression
    graininess: float  # factor on the texture
    texture: Floats  # (4,) offsets into the texture atlas
    nucleus: Floats  # (4,) y, x, radius, elongation; in units of the cell's radius
    nucleoli: Floats  # (K, 3) y, x, radius; in units of the nucleus
    focused: bool
    round_scatter: float  # how round the cell is when it is not dividing
    velocity: Floats = field(default_factory=lambda: np.zeros(2))
    processes: list[Process] = field(default_factory=list)
    roundness: float = 0.0
    dying_h: float = -1.0  # hours since death began; negative = alive

    @property
    def progress(self) -> float:
        """How far through its cycle the cell is, 0 to 1."""
        return min(1.0, self.age_h / self.cycle_h) if np.isfinite(self.cycle_h) else self.maturity

    @property
    def area(self) -> float:
        """Area in pixels that the cell has when it is spread."""
        return self.adult_area * (0.5 + 0.5 * self.progress)

    @property
    def radius(self) -> float:
        """Radius in pixels of a circle of the cell's spread area."""
        return float(np.sqrt(self.area / np.pi))


def uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """One number between the bounds."""
    return float(rng.uniform(*bounds))


def new_cell(
    rng: np.random.Generator, scene: Scene, form: Form, *, identity: int, y: float, x: float
) -> Cell:
    """A cell of random size, form and age at this place."""
    adult = np.pi / 4 * scene.cell_diameter_px**2
    adult *= np.exp(rng.normal(0, 1) * scene.size_variation)
    spikes = int(rng.integers(form.spikes[0], form.spikes[1] + 1))
    angles = rng.uniform(0, 2 * np.pi, spikes)
    if form.elongation[1] > 2 and spikes:  # long cells are drawn out at their ends
        angles[:2:1] = np.array([0.0, np.pi])[: min(spikes, 2)] + rng.normal(0, 0.2, min(spikes, 2))
    kernels = int(rng.integers(1, 4))
    scatter = rng.random()
    cell = Cell(
        identity=identity,
        parent=0,
        y=y,
        x=x,
        angle=float(rng.uniform(0, 2 * np.pi)),
        adult_area=float(adult),
        cycle_h=np.inf,
        age_h=0.0,
        maturity=float(rng.random()),
        elongation=uniform(rng, form.elongation),
        modes=rng.normal(0, 1, (2, MODES.size)) * mode_scale(form),
        spike_angles=angles,
        spike_lengths=rng.uniform(*form.spike_length, spikes),
        spike_widths=rng.uniform(*form.spike_width, spikes),
        bend=float(rng.normal(0, 1) * form.bend),
        volume=float(np.exp(rng.normal(0, 0.22))),
        brightness=float(np.exp(rng.normal(0, 0.45))),
        graininess=float(np.exp(rng.normal(0, 0.4))),
        texture=rng.uniform(0, 256, 4),
        nucleus=np.array(
            [
                rng.normal(0, 0.08),
                rng.normal(0, 0.08),
                uniform(rng, form.nucleus),
                rng.uniform(1, 1.4),
            ]
        ),
        nucleoli=np.stack(
            [
                rng.uniform(-0.5, 0.5, kernels),
                rng.uniform(-0.5, 0.5, kernels),
                rng.uniform(0.12, 0.26, kernels),
            ],
            axis=1,
        ),
        focused=bool(rng.random() >= scene.out_of_focus),
        round_scatter=0.0 if form is NUCLEI or scatter > 0.07 else 0.65 + 5 * float(scatter),
    )
    cell.processes = [
        new_process(rng) for _ in range(int(rng.integers(form.processes[0], form.processes[1] + 1)))
    ]
    if scene.division_rate_per_h > 0:
        cell.cycle_h = cycle_length(rng, scene)
        # A steadily dividing population has more young cells than old ones.
        cell.age_h = float(-np.log2(1 - 0.5 * rng.random())) * cell.cycle_h
    return cell


def cycle_length(rng: np.random.Generator, scene: Scene) -> float:
    """Hours from birth to division: a gamma variable whose mean fits the rate."""
    mean = 1.0 / scene.division_rate_per_h
    return float(rng.gamma(20.0, mean / 20.0))


def mode_scale(form: Form) -> Floats:
    """Standard deviation of each Fourier mode: high modes are weaker."""
    scale: Floats = form.wobble * (2.0 / MODES) ** 1.8
    return scale
