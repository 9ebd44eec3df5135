"""Pictures and movies of found cells, as blocks of a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from softlight.report.blocks import Chart, Frame, Layer, Movie, Panel, Picture
from softlight.report.cell_errors import cell_error_layer, fate_legend
from softlight.report.charts import PANELS, confluence_figure, curves_figure, recorded_panels
from softlight.report.colours import Labels, colour_movie
from softlight.report.figures import ERROR_LEGEND, UNKNOWN_LEGEND, to_jpeg, to_png
from softlight.report.layers import AnyLabels, error_layer, outline_layer
from softlight.report.view import AnyImage, Mask, PictureError, View

_PAGE_PX = 1408  # the longer side of an enlarged picture: sharp on a large screen, small as a file
_MOVIE_PX = 704
_TINT = 40  # of 255
_SHARP_FROM = 3  # images enlarged this much show their pixels as squares
_FOUND, _TRUE, _ERRORS = "Cells found", "Annotation", "Errors"
_CELLS, _PIXELS = "Cells right and wrong", "Wrong pixels"


def picture_of_cells(
    title: str,
    image: AnyImage,
    labels: AnyLabels,
    *,
    truth: AnyLabels | None = None,
    valid: Mask | None = None,
    caption: str = "",
    single_cells: bool = False,
) -> Picture:
    """The image beside the cells found in it and, with a truth, the annotation and the errors.

    Args:
        title: The image's name.
        image: ``(Y, X)``, or ``(Y, X, 3)`` in colour.
        labels: What was found, ``(Y, X)``, 0 is background.
        truth: What is right, the same.
        valid: False where the truth says nothing.
        caption: Under the picture.
        single_cells: Whether the errors are those of cells (missed, merged, split) rather than of
            pixels, which then are a layer of the enlarged picture.
    """
    if labels.shape != image.shape[:2] or (truth is not None and truth.shape != labels.shape):
        raise PictureError(
            f"{title}: image is {image.shape[:2]}, labels {labels.shape}, truth "
            f"{None if truth is None else truth.shape}; they must be of one size."
        )
    view = View.fit(image.shape, largest_px=_PAGE_PX)
    small = view.small(image)
    layers = [_cells_layer(_FOUND, labels, view)]
    if truth is None:
        panels: tuple[Panel, ...] = (Panel("Image"), Panel(_FOUND, (_FOUND,)))
    else:
        partial = valid is not None and not valid.all()
        legend = (*ERROR_LEGEND, UNKNOWN_LEGEND) if partial else ERROR_LEGEND
        wrong = to_png(error_layer(labels > 0, truth > 0, view, valid=valid))
        errors = [Layer(_PIXELS if single_cells else _ERRORS, wrong)]
        if single_cells:
            of_cells, fates = cell_error_layer(labels, truth, view, valid=valid)
            errors.insert(0, Layer(_CELLS, to_png(of_cells)))
            legend = fate_legend(fates, partial=partial)
        layers += [_cells_layer(_TRUE, truth, view), *errors]
        panels = (
            Panel(_FOUND, (_FOUND,)),
            Panel(_TRUE, (_TRUE,)),
            Panel(errors[0].name, (errors[0].name,), legend),
        )
    return Picture(
        title=title,
        alt=f"{title}, {_share(labels)} of the image is covered by cells",
        image=to_jpeg(small),
        size=(small.shape[0], small.shape[1]),
        layers=tuple(layers),
        panels=panels,
        caption=caption,
        sharp=view.enlarge >= _SHARP_FROM,
    )


def _cells_layer(name: str, labels: AnyLabels, view: View) -> Layer:
    """Outlines strong enough for a panel a third of the page wide, cells faintly tinted."""
    layer = outline_layer(labels, view, line_px=view.line_px + 1, tint=_TINT)
    return Layer(name, to_png(layer))


def movie_of_cells(
    title: str,
    images: Sequence[AnyImage],
    labels: Sequence[AnyLabels],
    *,
    notes: Sequence[str] = (),
    caption: str = "",
    most_frames: int = 60,
) -> Movie:
    """The frames with outlines; a cell keeps its colour while it overlaps itself.

    Longer movies are thinned to evenly spaced frames, first and last kept, and the caption says so.

    Args:
        title: The movie's name.
        images: Frames; may be lazy, only those shown are read.
        labels: The labels of each frame; may be lazy too.
        notes: What is said under each frame, by default its number.
        caption: Under the movie.
        most_frames: At most so many frames are kept on the page.
    """
    total = len(images)
    if total == 0 or len(labels) != total or (notes and len(notes) != total):
        raise PictureError(
            f"{title}: {total} frames, {len(labels)} label images and {len(notes)} notes; give one "
            "label image, and one note or none, for each of at least one frame."
        )
    chosen = np.unique(np.linspace(0, total - 1, min(total, most_frames)).round().astype(int))
    view = View.fit(images[0].shape, largest_px=_MOVIE_PX)
    # Shrunk at once, so that the frames shown take little memory however large they are.
    shown: list[Labels] = [View(shrink=view.shrink).labels(labels[index]) for index in chosen]
    frames = []
    size = (0, 0)
    for index, found, colours in zip(chosen, shown, colour_movie(shown), strict=True):
        small = view.small(images[index])
        size = (small.shape[0], small.shape[1])
        note = notes[index] if notes else f"frame {index + 1} of {total}"
        layer = outline_layer(found, View(enlarge=view.enlarge), colours=colours)
        frames.append(Frame(to_jpeg(small, quality=75), to_png(layer), note))
    if len(chosen) < total:
        caption = f"{caption} {len(chosen)} of {total} frames are shown.".strip()
    return Movie(title, f"{title} with the outlines of the cells found", frames, size, caption)


def charts_of_training(history: Sequence[Mapping[str, object]]) -> list[Chart]:
    """The training curves, a chart each, so that they stack on a phone."""
    return [
        Chart(
            light=curves_figure(history, panels=(name,)),
            dark=curves_figure(history, panels=(name,), dark=True),
            alt=f"{PANELS[name][0]} by epoch, {len(history)} epochs",
        )
        for name in recorded_panels(history)
    ]


def chart_of_confluence(rows: Sequence[Mapping[str, object]], *, caption: str = "") -> Chart:
    """The share of each image or frame that cells cover."""
    return Chart(
        light=confluence_figure(rows),
        dark=confluence_figure(rows, dark=True),
        alt=f"Share of the image covered by cells, {len(rows)} images or frames",
        caption=caption,
    )


def pick_examples(scores: Sequence[float], *, most: int = 9) -> list[tuple[int, str]]:
    """Which images to show, as (index, "worst", "median" or "best"): the worst first.

    Of many images the worst third, the middle and the best are picked, so that nobody is shown
    only what went well. Images without a defined score are left out, unless none has one: then
    the first ones are taken and called "".
    """
    defined = [index for index, score in enumerate(scores) if math.isfinite(score)]
    order = sorted(defined, key=lambda index: scores[index])
    if not order:
        return [(index, "") for index in range(min(most, len(scores)))]
    count = min(most, len(order))
    worst, best = math.ceil(count / 3), count // 3
    median = count - worst - best
    middle = worst + (len(order) - worst - best - median) // 2
    return [
        *((index, "worst") for index in order[:worst]),
        *((index, "median") for index in order[middle : middle + median]),
        *((index, "best") for index in order[len(order) - best :]),
    ]


def _share(labels: AnyLabels) -> str:
    return f"{100 * float(np.mean(labels > 0)):.0f} %"
