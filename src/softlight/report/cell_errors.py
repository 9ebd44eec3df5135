"""A picture of what became of each cell: found, missed, merged, split, or made up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from softlight.evaluate.matching import overlap_of
from softlight.evaluate.mistakes import Fate, Fates, fates_of
from softlight.report.colours import BLUE, GREEN, ORANGE, PURPLE, TRUTH, YELLOW, Colour, Labels
from softlight.report.figures import UNKNOWN_LEGEND
from softlight.report.layers import UNKNOWN, AnyLabels, diagonal, outlines
from softlight.report.view import Mask, Pixels, View, as_labels

# As in the picture of wrong pixels, blue is missing and orange too much.
FATE_COLOURS: Mapping[Fate, Colour] = {
    "correct": GREEN,
    "missed": BLUE,
    "false": ORANGE,
    "merged": PURPLE,
    "split": YELLOW,
}
_MEANING: Mapping[Fate, str] = {
    "correct": "right",
    "missed": "missed",
    "false": "not there",
    "merged": "merged",
    "split": "split",
}
_FILL = 130  # of 255: wrong cells stand out, right ones are only outlined
_ORDER: tuple[Fate, ...] = ("correct", "missed", "false", "merged", "split")
_FILLED_TRUE = (1 + _ORDER.index("missed"), 1 + _ORDER.index("merged"))


def cell_error_layer(
    predicted: AnyLabels, truth: AnyLabels, view: View, *, valid: Mask | None = None
) -> tuple[Pixels, Fates]:
    """(a transparent RGBA picture at the size of the view, what became of each cell).

    Predicted cells that are right have a thin outline; wrong ones are filled besides. True cells
    that were not found have a dotted white outline, and are filled where they were missed or merged
    into a neighbour. Grey stripes are where the truth says nothing.
    """
    predicted, truth = as_labels(predicted), as_labels(truth)
    fates = fates_of(overlap_of(truth, predicted, valid=valid))
    found, true = view.labels(predicted), view.labels(truth)
    fate_of_true = view.labels(_as_codes(truth, fates.truth))
    fate_of_found = view.labels(_as_codes(predicted, fates.predicted))
    layer = np.zeros((*found.shape, 4), dtype=np.uint8)
    if valid is not None:
        unknown = (view.labels(~valid) > 0) & (diagonal(found) % 16 < 6)
        layer[unknown] = (*UNKNOWN, 170)
    right = _code("correct")
    _paint(layer, fate_of_true, where=np.isin(fate_of_true, _FILLED_TRUE), alpha=_FILL)
    _paint(layer, fate_of_found, where=fate_of_found > right, alpha=_FILL)
    _paint(layer, fate_of_found, where=outlines(found, line_px=view.line_px), alpha=255)
    dots = diagonal(found) % (6 * view.line_px) < 3 * view.line_px
    layer[outlines(true, line_px=view.line_px) & (fate_of_true > right) & dots] = (*TRUTH, 255)
    return layer, fates


def fate_legend(fates: Fates, *, partial: bool = False) -> tuple[tuple[Colour, str], ...]:
    """The colours with what they mean and how many cells are so."""
    number = fates.count()
    entries = [(FATE_COLOURS[fate], f"{_MEANING[fate]}: {number[fate]}") for fate in _ORDER]
    return (*entries, UNKNOWN_LEGEND) if partial else tuple(entries)


def _code(fate: Fate) -> int:
    return 1 + _ORDER.index(fate)


def _as_codes(labels: Labels, fates: Mapping[int, Fate]) -> npt.NDArray[np.uint8]:
    """For each pixel the code of its cell's fate, 0 for background and cells that do not count."""
    values, place = np.unique(labels, return_inverse=True)
    known = [_code(fates[int(value)]) if int(value) in fates else 0 for value in values]
    codes: npt.NDArray[np.uint8] = np.array(known, np.uint8)[place.reshape(labels.shape)]
    return codes


def _paint(layer: Pixels, codes: Labels, *, where: Mask, alpha: int) -> None:
    """Colour by code, as opaque as said, where the code is one."""
    palette = np.array([(0, 0, 0), *(FATE_COLOURS[fate] for fate in _ORDER)], np.uint8)
    where = where & (codes > 0)
    layer[where, :3] = palette[codes[where]]
    layer[where, 3] = alpha
