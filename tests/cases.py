"""The canonical small examples that tests share."""

import numpy as np
import numpy.typing as npt

from softlight.data.loader import Decoded


def discs(
    *, count: int = 4, side: int = 48, radius: int = 6, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """A noisy image (Y, X) in 0..1 with bright discs, and the label of each."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    for label in range(1, count + 1):
        row, column = rng.integers(radius, side - radius, 2)
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = label
    image = 0.2 + 0.6 * (labels > 0) + rng.normal(0, 0.05, labels.shape)
    return image.astype(np.float32), labels


def decoded_discs(number: int, **shape: int) -> list[Decoded]:
    """Images of discs as a network sees them, each with another seed."""
    items = []
    for seed in range(number):
        image, labels = discs(seed=seed, **shape)
        items.append(Decoded(f"discs{seed}", image[None], (labels > 0).astype(np.int32), None))
    return items
