"""Augmentation: random changes of an image, its labels and its mask together.

All geometric changes become one sampling of the source, of no more than the patch that is wanted:
a pixel of the patch at ``p`` from the patch's centre takes the source's value at
``center + A (p + d(p))``, with A of flips, turns, rotation and zoom, and d the elastic field.
Where the source ends it is mirrored, image and labels alike.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import CubicSpline

from softlight.config import AugmentConfig

Float = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]

CONTROL_POINTS = 3  # along each axis of the elastic field
# The elastic displacement differs between two pixels by at most this share of their distance. Below
# 1 the map is one to one: it cannot fold or tear. At one half a length becomes 0.5 to 1.5 times
# itself, and the Jacobian determinant stays within 0.25 and 2.25.
MAX_STRAIN = 0.5


class Augmenter:
    """Random changes of image, labels and mask, drawn from the generator that is passed in.

    Args:
        config: Which changes, and how strong.
    """

    def __init__(self, config: AugmentConfig) -> None:
        for name in ("zoom", "contrast", "gamma"):
            low, high = getattr(config, name)
            if not 0 < low <= high:
                raise ValueError(
                    f"Augmentation {name} is ({low}, {high}); it needs two numbers above 0, "
                    "the lower first. (1, 1) turns it off."
                )
        self.config = config

    def __call__(
        self,
        image: Float,
        labels: Labels,
        valid: Mask | None,
        rng: np.random.Generator,
        *,
        patch: tuple[int, int] | None = None,
        center: tuple[int, int] | None = None,
    ) -> tuple[Float, Labels, Mask | None]:
        """A changed copy of a patch of the image (C, Y, X), its labels and its mask (Y, X).

        Args:
            image: Preprocessed intensities.
            labels: Labels or class indices.
            valid: False where the annotation says nothing.
            rng: The only source of chance: the same state gives the same result.
            patch: Height and width of the result; None: those of the image. An image smaller
                than the patch is mirrored at its edges.
            center: A pixel (y, x) for the patch to hold, in its middle where the image allows.
                None: anywhere.
        """
        shape = (labels.shape[0], labels.shape[1])
        if image.ndim != 3 or image.shape[1:] != shape or labels.ndim != 2:
            raise ValueError(
                f"The image is {image.shape} and the labels are {labels.shape}; "
                "they must be (C, Y, X) and (Y, X) of the same size."
            )
        if valid is not None and valid.shape != shape:
            raise ValueError(f"The mask is {valid.shape} and the labels {shape}; they must match.")
        patch = patch or shape
        matrix = self._matrix(rng, _may_turn(patch, shape))
        field = self._field(rng, patch)
        middle = _middle(shape, patch, matrix, center=center, rng=rng)
        if field is None and _only_turns(matrix):
            image, labels, valid = _gather(image, labels, valid, matrix, middle, patch)
        else:
            at = _coordinates(matrix, middle, patch, field)
            image, labels, valid = _sample(image, labels, valid, at)
        return self._intensities(image, rng), labels, valid

    def _matrix(self, rng: np.random.Generator, may_turn: bool) -> Matrix:
        """A of the sampling: offsets in the patch to offsets in the source."""
        config = self.config
        matrix = np.eye(2)
        if config.flips:
            matrix = np.diag(rng.choice([-1.0, 1.0], 2)) @ matrix
        if config.quarter_turns:
            turns = int(rng.integers(4))
            matrix = _turn(turns if may_turn else turns // 2 * 2) @ matrix
        elif config.half_turns:
            matrix = _turn(2 * int(rng.integers(2))) @ matrix
        if config.rotate_degrees:
            angle = np.deg2rad(rng.uniform(-config.rotate_degrees, config.rotate_degrees))
            sine, cosine = np.sin(angle), np.cos(angle)
            matrix = np.array([[cosine, -sine], [sine, cosine]]) @ matrix
        if config.zoom != (1.0, 1.0):  # as likely twice as large as half as large
            matrix = matrix / np.exp(rng.uniform(*np.log(config.zoom)))
        return matrix

    def _field(
        self, rng: np.random.Generator, patch: tuple[int, int]
    ) -> tuple[Float, Float] | None:
        amplitude, sigma = self.config.elastic_amplitude_px, self.config.elastic_sigma_px
        if not amplitude or not self._happens(rng):
            return None
        return elastic_field(patch, amplitude, sigma, rng)

    def _happens(self, rng: np.random.Generator) -> bool:
        return bool(rng.random() < self.config.probability)

    def _intensities(self, image: Float, rng: np.random.Generator) -> Float:
        """The image after the photometric changes, in the order light meets them."""
        config = self.config
        if config.blur_px and self._happens(rng):
            sigma = rng.uniform(0, config.blur_px)
            image = ndimage.gaussian_filter(image, (0, sigma, sigma), mode="mirror")
        if config.gamma != (1.0, 1.0) and self._happens(rng):
            image = _with_gamma(image, float(np.exp(rng.uniform(*np.log(config.gamma)))))
        if config.contrast != (1.0, 1.0) and self._happens(rng):
            mean = image.mean(axis=(1, 2), keepdims=True)
            image = (image - mean) * np.float32(rng.uniform(*config.contrast)) + mean
        if config.brightness and self._happens(rng):
            image = image + np.float32(rng.uniform(-config.brightness, config.brightness))
        if config.noise and self._happens(rng):
            deviation = np.float32(rng.uniform(0, config.noise))
            image = image + deviation * rng.standard_normal(image.shape, dtype=np.float32)
        return image


def elastic_field(
    shape: tuple[int, int], amplitude_px: float, sigma_px: float, rng: np.random.Generator
) -> tuple[Float, Float]:
    """Displacements (dy, dx), each (Y, X), of a smooth map that neither tears nor folds.

    A 3×3 grid of Gaussian displacements of deviation ``amplitude_px`` spans the shape, is
    interpolated by cubic splines and smoothed by a Gaussian of ``sigma_px``. Both are linear along
    each axis, so the field is ``B_y c B_x^T`` with small matrices and needs no filtering. The
    largest stretch of its Jacobian matrix is found over all pixels; where it is beyond
    ``MAX_STRAIN`` the whole field is made weaker by as much.
    """
    control = rng.normal(0.0, amplitude_px, (2, CONTROL_POINTS, CONTROL_POINTS))
    along_y, along_x = _basis(shape[0], sigma_px), _basis(shape[1], sigma_px)
    slope_y, slope_x = _slope(along_y), _slope(along_x)
    dy, dx = along_y @ control @ along_x.T
    dyy, dxy = slope_y @ control @ along_x.T  # change of dy, dx along y
    dyx, dxx = along_y @ control @ slope_x.T
    squares = dyy**2 + dyx**2 + dxy**2 + dxx**2
    product = dyy * dxx - dyx * dxy
    # The larger singular value of a 2x2 matrix, squared.
    strain = (squares + np.sqrt(np.maximum(squares**2 - 4 * product**2, 0))) / 2
    weaker = MAX_STRAIN / max(MAX_STRAIN, float(np.sqrt(strain.max())))
    return (weaker * dy).astype(np.float32), (weaker * dx).astype(np.float32)


def jacobian_determinant(dy: npt.NDArray[Any], dx: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Area that each pixel covers after ``(y, x) -> (y + dy, x + dx)``; 0 or less is a fold."""
    dyy, dyx = _slope(dy.astype(np.float64)), _slope(dy.astype(np.float64).T).T
    dxy, dxx = _slope(dx.astype(np.float64)), _slope(dx.astype(np.float64).T).T
    return (1 + dyy) * (1 + dxx) - dyx * dxy


