"""Pictures as in the paper's figures 5 to 10, and the same of the other regimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softlight.io.images import read_image
from softlight.io.labels import read_labels
from softlight.recipes.double_unet.regime import KEPT
from softlight.recipes.double_unet.scored import CLEAN, GIVEN, MASK, RESTORED, TRUTH
from softlight.recipes.system import Runs
from softlight.report.blocks import Block, Picture, Section, Text
from softlight.report.figures import error_map, side_by_side, to_jpeg
from softlight.report.view import Pixels, View

LARGEST_PX = 520
FIGURES = {  # the paper's figures and the regimes that show the same
    "paper-ceiling": "Figure 5: the segmenter on the image as it was",
    "paper-floor-0.25": "Figure 6: the segmenter on the image at 0.25 of the resolution",
    "paper-floor-0.125": "Figure 7: the segmenter on the image at 0.125 of the resolution",
    "paper-restored-0.25": "Figure 9: super-resolved from 0.25, then segmented",
    "paper-restored-0.125": "Figures 8 and 10: super-resolved from 0.125, then segmented",
}


def pictures(runs: Sequence[Runs]) -> list[Section]:
    """The first image that was held out, as each regime saw it, and what it made of it."""
    sections = []
    for run in runs:
        rows: list[Block] = []
        for name in run.recipes:
            kept = run.out / name / "fold-1" / KEPT
            if (kept / MASK).is_file():
                rows.append(_row(FIGURES.get(name, name), kept))
        if rows:
            sections.append(Section("Pictures", [Text(_WHAT), *rows]))
    return sections


_WHAT = (
    "Left to right: the image that the regime was given; the image that it was restored to, where "
    "it is; the true mask; the mask that was found; what is wrong with it, orange where cells were "
    "found that are not there and blue where they were missed."
)


def _row(title: str, folder: Path) -> Picture:
    given, restored, clean = (
        read_image(folder / name).astype(np.float32) for name in (GIVEN, RESTORED, CLEAN)
    )
    mask, truth = (read_labels(folder / name) > 0 for name in (MASK, TRUTH))
    panels = [("given", _grey(given))]
    if not np.array_equal(given, restored):
        panels.append(("restored", _grey(restored)))
    wrong = error_map(clean, mask, truth, legend=False, largest_px=LARGEST_PX)
    panels += [("truth", _mask(truth)), ("found", _mask(mask)), ("wrong", wrong)]
    strip = side_by_side(panels)
    return Picture(
        title=title,
        alt=f"{title}: {', '.join(name for name, _ in panels)}",
        image=to_jpeg(strip),
        size=(strip.shape[0], strip.shape[1]),
    )


def _grey(image: NDArray[np.float32]) -> Pixels:
    return View.fit(image.shape, largest_px=LARGEST_PX).picture(image)


def _mask(mask: NDArray[np.bool_]) -> Pixels:
    view = View.fit(mask.shape, largest_px=LARGEST_PX)
    grey = view.labels(mask).astype(np.uint8) * 255
    return np.stack([grey] * 3, axis=-1)
