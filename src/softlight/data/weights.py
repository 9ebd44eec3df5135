"""How much each pixel counts in the loss: not at all where unannotated, more along borders."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage


def pixel_weights(
    classes: npt.NDArray[np.int32],
    valid: npt.NDArray[np.bool_] | None,
    *,
    border_weight: float = 0.0,
    border_px: float = 3.0,
) -> npt.NDArray[np.float32]:
    """The weight of each pixel (Y, X): 1, more along class borders, 0 where not valid.

    A pixel at the distance d from the nearest pixel of another class gets
    ``1 + border_weight exp(-((d - 1) / border_px)^2 / 2)``, as in the first U-Net.
    """
    weights = np.ones(classes.shape, np.float32)
    if border_weight > 0 and classes.min() != classes.max():
        beyond = np.asarray(_distance_to_other_class(classes) - 1, np.float32)
        weights += border_weight * np.exp(-0.5 * (beyond / border_px) ** 2)
    if valid is not None:
        weights[~valid] = 0
    return weights


def _distance_to_other_class(classes: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Distance of each pixel to the nearest one of another class."""
    distance = np.zeros(classes.shape)
    for value in np.unique(classes):
        inside = classes == value
        distance[inside] = ndimage.distance_transform_edt(inside)[inside]
    return distance
