"""Linking from true masks, every frame, every second and every fourth, in several designs.

    python benchmarks/linking_truth.py --data ../shared/data/ctc

Real Challenge sequences and simulated movies at intervals from 5 to 60 minutes. The designs:

- `cut-off`: squared distance with one cut-off for all, learned as three median distances to the
  nearest cell of the next frame, as in classical linkers; no gaps, no divisions;
- `positions`: likelihoods learned from the movie, of positions and areas;
- `masks`: the same with the overlap of masks: what `softlight track` does.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from softlight.evaluate.table import markdown_table
from softlight.evaluate.track_graph import TrackedFrames
from softlight.evaluate.tracking import score_tracking
from softlight.io.ctc import list_sequences
from softlight.io.labels import read_labels
from softlight.measure.morphology import measure_frame
from softlight.simulate.movie import simulate
from softlight.simulate.scene import Scene
from softlight.track.assign import best_links
from softlight.track.movie import track_cells

Labels = NDArray[np.int32]
EVERY = (1, 2, 4)
SCENES = {  # name: morphology, cells, minutes, frames, seed
    "round, 5 min": ("round", 60, 5, 49, 1),
    "sheet, 10 min": ("sheet", 60, 10, 49, 3),
    "spindly, 15 min": ("spindly", 40, 15, 49, 2),
    "spindly, 30 min": ("spindly", 30, 30, 49, 5),
    "round, 60 min": ("round", 40, 60, 33, 4),
}
DESIGNS = ("cut-off", "positions", "masks")


def real(data: Path) -> Iterator[tuple[str, list[Labels], dict[int, int]]]:
    """Name, tracking masks and mothers of each sequence that has them."""
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        for sequence in list_sequences(folder):
            if sequence.tracking and sequence.tracks:
                labels = [read_labels(path) for path in sequence.tracking.values()]
                yield folder.name, labels, {t.label: t.parent for t in sequence.tracks}


def simulated() -> Iterator[tuple[str, list[Labels], dict[int, int]]]:
    """The same of simulated movies."""
    for name, (morphology, cells, minutes, frames, seed) in SCENES.items():
        scene = Scene(
            morphology=morphology,
            cells=cells,
            interval_min=minutes,
            frames=frames,
            seed=seed,
            height=384,
            width=384,
            division_rate_per_h=0.05,
            clustering=0.5,
        )
        movie = simulate(scene)
        yield name, list(movie.labels), {t.track_id: t.parent_id for t in movie.tracks}


def truth_of(labels: list[Labels], mother: dict[int, int]) -> TrackedFrames:
    """The truth in these frames; a cell that is seen in none hands its mother on."""
    seen = [np.unique(plane[plane > 0]) for plane in labels]
    spans: dict[int, list[int]] = {}
    for frame, names in enumerate(seen):
        for name in names.tolist():
            spans.setdefault(name, []).append(frame)
    rows = []
    for name, frames in sorted(spans.items()):
        parent = mother.get(name, 0)
        while parent and parent not in spans:
            parent = mother.get(parent, 0)
        rows.append((name, parent, frames[0], frames[-1]))
    columns = ["track_id", "parent_id", "first_frame", "last_frame"]
    return TrackedFrames(labels, pd.DataFrame(rows, columns=columns))


def linked(design: str, objects: pd.DataFrame, labels: list[Labels]) -> TrackedFrames:
    """The same masks with the tracks that a design finds."""
    if design == "cut-off":
        found, tracks = cut_off(objects)
    else:
        result = track_cells(objects, labels=labels if design == "masks" else None)
        found, tracks = result.objects["track_id"].to_numpy(), result.tracks
    named = []
    for frame, plane in enumerate(labels):
        rows = np.flatnonzero(objects["frame"].to_numpy() == frame)
        table = np.zeros(int(plane.max()) + 1, np.int32)
        table[objects["label"].to_numpy()[rows]] = found[rows]
        named.append(table[plane])
    return TrackedFrames(named, tracks)


def cut_off(objects: pd.DataFrame) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Tracks of objects in the order of frames by squared distance and one cut-off."""
    frame = objects["frame"].to_numpy()
    places = objects[["y_px", "x_px"]].to_numpy()
    parts = [np.flatnonzero(frame == number) for number in range(frame.max() + 1)]
    pairs = [(a, b) for a, b in pairwise(parts) if len(a) and len(b)]
    nearest = [cKDTree(places[b]).query(places[a])[0] for a, b in pairs]
    limit = 3 * float(np.median(np.concatenate(nearest)))
    track = np.arange(1, len(objects) + 1)
    for a, b in pairs:
        squared = ((places[a][:, None] - places[b][None]) ** 2).sum(-1)
        source, target = np.nonzero(squared < limit**2)
        gain = limit**2 - squared[source, target]
        chosen = best_links(source, target, gain)
        track[b[target[chosen]]] = track[a[source[chosen]]]
    spans = pd.DataFrame({"track_id": track, "frame": frame}).groupby("track_id")["frame"]
    tracks = spans.agg(first_frame="min", last_frame="max").reset_index()
    return track, tracks.assign(parent_id=0)


def main() -> None:
    """Link, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="Folder of Challenge sets; else simulated alone.")
    parser.add_argument("--out", type=Path, default=Path("runs/linking-truth"))
    options = parser.parse_args()
    rows = []
    for name, labels, mother in (*(real(options.data) if options.data else ()), *simulated()):
        tables = [measure_frame(plane, frame=frame) for frame, plane in enumerate(labels)]
        objects = pd.concat(tables, ignore_index=True)
        for every in EVERY:
            some = objects[objects["frame"] % every == 0].reset_index(drop=True)
            some["frame"] //= every
            kept = labels[::every]
            truth = truth_of(kept, mother)
            for design in DESIGNS:
                score = score_tracking(truth, linked(design, some, kept))
                rows.append(
                    {
                        "movie": name,
                        "every": every,
                        "design": design,
                        "LNK": score["LNK"],
                        "division F1": score["division_F1(1)"],
                    }
                )
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "linking-truth.csv", index=False)
    for measure in ("LNK", "division F1"):
        wide = table.pivot_table(index="movie", columns=["every", "design"], values=measure)
        wide = wide.reindex(columns=[(n, d) for n in EVERY for d in DESIGNS])
        wide.columns = [f"{design} x{every}" for every, design in wide.columns]
        print(f"\n{measure}\n\n{markdown_table(wide.reset_index(), digits=3)}")


if __name__ == "__main__":
    main()
