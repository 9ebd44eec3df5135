"""Tracking scores beside py-ctcmetrics and traccuracy on the same faulty tracks.

    python -m benchmarks.tracking_scores --data ../shared/data/ctc

Real Challenge sequences, thinned to every few pixels and to some frames, get seeded faults. Exits
with 1 where a score differs by more than 1e-6.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.segmentation import expand_labels
from tests.tracking_cases import (
    FAULTS,
    Draft,
    comparable,
    differences,
    perturbed,
    renamed,
    score_by_ctc_metrics,
    score_by_traccuracy,
    synthetic,
    write_folders,
)

from softlight.evaluate.table import markdown_table
from softlight.evaluate.track_graph import TrackedFrames
from softlight.evaluate.tracking import score_tracking
from softlight.io.ctc import list_sequences
from softlight.io.labels import read_labels

# Set, first and last frame, keep every so many pixels, and by how many of those cells are grown.
SEQUENCES = (
    ("Fluo-N2DH-GOWT1", 12, 52, 4, 2),
    ("Fluo-N2DH-SIM+", 4, 34, 3, 0),
    ("PhC-C2DH-U373", 0, 34, 3, 12),
)
KINDS = (*FAULTS, "mixed")
SEEDS = 2
FAR = 40_000  # labels raised by this and more do not fit into 16 bits with another such label
TOO_FAR = 70_000  # … and not into 16 bits at all


@dataclass
class Movie:
    """One sequence's truth, the labels that faults are put into, and outlines for SEG."""

    name: str
    truth: TrackedFrames
    found: TrackedFrames
    gold: dict[int, npt.NDArray[np.int32]]


def real_movie(folder: Path, first: int, last: int, every: int, grow_px: int) -> Movie:
    """Frames first to last of a set, every so many pixels."""
    (sequence,) = list_sequences(folder)
    frames = range(first, last + 1)
    labels = [read_labels(sequence.tracking[at])[::every, ::every] for at in frames]
    parent = {track.label: track.parent for track in sequence.tracks}
    truth = Draft(labels, parent).finish()
    grown = [expand_labels(frame, grow_px) for frame in truth.labels]
    outlines = {
        at - first: read_labels(path)[::every, ::every]
        for at, path in sequence.gold.items()
        if at in frames
    }
    return Movie(sequence.folder.name, truth, TrackedFrames(grown, truth.tracks), outlines)


def simulated_movie(seed: int) -> Movie:
    """Squares on a grid that divide again and again, so that there are whole cell cycles."""
    truth = synthetic(seed, frames=20, side=64)
    return Movie("squares that divide", truth, truth, dict(enumerate(truth.labels)))


def run(movie: Movie, kind: str, seed: int) -> dict[str, object]:
    """One case: how many scores were compared and which differ."""
    predicted = perturbed(movie.found, kind, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_folders(Path(folder), movie.truth, predicted, movie.gold)
        ctc, traccuracy = score_by_ctc_metrics(*paths), score_by_traccuracy(*paths)
    began = time.perf_counter()
    ours = score_tracking(movie.truth, predicted, gold=movie.gold)
    took = time.perf_counter() - began
    same = comparable(ours, traccuracy)
    wrong = differences(ours, ctc) | differences(ours, same)
    return {
        "sequence": movie.name,
        "faults": kind,
        "seed": seed,
        **{name: round(ours[name], 4) for name in ("SEG", "DET", "TRA", "LNK", "CHOTA")},
        "py-ctcmetrics": f"{len(ctc) - len(differences(ours, ctc))} of {len(ctc)}",
        "traccuracy": f"{len(same) - len(differences(ours, same))} of {len(same)}",
        "seconds": round(took, 2),
        "wrong": wrong,
    }


def run_wide(movie: Movie, shift: int) -> dict[str, object]:
    """One case with labels too large for 16 bits: the scores may not change with the names."""
    predicted = perturbed(movie.found, "mixed", seed=0)
    wide_truth, wide = renamed(movie.truth, shift), renamed(predicted, shift)
    gold = {at: np.where(labels > 0, labels + shift, 0) for at, labels in movie.gold.items()}
    ours = score_tracking(wide_truth, wide, gold=gold)
    with tempfile.TemporaryDirectory() as folder:
        narrow = score_by_ctc_metrics(
            *write_folders(Path(folder), movie.truth, predicted, movie.gold)
        )
    with tempfile.TemporaryDirectory() as folder:
        paths = write_folders(Path(folder), wide_truth, wide, gold)
        traccuracy = score_by_traccuracy(*paths)
        theirs = overflowing(*paths) if shift == FAR else "not run: a matrix of labels by labels"
    same = comparable(ours, traccuracy)
    return {
        "sequence": movie.name,
        "labels from": shift,
        "DET, ours": round(ours["DET"], 4),
        "DET, py-ctcmetrics on small labels": round(narrow["DET"], 4),
        "DET, traccuracy": round(traccuracy["DET"], 4),
        "DET, py-ctcmetrics on these": theirs,
        "wrong": differences(ours, narrow) | differences(ours, same),
    }


def overflowing(truth: Path, result: Path) -> str:
    """What py-ctcmetrics says where its sum of two labels does not fit into 16 bits."""
    try:
        return f"{score_by_ctc_metrics(truth, result, metrics=('DET',))['DET']:.4f}"
    except (AssertionError, IndexError, ValueError) as error:
        return type(error).__name__


def main() -> int:
    """Run all cases and print the tables; how many scores differ decides the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/ctc"))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    movies = [real_movie(options.data / name, *how) for name, *how in SEQUENCES]
    movies.append(simulated_movie(0))
    rows = [
        run(movie, kind, seed)
        for movie in movies
        for kind in KINDS
        for seed in range(options.seeds)
    ]
    wide = [run_wide(movie, shift) for movie in movies for shift in (FAR, TOO_FAR)]
    print(markdown_table(pd.DataFrame(rows).drop(columns="wrong"), digits=4))
    print(markdown_table(pd.DataFrame(wide).drop(columns="wrong"), digits=4))
    wrong = [row for row in (*rows, *wide) if row["wrong"]]
    for row in wrong:
        print("DIFFERS:", row["sequence"], row.get("faults", "wide labels"), row["wrong"])
    print(f"{len(rows) + len(wide)} cases, {len(wrong)} with a score that differs by over 1e-6.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
