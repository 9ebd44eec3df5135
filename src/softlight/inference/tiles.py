"""The geometry of tiles: where they lie and how their predictions blend. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_LEAST_WEIGHT = 1e-4  # above 0, so that no pixel is ever divided by nothing


@dataclass(frozen=True, eq=False)
class Tile:
    """A rectangle of the image and what its prediction weighs there, by row and by column.

    The weight of a pixel is the product of the two; over all tiles it is above 0 and sums to 1.
    """

    rows: slice
    columns: slice
    row_weights: Array
    column_weights: Array

    @property
    def weights(self) -> Array:
        """The weight of each pixel of the tile (Y, X)."""
        return np.outer(self.row_weights, self.column_weights)


def plan_tiles(
    shape: tuple[int, int], tile: int, overlap: int = 0, *, align: int = 1
) -> list[Tile]:
    """Tiles of at most ``tile`` pixels a side that cover the image, row by row.

    Neighbours overlap by at least ``overlap`` pixels, in which one fades into the other. Each tile
    starts at a multiple of ``align``: with the number of pixels that the network pools into one,
    a tile sees the same grid as the whole image does. The last tile of an axis may be shorter.
    """
    if min(shape) < 1:
        raise ValueError(f"The image is {shape[0]}×{shape[1]}; it needs at least one pixel.")
    step = (tile - overlap) // align * align if align >= 1 else 0
    if overlap < 0 or step < 1:
        raise ValueError(
            f"Tiles of {tile} pixels with an overlap of {overlap} do not advance by a multiple of "
            f"{align}; the tile must be at least {overlap + align} and the overlap at least 0."
        )
    rows, columns = (_plan_axis(size, tile, step=step) for size in shape)
    return [
        Tile(row, column, row_weights, column_weights)
        for row, row_weights in rows
        for column, column_weights in columns
    ]


def predict_tiled(
    image: Array,
    predict: Callable[[Array], Array],
    *,
    tile: int,
    overlap: int,
    align: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Array:
    """What ``predict`` makes of an image (C, Y, X), tile after tile, blended to the whole.

    Memory beyond the result is that of one tile. ``progress`` hears of tiles done and in all.
    """
    tiles = plan_tiles((image.shape[-2], image.shape[-1]), tile, overlap, align=align)
    result: Array | None = None
    for done, part in enumerate(tiles, start=1):
        prediction = predict(image[:, part.rows, part.columns])
        if result is None:
            result = np.zeros((len(prediction), *image.shape[-2:]), np.float32)
        result[:, part.rows, part.columns] += prediction * part.weights
        if progress is not None:
            progress(done, len(tiles))
    assert result is not None  # a plan has at least one tile
    return result


def _plan_axis(size: int, tile: int, *, step: int) -> list[tuple[slice, Array]]:
    """The pieces of one axis, each with its weights, which sum to 1 at every pixel."""
    starts = range(0, max(size - tile + step - 1, 0) // step * step + 1, step)
    pieces = [slice(start, min(start + tile, size)) for start in starts]
    ramps = [_ramp(piece, size, overlap=tile - step) for piece in pieces]
    total = np.zeros(size)
    for piece, ramp in zip(pieces, ramps, strict=True):
        total[piece] += ramp
    return [
        (piece, (ramp / total[piece]).astype(np.float32))
        for piece, ramp in zip(pieces, ramps, strict=True)
    ]


def _ramp(piece: slice, size: int, *, overlap: int) -> NDArray[np.float64]:
    """Rising from each end over the middle half of the overlap; no fall at the image's ends.

    The outer quarter is almost nothing: there the network misses what lies beyond the tile.
    """
    position = np.arange(piece.start, piece.stop)
    from_end = np.full(len(position), np.inf)
    if piece.start > 0:
        from_end = np.minimum(from_end, position - piece.start + 1)
    if piece.stop < size:
        from_end = np.minimum(from_end, piece.stop - position)
    middle = (from_end / (overlap + 1) - 0.25) / 0.5
    return np.clip(middle, _LEAST_WEIGHT, 1.0)
