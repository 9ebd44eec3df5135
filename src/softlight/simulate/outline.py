"""A cell's outline: distance from its centre to its edge in every direction."""

from __future__ import annotations

import numpy as np

from softlight.simulate.cells import MODES, Cell, Floats, Form

ANGLES = np.linspace(0, 2 * np.pi, 360, endpoint=False)
_COS = np.cos(MODES[:, None] * ANGLES)
_SIN = np.sin(MODES[:, None] * ANGLES)


def outline(cell: Cell, form: Form) -> Floats:
    """Radius in pixels at each of ANGLES, in the cell's own frame.

    An ellipse times exp(Fourier modes), plus pointed spikes exp(-|angle| / width), scaled to the
    cell's area; a rounded cell is a smaller circle.
    """
    # The ellipse with axes sqrt(e) and 1/sqrt(e) has area pi whatever its elongation.
    e = 1 + (cell.elongation - 1) * (1 - cell.roundness)
    radius = 1 / np.sqrt(np.cos(ANGLES) ** 2 / e + np.sin(ANGLES) ** 2 * e)
    calm = 1 - 0.85 * cell.roundness
    series = (cell.modes[0][:, None] * _COS + cell.modes[1][:, None] * _SIN).sum(0)
    radius = radius * np.exp(calm * series)
    for angle, length, width in zip(
        cell.spike_angles, cell.spike_lengths, cell.spike_widths, strict=True
    ):
        away = np.abs((ANGLES - angle + np.pi) % (2 * np.pi) - np.pi)
        radius = radius + (1 - cell.roundness) * length * np.exp(-away / width)
    radius *= np.sqrt(2 * np.pi / (np.mean(radius**2) * 2 * np.pi))
    scaled: Floats = radius * cell.radius * shrinkage(cell, form)
    return scaled


def shrinkage(cell: Cell, form: Form) -> float:
    """Radius of the cell now over that of the spread cell: rounding and dying make it smaller."""
    rounded = 1 + (form.rounded_radius - 1) * cell.roundness
    dying = 1.0 if cell.dying_h < 0 else max(0.55, 1 - 0.3 * cell.dying_h)
    return rounded * dying


def thickness_factor(cell: Cell, form: Form) -> float:
    """Optical thickness now over that of the spread cell: a smaller cell is a thicker one."""
    return float(cell.volume * shrinkage(cell, form) ** -2.0)
