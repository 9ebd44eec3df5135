"""An image seen in several ways, mirrored and at several sizes; a network's answers averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from softlight.config import PredictConfig
from softlight.data.normalize import resized

Array = NDArray[np.float32]
Axes = tuple[int, ...]

MIRRORS: tuple[Axes, ...] = ((), (-1,), (-2,), (-2, -1))


class View(NamedTuple):
    """One way to see an image: resized so many times, and mirrored along some axes."""

    zoom: float = 1.0
    axes: Axes = ()


def views_of(config: PredictConfig) -> list[View]:
    """Every mirror image at every size; without flips one at each size, mirrored in turn."""
    if config.flips:
        return [View(zoom, axes) for zoom in config.zooms for axes in MIRRORS]
    return [View(zoom, MIRRORS[n % len(MIRRORS)]) for n, zoom in enumerate(config.zooms)]


def mean_of_views(
    image: Array, views: list[View], predict: Callable[[Array], Array], *, flow: bool
) -> Array:
    """The mean answer (K, Y, X) to the views of an image (C, Y, X), each brought back to it.

    Args:
        image: prepared for the network.
        views: at least one.
        predict: the network.
        flow: the second output points along Y, the third along X; mirrored, they turn around.
    """
    answers = _answers(image, views, predict, flow=flow)
    total = next(answers)
    for answer in answers:
        total += answer
    total /= len(views)
    return total


def _answers(
    image: Array, views: list[View], predict: Callable[[Array], Array], *, flow: bool
) -> Iterator[Array]:
    height, width = image.shape[-2:]
    for view in views:
        shape = max(1, round(height * view.zoom)), max(1, round(width * view.zoom))
        seen = np.flip(resized(image, shape), view.axes).copy()  # torch takes no negative strides
        answer = np.flip(predict(seen), view.axes)
        if flow:
            answer = answer * _signs(view.axes)
        yield np.array(resized(answer, (height, width)))


def _signs(axes: Axes) -> Array:
    """What the outputs of a flow are multiplied by when its image was mirrored along the axes."""
    signs = np.ones((3, 1, 1), np.float32)
    signs[1] = -1 if -2 in axes else 1
    signs[2] = -1 if -1 in axes else 1
    return signs
