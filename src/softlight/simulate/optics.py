"""From optical thickness or stain to the light that reaches the camera."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from softlight.simulate.cells import Floats
from softlight.simulate.scene import Scene

RING_TRANSMISSION = 0.5  # amplitude that the phase ring lets through
FLOATING_DEFOCUS = 14.0  # squared pixels, of cells above the focal plane


def phase_contrast(thickness: Floats, scene: Scene, *, defocus: float) -> Floats:
    """Zernike phase contrast of a thin phase object; 1 = background.

    The ring of the objective shifts the undiffracted light by a quarter wave and dims it. Being
    of finite width it does the same to light diffracted by little, G = exp(-2 (pi s f)^2) with
    s = halo_px, which makes the halo and the shade-off: with u = exp(i thickness),
    I = |F^-1[ F[u] (1 - G + G t exp(-/+ i pi/2)) P ]|^2 / t^2,
    where P = exp(-2 (pi b f)^2 + i pi d f^2) holds the blur b and the defocus d.
    """
    shape = tuple(fft.next_fast_len(size) for size in thickness.shape)
    pad = [(0, full - size) for full, size in zip(shape, thickness.shape, strict=True)]
    field = fft.fft2(np.exp(1j * np.pad(thickness, pad, mode="reflect")), workers=1)
    squared = np.add.outer(fft.fftfreq(shape[0]) ** 2, fft.fftfreq(shape[1]) ** 2)
    ring = np.exp(-2 * np.pi**2 * scene.halo_px**2 * squared)
    quarter = -1j if scene.polarity == "dark" else 1j
    plate = 1 - ring + ring * RING_TRANSMISSION * quarter
    pupil = np.exp((-2 * np.pi**2 * scene.blur_px**2 + 1j * np.pi * defocus) * squared)
    wave = fft.ifft2(field * plate * pupil, workers=1)
    light = (wave.real**2 + wave.imag**2) / RING_TRANSMISSION**2
    image: Floats = light[: thickness.shape[0], : thickness.shape[1]]
    return image


def fluorescence(stain: Floats, scene: Scene) -> Floats:
    """The stain seen through the point spread function, with out-of-focus haze."""
    sharp = ndimage.gaussian_filter(stain, scene.blur_px) if scene.blur_px > 0 else stain
    wide = max(4.0, 0.35 * scene.cell_diameter_px)
    veil = ndimage.gaussian_filter(stain, wide)
    image: Floats = (1 - scene.haze) * sharp + scene.haze * veil
    return image


def illumination_field(rng: np.random.Generator, shape: tuple[int, int], amount: float) -> Floats:
    """Smooth unevenness around 1 with this relative range: a tilt, a bowl and slow mottling."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    angle, bowl = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 0.3)
    centre = rng.uniform(-0.4, 0.4, 2)
    field = 0.7 * (x * np.cos(angle) + y * np.sin(angle))
    field = field + bowl * ((x - centre[1]) ** 2 + (y - centre[0]) ** 2)
    slow = ndimage.zoom(rng.normal(0, 1, (6, 6)), (shape[0] / 6, shape[1] / 6), order=3)
    field = field + 0.12 * slow[: shape[0], : shape[1]]
    span = max(float(np.ptp(field)), 1e-9)
    even: Floats = 1 + amount * (field - field.mean()) / span
    return even
