"""Edges by a high-pass filter and a threshold, and how well those of a segmentation are right.

As Bhandary et al. propose: edges are extracted from the image by a high-pass filter and a
threshold, and by the same steps from the predicted segmentation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

Mask = npt.NDArray[np.bool_]
SIGMA_PX = 2.0  # what changes over a longer way is no edge


class EdgeError(ValueError):
    """Edges cannot be found or compared."""


def edges(image: npt.NDArray[Any], *, sigma_px: float = SIGMA_PX) -> Mask:
    """Where an image or a mask (Y, X) changes within a few pixels.

    What is left of the image after a Gaussian of ``sigma_px`` is taken away is the high-pass; its
    absolute value above Otsu's threshold is an edge. An even image has none.
    """
    if image.ndim != 2 or image.size == 0:
        raise EdgeError(f"The image is {image.shape}; it must be (Y, X) with at least one pixel.")
    if not sigma_px > 0:
        raise EdgeError(f"sigma_px is {sigma_px}; it must be above 0.")
    values = image.astype(np.float64)
    height = np.abs(values - ndimage.gaussian_filter(values, sigma_px, mode="nearest"))
    scale = float(np.abs(values).max())
    if height.max() <= 1e-6 * scale:  # nothing but rounding
        return np.zeros(image.shape, np.bool_)
    found: Mask = height > threshold_otsu(height)  # type: ignore[no-untyped-call]
    return found


def edge_scores(
    predicted: Mask,
    truth: Mask,
    image: npt.NDArray[Any],
    *,
    valid: Mask | None = None,
    sigma_px: float = SIGMA_PX,
) -> dict[str, float]:
    """How well the edges of a segmentation are right; nan where neither side has any.

    - ``edge_dice``: Dice of the edges of the predicted mask and those of the true mask
    - ``edge_dice_image``: Dice of the edges of the predicted mask and those of the image
    - ``dice_on_edges``: Dice of the two masks on the pixels that are edges of the true mask

    Args:
        predicted: foreground (Y, X).
        truth: foreground (Y, X).
        image: grey (Y, X), in which the cells are seen best.
        valid: False where the truth says nothing; those pixels are left out.
        sigma_px: of the high-pass filter.
    """
    if not predicted.shape == truth.shape == image.shape:
        raise EdgeError(
            f"The predicted mask is {predicted.shape}, the truth {truth.shape} and the image "
            f"{image.shape}; they must be of one size."
        )
    inside = np.ones(truth.shape, np.bool_) if valid is None else valid
    of_predicted, of_truth, of_image = (
        edges(each, sigma_px=sigma_px) for each in (predicted, truth, image)
    )
    return {
        "edge_dice": _dice(of_predicted, of_truth, inside),
        "edge_dice_image": _dice(of_predicted, of_image, inside),
        "dice_on_edges": _dice(predicted, truth, inside & of_truth),
    }


def _dice(one: Mask, other: Mask, inside: Mask) -> float:
    both = float((one & other & inside).sum())
    total = float((one & inside).sum() + (other & inside).sum())
    return 2 * both / total if total else float("nan")
