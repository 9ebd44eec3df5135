"""The demo: the embedded movie through the shipped model to a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from softlight.data.loader import to_classes
from softlight.evaluate.pixel import score_pixels
from softlight.inference.predict import Segmenter
from softlight.io.labels import open_label_movie
from softlight.recipes.pages import run_page
from softlight.recipes.segment import segment

SAMPLE = Path(__file__).parent / "sample"
MODEL = "phase-sim"


@dataclass(frozen=True)
class Demo:
    """Where the demo's report is and what it found, in lines to print."""

    report: Path
    lines: tuple[str, ...]


def run_demo(out: Path, *, progress: Callable[[int, int], None] | None = None) -> Demo:
    """Segment the embedded movie with the shipped model and score it against its exact truth."""
    segmenter = Segmenter.from_saved(MODEL)
    movie = SAMPLE / "demo_movie.tif"

    def told(_: str, done: int, total: int) -> None:
        if progress is not None:
            progress(done, total)

    results = segment([movie], segmenter, out, progress=told)
    report = run_page(results, segmenter, out, title="Softlight demo: a simulated movie")
    found = results[0]
    if found.error or found.labels_path is None:
        raise ValueError(f"The demo failed: {found.error}")
    truth = open_label_movie(SAMPLE / "demo_labels.tif")
    labels = open_label_movie(found.labels_path)
    dice = [
        score_pixels(to_classes(ours, 2, name="demo"), to_classes(true, 2, name="truth"))["dice"]
        for ours, true in zip(labels, truth, strict=True)
    ]
    counts = [len(np.unique(frame)) - 1 for frame in truth]
    return Demo(
        report,
        (
            found.line(),
            f"The simulation's truth: {counts[0]} to {counts[-1]} cells; "
            f"foreground Dice {np.mean(dice):.3f}.",
        ),
    )
