"""The grid that cells are found on, and the grid that their masks are given on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from softlight.data.degradation import enlarged
from softlight.inference.predict import Segmenter
from softlight.io.finer import nearest
from softlight.io.shrunk import Origin
from softlight.recipes.divide import Found, Grid, Options, find_cells
from softlight.recipes.scale import Scaled, fit_scale

Shape = tuple[int, int]
Image = npt.NDArray[Any]
FINER = 1.25  # times finer than the image: cells are found on a grid of their own


@dataclass(frozen=True)
class Working:
    """How the frames of one file are worked on.

    Attributes:
        zoom: how many times they are enlarged for the network.
        work: (Y, X) of the grid that cells are found on; None: the image's own.
        shape: (Y, X) of the labels that are given; None: the image's own.
        note: what to tell the user; empty where nothing was done.
    """

    zoom: float = 1.0
    work: Shape | None = None
    shape: Shape | None = None
    note: str = ""


def fit_working(
    frame: Image,
    segmenter: Segmenter,
    options: Options,
    *,
    pixel_size_um: float | None = None,
    origin: Origin | None = None,
) -> Working:
    """How files like this frame are worked on: at the model's scale, labels on the wished grid.

    Args:
        frame: one raw frame (Y, X[, C]) of the file.
        segmenter: the model.
        options: ``cell_diameter_px``, in pixels of the frame, ``rescale``, and the ``grid`` of the
            labels: ``input`` is the frame's own; ``fine`` is the one before it was shrunk, or the
            one that cells are found on where that is finer than the frame.
        pixel_size_um: of the frame, where known.
        origin: what the file was before it was shrunk, if it was.
    """
    shape: Shape = (frame.shape[0], frame.shape[1])
    before = shape if origin is None else origin.shape
    ratio = _ratio(before, shape)
    diameter = options.cell_diameter_px
    scaled: Scaled = fit_scale(
        enlarged_to(frame, before),
        segmenter,
        replace(options, cell_diameter_px=None if diameter is None else diameter * ratio),
        pixel_size_um=None if pixel_size_um is None else pixel_size_um / ratio,
    )
    if before != shape and scaled.source == "estimate":  # blurred cells pass for larger ones
        scaled = Scaled(segmenter)
    zoom = scaled.zoom * ratio
    work = None
    if zoom > FINER:
        work = before if scaled.zoom == 1 else _times(shape, zoom)
    fine = origin.shape if origin is not None else work or shape
    given = fine if options.grid == "fine" else shape
    notes = [scaled.note, _said(shape, given, origin, options.grid, pixel_size_um)]
    return Working(
        zoom, work, None if given == shape else given, " ".join(note for note in notes if note)
    )


def find_working(
    frame: Image,
    segmenter: Segmenter,
    options: Options,
    working: Working,
    *,
    pixel_size_um: float | None = None,
) -> Found:
    """The cells of a raw frame, their labels on the grid that was decided.

    On a grid finer than the frame's, cells are told apart there; masks that go back to the frame's
    own grid may lose cells that are smaller than a pixel of it.
    """
    shape: Shape = (frame.shape[0], frame.shape[1])
    if working.work is None:
        found = find_cells(frame, segmenter.zoomed(working.zoom), options, pixel_size_um)
        return on_shape(found, working.shape or shape)
    ratio = _ratio(working.work, shape)
    area = options.min_area_px
    found = find_cells(
        enlarged_to(frame, working.work),
        segmenter,
        replace(options, min_area_px=None if area is None else round(area * ratio**2)),
        None if pixel_size_um is None else pixel_size_um / ratio,
    )
    return on_shape(found, working.shape or shape)


def enlarged_to(frame: Image, shape: Shape) -> Image:
    """The raw frame (Y, X[, C]) on a grid of more pixels, bicubic: for the network to look at."""
    if frame.shape[:2] == shape:
        return frame
    planes = frame if frame.ndim == 2 else np.moveaxis(frame, 2, 0)
    larger: Image = enlarged(np.ascontiguousarray(planes, np.float32), shape)
    return larger if frame.ndim == 2 else np.moveaxis(larger, 0, 2)


def on_shape(found: Found, shape: Shape) -> Found:
    """The cells with labels on another grid; cells that have no pixel there are left out."""
    if found.labels.shape == shape:
        return found
    labels = nearest(found.labels, shape)
    classes = None if found.classes is None else nearest(found.classes, shape)
    kept = np.unique(labels[labels > 0])
    number = np.zeros(len(found.scores) + 1, np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    return Found(number[labels], found.scores[kept - 1], classes)


def _said(
    shape: Shape, given: Shape, origin: Origin | None, grid: Grid, pixel_size_um: float | None
) -> str:
    """What is said of the grid of the masks; empty where it is the image's own and no other."""
    size = "" if pixel_size_um is None else f" of {pixel_size_um / _ratio(given, shape):.3g} µm"
    where = f"{given[0]} x {given[1]} pixels{size}"
    if origin is not None:
        before = f"The movie was shrunk from {origin.height} x {origin.width} pixels"
        if grid == "fine":
            return f"{before}; masks are on that grid, {where}."
        return f"{before}; masks are on its own grid, {where} (--grid fine: on that before)."
    if grid == "input":
        return ""
    if given == shape:
        return "No finer grid was needed; masks are on the image's own."
    return f"Masks are on the finer grid that cells were found on, {where}."


def _ratio(finer: Shape, coarser: Shape) -> float:
    """Pixels along a line of one per pixel of the other."""
    return float(np.sqrt(finer[0] * finer[1] / (coarser[0] * coarser[1])))


def _times(shape: Shape, zoom: float) -> Shape:
    return max(1, round(shape[0] * zoom)), max(1, round(shape[1] * zoom))
