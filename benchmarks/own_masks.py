r"""Train on the first frames of a Challenge sequence, then find and follow cells in the others.

    python benchmarks/own_masks.py --data ../shared/data/ctc/Fluo-N2DH-GOWT1 --train-frames 21 \
        --minutes 6 --out runs/own-masks

SEG is scored on the frames whose gold masks hold every cell, DET and TRA on all later frames.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.apps.progress import TrainingLines, say
from softlight.config import with_settings
from softlight.data.samples import Sample
from softlight.data.sets import open_dataset
from softlight.data.splits import Split
from softlight.evaluate.table import markdown_table
from softlight.evaluate.track_graph import TrackedFrames
from softlight.evaluate.tracking import score_tracking
from softlight.inference.predict import Segmenter
from softlight.io.ctc import list_sequences
from softlight.io.labels import read_labels
from softlight.measure.morphology import measure_frame
from softlight.recipes.divide import Options, label_cells
from softlight.recipes.library import load_recipe
from softlight.recipes.train import train
from softlight.track.movie import Tracked, track_cells
from softlight.track.repair import repair

Labels = NDArray[np.int32]


def follow(frames: list[Labels], images: list[NDArray[np.generic]]) -> tuple[list[Labels], Tracked]:
    """Labels mended in time, and their tracks."""

    def tracked(labels: list[Labels]) -> Tracked:
        tables = [
            measure_frame(plane, image, frame=t)
            for t, (plane, image) in enumerate(zip(labels, images, strict=True))
        ]
        return track_cells(pd.concat(tables, ignore_index=True), labels=labels)

    mended = [np.asarray(plane) for plane in repair(frames, tracked(frames)).labels]
    return mended, tracked(mended)


def by_track(labels: list[Labels], objects: pd.DataFrame) -> Iterator[Labels]:
    """Labels whose values are the tracks'."""
    for t, plane in enumerate(labels):
        rows = objects[objects["frame"] == t]
        table = np.zeros(int(plane.max(initial=0)) + 1, np.int32)
        table[rows["label"]] = rows["track_id"]
        yield table[plane]


def later_truth(data: Path, first: int) -> tuple[TrackedFrames, dict[int, Path], list[Path]]:
    """The true tracks from a frame on, its gold files, and the frames: all counted from there."""
    sequence = list_sequences(data)[0]
    numbers = [number for number in sequence.frames if number >= first]
    labels = [read_labels(sequence.tracking[number]) for number in numbers]
    rows = []
    for track in sequence.tracks:
        if track.last_frame >= first:
            begins = max(track.first_frame, first)
            parent = track.parent if track.first_frame > first else 0
            rows.append((track.label, parent, begins - first, track.last_frame - first))
    columns = ["track_id", "parent_id", "first_frame", "last_frame"]
    gold = {number - first: sequence.gold[number] for number in numbers if number in sequence.gold}
    images = [sequence.frames[number] for number in numbers]
    return TrackedFrames(labels, pd.DataFrame(rows, columns=columns)), gold, images


def main() -> None:
    """Train, segment, follow and score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train-frames", type=int, default=21)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--scale", type=float, default=0.4)
    parser.add_argument("--border-px", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("runs/own-masks"))
    options = parser.parse_args()
    dataset = open_dataset(options.data)
    frames = {int(sample.tags["frame"]): sample for sample in dataset.samples}
    first = tuple(s for number, s in frames.items() if number < options.train_frames)
    settings = {"train.minutes": options.minutes, "preprocess.scale": options.scale}
    recipe = with_settings(load_recipe("cells"), settings)
    watching = [TrainingLines("first frames")]
    trained = train(recipe, Split(first, ()), options.out, callbacks=watching)
    segmenter = Segmenter(trained.result.network, trained.spec)
    truth, gold_files, _ = later_truth(options.data, options.train_frames)
    later: list[Sample] = [frames[n] for n in sorted(frames) if n >= options.train_frames]
    images = [sample.read().image for sample in later]
    labels = [label_cells(image, segmenter, Options()) for image in images]
    say(f"{len(labels)} frames segmented")
    complete = {
        n - options.train_frames
        for n, s in frames.items()
        if s.tags.get("annotation") == "gold" and s.tags.get("complete") == "yes"
    }
    gold = {n: read_labels(path) for n, path in gold_files.items() if n in complete}
    mended, tracked = follow(labels, images)
    predicted = TrackedFrames(list(by_track(mended, tracked.objects)), tracked.tracks)
    rows = []
    for name, border in (("whole frame", 0), ("field of interest", options.border_px)):
        scores = score_tracking(truth, predicted, gold=gold, border_px=border)
        rows.append({"scored": name, **{k: scores[k] for k in ("SEG", "DET", "TRA", "LNK")}})
    print(markdown_table(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
