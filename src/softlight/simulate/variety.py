"""Scenes: random ones to train on, and the demo's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from softlight.simulate.scene import MODALITIES, MORPHOLOGIES, Modality, Morphology, Scene

# Typical full-grown diameters in pixels, as they appear through 10x to 20x objectives.
_DIAMETERS_PX = {
    "round": (10.0, 40.0),
    "spindly": (24.0, 120.0),
    "sheet": (14.0, 80.0),
    "neurites": (14.0, 45.0),
}


def random_scene(
    rng: np.random.Generator,
    *,
    modality: Modality | None = None,
    morphology: Morphology | None = None,
    size: tuple[int, int] = (256, 256),
    frames: int = 1,
) -> Scene:
    """A varied scene to train on: size, density, optics, noise and what is not given are drawn."""
    mode: Modality = modality if modality is not None else MODALITIES[int(rng.integers(2))]
    drawn = MORPHOLOGIES[int(rng.choice(4, p=[0.25, 0.3, 0.3, 0.15]))]
    form: Morphology = morphology if morphology is not None else drawn
    low, high = _DIAMETERS_PX[form]
    diameter_px = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    cover = float(
        rng.choice([rng.uniform(0.03, 0.3), rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.3)])
    )
    cells = max(1, round(cover * size[0] * size[1] / (np.pi / 4 * diameter_px**2 * 0.75)))
    pixel_um = float(rng.uniform(0.5, 1.6))
    optics = _random_phase(rng) if mode == "phase" else _random_fluorescence(rng)
    return Scene(
        modality=mode,
        morphology=form,
        frames=frames,
        height=size[0],
        width=size[1],
        cells=cells,
        seed=int(rng.integers(2**31)),
        pixel_size_um=pixel_um,
        cell_diameter_um=diameter_px * pixel_um,
        size_variation=float(rng.uniform(0.1, 0.5)),
        clustering=float(rng.choice([0.0, rng.uniform(0.2, 1.0)])),
        division_rate_per_h=float(rng.uniform(0.02, 0.12)),
        death_rate_per_h=float(rng.choice([0.0, rng.uniform(0.0, 0.03)])),
        debris=float(rng.choice([0.0, rng.uniform(0, 40)])) * size[0] * size[1] / 65536,
        out_of_focus=float(rng.choice([0.0, rng.uniform(0, 0.15)])),
        **optics,
    )


def _random_phase(rng: np.random.Generator) -> dict[str, Any]:
    """Raw phase contrast with a wide halo, or one flattened by an incubator microscope."""
    flattened = rng.random() < 0.65
    removal = float(np.exp(rng.uniform(np.log(0.9), np.log(10.0)))) if flattened else 0.0
    return {
        "polarity": "dark" if rng.random() < 0.75 else "bright",
        "contrast": float(np.exp(rng.uniform(np.log(0.15), np.log(0.7)))),
        "thickness": float(np.exp(rng.uniform(np.log(0.6), np.log(2.0)))),
        "granularity": float(rng.uniform(0.5, 2.5)),
        "granule_px": float(np.exp(rng.uniform(np.log(0.4), np.log(1.6)))),
        "halo_px": float(np.exp(rng.uniform(np.log(2.0), np.log(16.0)))),
        "defocus": float(rng.normal(0, 2.0)),
        "blur_px": float(rng.uniform(0.3, 1.1)),
        "illumination": float(rng.uniform(0.0, 0.4)),
        "background_removal_px": removal,
        "photons": float(np.exp(rng.uniform(np.log(1500), np.log(60000)))),
        "read_noise": float(rng.uniform(0, 8)),
        "bit_depth": 16,
    }


def _random_fluorescence(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "contrast": float(rng.uniform(0.3, 1.2)),
        "granularity": float(rng.uniform(0.3, 2.0)),
        "granule_px": float(rng.uniform(0.8, 2.5)),
        "blur_px": float(rng.uniform(0.5, 2.0)),
        "haze": float(rng.uniform(0.0, 0.5)),
        "bleaching_per_frame": float(rng.uniform(0.0, 0.04)),
        "illumination": float(rng.uniform(0.0, 0.4)),
        "photons": float(np.exp(rng.uniform(np.log(15), np.log(3000)))),
        "read_noise": float(rng.uniform(0, 4)),
        "bit_depth": 16,
    }


DEMO_SCENE = Scene(
    modality="phase",
    morphology="spindly",
    frames=12,
    height=256,
    width=320,
    cells=16,
    seed=11,
    interval_min=20.0,
    pixel_size_um=1.24,
    cell_diameter_um=54.0,
    clustering=0.4,
    division_rate_per_h=0.12,
    speed_um_per_min=0.4,
    contrast=0.65,
    granularity=1.8,
    granule_px=0.9,
    halo_px=5.0,
    photons=6000.0,
)