@lru_cache(maxsize=64)
def _basis(size: int, sigma_px: float) -> Matrix:
    """What each control point adds along an axis: splines, then the Gaussian: (size, 3)."""
    if size == 1:
        return np.full((1, CONTROL_POINTS), 1 / CONTROL_POINTS)
    knots = np.linspace(0, size - 1, CONTROL_POINTS)
    spline = CubicSpline(knots, np.eye(CONTROL_POINTS), bc_type="natural")
    basis = np.asarray(spline(np.arange(size)), np.float64)
    if sigma_px:
        basis = ndimage.gaussian_filter1d(basis, sigma_px, axis=0, mode="nearest")
    basis.setflags(write=False)  # it is shared by all calls
    return basis


def _slope(values: Matrix) -> Matrix:
    if len(values) == 1:
        return np.zeros_like(values)
    return np.asarray(np.gradient(values, axis=0), np.float64)


def _turn(quarters: int) -> Matrix:
    sine, cosine = [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)][quarters]
    return np.array([[cosine, -sine], [sine, cosine]])


def _may_turn(patch: tuple[int, int], shape: tuple[int, int]) -> bool:
    """Whether a quarter turn shows as much of the image: always if the patch is a square."""
    return patch[0] == patch[1] or (patch[1] <= shape[0] and patch[0] <= shape[1])


