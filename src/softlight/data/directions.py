"""Directions turn with the image: a map of vectors that was moved points along the new axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def turned(
    directions: npt.NDArray[np.float32], source: npt.NDArray[np.int32], width: int
) -> npt.NDArray[np.float32]:
    """The directions (2, Y, X) of a patch along its own axes, (y, x).

    Args:
        directions: along the axes of the image that the patch was taken from.
        source: the flat index (Y, X) in that image of each pixel of the patch.
        width: of that image.
    """
    places = [place.astype(np.float64) for place in np.divmod(source, width)]
    # How the place in the image changes along the axes of the patch. A zoom only makes it longer,
    # so what is left of it is the turn, or the mirroring, that is nearest to it.
    steps = np.array([[np.diff(place, axis=axis).mean() for axis in (0, 1)] for place in places])
    left, _, right = np.linalg.svd(steps)
    turn = (left @ right).astype(np.float32)
    along: npt.NDArray[np.float32] = np.einsum("ij,ikl->jkl", turn, directions)
    return along