def _only_turns(matrix: Matrix) -> bool:
    return bool(np.isin(matrix, (-1.0, 0.0, 1.0)).all())


def _middle(
    shape: tuple[int, int],
    patch: tuple[int, int],
    matrix: Matrix,
    *,
    center: tuple[int, int] | None,
    rng: np.random.Generator,
) -> Matrix:
    """Where in the source the middle of the patch lies, so that the patch keeps inside if it can.

    It falls on whole pixels (or half ones for even sizes), so that flips and turns lose nothing.
    """
    extent = np.abs(matrix) @ np.array(patch)  # of the box around the patch in the source
    if center is not None and not np.isclose(matrix[0] * matrix[1], 0).all():
        # A slanted patch leaves the box's corners empty: keep to a box that it fills.
        extent = np.full(2, min(patch) * np.sqrt(abs(np.linalg.det(matrix)) / 2))
    room = np.array(shape) - np.ceil(extent - 1e-9)  # free pixels along each axis
    start = rng.integers(0, np.maximum(room, 0).astype(int), endpoint=True)
    if center is not None:
        start = np.clip(np.array(center) - extent // 2, 0, np.maximum(room, 0))
    start = np.where(room < 0, np.floor(room / 2), start)
    middle: Matrix = (start + (np.ceil(extent - 1e-9) - 1) / 2).astype(np.float64)
    return middle


def _offsets(size: int) -> Matrix:
    return np.arange(size, dtype=np.float64) - (size - 1) / 2


def _gather(
    image: Float,
    labels: Labels,
    valid: Mask | None,
    matrix: Matrix,
    middle: Matrix,
    patch: tuple[int, int],
) -> tuple[Float, Labels, Mask | None]:
    """The patch by whole-pixel steps: values are moved, none is computed."""
    transposed = matrix[0, 0] == 0
    if transposed:
        rows, columns = matrix[0, 1] * _offsets(patch[1]), matrix[1, 0] * _offsets(patch[0])
    else:
        rows, columns = matrix[0, 0] * _offsets(patch[0]), matrix[1, 1] * _offsets(patch[1])
    at = np.ix_(
        _mirrored(middle[0] + rows, labels.shape[0]),
        _mirrored(middle[1] + columns, labels.shape[1]),
    )
    planes = [plane[at] for plane in image]
    found = [*planes, labels[at]] if valid is None else [*planes, labels[at], valid[at]]
    if transposed:
        found = [np.ascontiguousarray(plane.T) for plane in found]
    channels = len(planes)
    return np.stack(found[:channels]), found[channels], None if valid is None else found[-1]


def _coordinates(
    matrix: Matrix, middle: Matrix, patch: tuple[int, int], field: tuple[Float, Float] | None
) -> Matrix:
    """Source coordinates (2, Y, X) of each pixel of the patch."""
    y, x = _offsets(patch[0])[:, None], _offsets(patch[1])[None, :]
    if field is not None:
        y, x = y + field[0], x + field[1]
    rows = middle[0] + matrix[0, 0] * y + matrix[0, 1] * x
    columns = middle[1] + matrix[1, 0] * y + matrix[1, 1] * x
    return np.stack([rows, columns])


def _sample(
    image: Float, labels: Labels, valid: Mask | None, at: Matrix
) -> tuple[Float, Labels, Mask | None]:
    """The image bilinear, labels and mask nearest, at the same coordinates."""
    planes = [
        ndimage.map_coordinates(plane, at, output=np.float32, order=1, mode="mirror")
        for plane in image
    ]
    nearest = _mirrored(at[0], labels.shape[0]), _mirrored(at[1], labels.shape[1])
    return np.stack(planes), labels[nearest], None if valid is None else valid[nearest]


def _mirrored(position: Matrix, size: int) -> npt.NDArray[np.intp]:
    """The pixel nearest to each position, mirrored about the first and the last pixel."""
    if size == 1:
        return np.zeros(position.shape, np.intp)
    period = 2 * (size - 1)
    index = np.abs(np.rint(position).astype(np.intp)) % period
    return np.where(index < size, index, period - index)


def _with_gamma(image: Float, gamma: float) -> Float:
    """Each channel to the power gamma between its own darkest and brightest values.

    The extremes stay where they are, so that this works alike on 0..1 and on z-scores.
    """
    low = image.min(axis=(1, 2), keepdims=True)
    span = image.max(axis=(1, 2), keepdims=True) - low
    share = (image - low) / np.where(span > 0, span, 1)
    changed: Float = (low + span * share ** np.float32(gamma)).astype(np.float32)
    return changed
