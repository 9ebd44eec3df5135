"""Tracked frames with seeded faults, and what two other packages score them: for tests and
benchmarks of tracking scores.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import tifffile

from softlight.evaluate.track_graph import TrackedFrames

Frames = list[npt.NDArray[np.int32]]
OPERATIONS = ("NS", "FN", "FP", "ED", "EA", "EC")
OF_CTC = (
    "SEG",
    "DET",
    "TRA",
    "LNK",
    "CT",
    "TF",
    "BC(0)",
    "BC(1)",
    "BC(2)",
    "BC(3)",
    "CCA",
    "CHOTA",
)
OF_TRACCURACY = ("DET", "TRA", "LNK", "CHOTA", *(f"division_F1({i})" for i in range(4)))
_COUNTS = {"fn_nodes": "FN", "fp_nodes": "FP", "ns_nodes": "NS"} | {
    "fn_edges": "EA",
    "fp_edges": "ED",
    "ws_edges": "EC",
}


def table(rows: Sequence[Sequence[int]]) -> pd.DataFrame:
    """The tracks' table of rows (track, first frame, last frame, parent)."""
    named = pd.DataFrame(rows, columns=["track_id", "first_frame", "last_frame", "parent_id"])
    return named.astype(int)


@dataclass
class Draft:
    """Labels and mothers that faults are put into; the table follows from them."""

    labels: Frames
    parent: dict[int, int]

    @classmethod
    def of(cls, tracked: TrackedFrames) -> Draft:
        ids = tracked.tracks
        parent = dict(zip(ids["track_id"].tolist(), ids["parent_id"].tolist(), strict=True))
        return cls([np.array(frame, dtype=np.int32) for frame in tracked.labels], parent)

    def new(self) -> int:
        """An id that no track has."""
        name = max(self.parent, default=0) + 1
        self.parent[name] = 0
        return name

    def cell(self, rng: np.random.Generator) -> tuple[int, int]:
        """Some frame and a label in it; label 0 where the frame is empty."""
        frame = int(rng.integers(len(self.labels)))
        present = np.unique(self.labels[frame])[1:]
        return frame, int(rng.choice(present)) if len(present) else 0

    def halves(self, frame: int, label: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """A cell's pixels cut in two at its longer side, the second never the larger half."""
        mask = self.labels[frame] == label
        rows, columns = np.nonzero(mask)
        along = rows if np.ptp(rows) >= np.ptp(columns) else columns
        order = np.argsort(along, kind="stable")
        second = np.zeros_like(mask)
        chosen = order[: len(order) // 2]
        second[rows[chosen], columns[chosen]] = True
        return mask & ~second, second

    def finish(self, *, linked: bool = True) -> TrackedFrames:
        """Tracks as the Challenge wants them: a gap ends a track, the rest is its child or new."""
        seen: dict[int, list[int]] = {}
        for frame, labels in enumerate(self.labels):
            for label in np.unique(labels)[1:].tolist():
                seen.setdefault(label, []).append(frame)
        rows: list[list[int]] = []
        last_part: dict[int, int] = {}
        for label, frames in sorted(seen.items()):
            before = self.parent.get(label, 0)
            for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
                name = label if label not in last_part else self.new()
                for frame in run.tolist() if name != label else []:
                    self.labels[frame][self.labels[frame] == label] = name
                rows.append([name, int(run[0]), int(run[-1]), before])
                last_part[label] = name
                before = name if linked else 0
        end = {row[0]: row[2] for row in rows}
        for row in rows:
            if row[3] and end.get(row[3], row[1]) >= row[1]:
                row[3] = 0
        return TrackedFrames(self.labels, table(sorted(rows)))


def missed(draft: Draft, rng: np.random.Generator) -> None:
    """Cells vanish in single frames."""
    frame, label = draft.cell(rng)
    draft.labels[frame][draft.labels[frame] == label] = 0


def added(draft: Draft, rng: np.random.Generator) -> None:
    """Cells appear where none is, for a few frames."""
    start, name = int(rng.integers(len(draft.labels))), draft.new()
    height, width = draft.labels[0].shape
    row, column = int(rng.integers(height - 4)), int(rng.integers(width - 4))
    for labels in draft.labels[start : start + int(rng.integers(1, 4))]:
        patch = labels[row : row + 4, column : column + 4]
        patch[patch == 0] = name


def merged(draft: Draft, rng: np.random.Generator) -> None:
    """Two cells get the label of one of them."""
    frame, label = draft.cell(rng)
    other = int(rng.choice(np.unique(draft.labels[frame])))
    if other:
        draft.labels[frame][draft.labels[frame] == label] = other


def split(draft: Draft, rng: np.random.Generator) -> None:
    """A cell falls into halves, one of them a new cell."""
    frame, label = draft.cell(rng)
    if label:
        draft.labels[frame][draft.halves(frame, label)[1]] = draft.new()


def swapped(draft: Draft, rng: np.random.Generator) -> None:
    """Two cells change their labels from some frame on."""
    frame, label = draft.cell(rng)
    other = int(rng.choice(np.unique(draft.labels[frame])))
    if not label or not other:
        return
    for labels in draft.labels[frame:]:
        first, second = labels == label, labels == other
        labels[first], labels[second] = other, label


def divided(draft: Draft, rng: np.random.Generator) -> None:
    """A division early or late by up to three frames; where there is none, an invented one."""
    mothers, counts = np.unique(list(draft.parent.values()), return_counts=True)
    mothers = mothers[(mothers > 0) & (counts > 1)]
    if not len(mothers):
        _invent_division(draft, rng)
        return
    mother = int(rng.choice(mothers))
    daughters = [name for name, parent in draft.parent.items() if parent == mother][:2]
    frames = [at for at, labels in enumerate(draft.labels) if (labels == mother).any()]
    if not frames:
        return
    end, by = frames[-1], int(rng.integers(1, 4))
    if rng.random() < 0.5:
        for frame in [at for at in frames if at > end - by]:
            first, second = draft.halves(frame, mother)
            draft.labels[frame][first] = daughters[0]
            draft.labels[frame][second] = daughters[1]
    else:
        for labels in draft.labels[end + 1 : end + 1 + by]:
            labels[labels == daughters[0]] = mother
            labels[labels == daughters[1]] = 0 if rng.random() < 0.5 else mother


def _invent_division(draft: Draft, rng: np.random.Generator) -> None:
    frame, label = draft.cell(rng)
    if not label:
        return
    names = draft.new(), draft.new()
    for at in range(frame + 1, len(draft.labels)):
        if not (draft.labels[at] == label).any():
            continue
        for name, half in zip(names, draft.halves(at, label), strict=True):
            draft.labels[at][half] = name
            draft.parent[name] = label


def broken(draft: Draft, rng: np.random.Generator) -> None:
    """A track ends and the next frame begins a new one, its child or not."""
    frame, label = draft.cell(rng)
    if label:
        name = draft.new()
        draft.parent[name] = label if rng.random() < 0.5 else 0
        for labels in draft.labels[frame:]:
            labels[labels == label] = name


def displaced(draft: Draft, rng: np.random.Generator) -> None:
    """A cell is found beside its place."""
    frame, label = draft.cell(rng)
    mask = draft.labels[frame] == label
    if label:
        height = int(np.ptp(np.nonzero(mask)[0])) + 1
        draft.labels[frame][mask] = 0
        moved = np.roll(mask, int(rng.integers(1, height + 1)), axis=0)
        draft.labels[frame][moved & (draft.labels[frame] == 0)] = label


FAULTS: dict[str, Callable[[Draft, np.random.Generator], None]] = {
    "missed": missed,
    "added": added,
    "merged": merged,
    "split": split,
    "swapped": swapped,
    "divided": divided,
    "broken": broken,
    "displaced": displaced,
}


def perturbed(truth: TrackedFrames, kind: str, *, seed: int, faults: int = 12) -> TrackedFrames:
    """The truth with faults of a kind, or of all kinds where it is "mixed"."""
    rng = np.random.default_rng(seed)
    draft = Draft.of(truth)
    kinds = list(FAULTS) if kind == "mixed" else [kind]
    for number in range(faults):
        FAULTS[kinds[number % len(kinds)]](draft, rng)
    return draft.finish(linked=seed % 2 == 0)


def renamed(tracked: TrackedFrames, shift: int) -> TrackedFrames:
    """The same with every label raised by ``shift``."""
    labels = [np.where(frame > 0, frame + shift, 0) for frame in tracked.labels]
    tracks = tracked.tracks.copy()
    tracks["track_id"] += shift
    tracks.loc[tracks["parent_id"] > 0, "parent_id"] += shift
    return TrackedFrames(labels, tracks)


def synthetic(seed: int, *, frames: int = 8, side: int = 40) -> TrackedFrames:
    """Squares that come, go and divide, on a grid."""
    rng = np.random.default_rng(seed)
    free = [(row, column) for row in range(0, side, 8) for column in range(0, side, 8)]
    rng.shuffle(free)
    free = [tuple(place) for place in free]
    draft = Draft([np.zeros((side, side), np.int32) for _ in range(frames)], {})
    live: dict[tuple[int, int], int] = {}
    for labels in draft.labels:
        for place in list(live):
            fate = rng.random()
            if fate < 0.08:
                del live[place]
                free.append(place)
            elif fate < 0.3:
                mother = live[place]
                for here in (place, *(free.pop() for _ in range(min(1, len(free))))):
                    live[here] = draft.new()
                    draft.parent[live[here]] = mother
        while len(live) < 6 and free:
            live[free.pop(0)] = draft.new()
        for (row, column), label in live.items():
            labels[row : row + 7, column : column + 7] = label
    return draft.finish()


def write_folders(
    folder: Path,
    truth: TrackedFrames,
    predicted: TrackedFrames,
    gold: dict[int, npt.NDArray[np.int32]],
) -> tuple[Path, Path]:
    """The folders 01_GT and 01_RES as the Challenge's own programs read them."""
    truth_at, result = folder / "01_GT", folder / "01_RES"
    _write(truth_at / "TRA", "man_track", truth)
    _write(result, "mask", predicted, "res_track")
    (truth_at / "SEG").mkdir()
    for frame, labels in gold.items():
        tifffile.imwrite(truth_at / "SEG" / f"man_seg{frame:03d}.tif", labels.astype(np.uint16))
    return truth_at, result


def _write(folder: Path, prefix: str, tracked: TrackedFrames, name: str = "") -> None:
    folder.mkdir(parents=True)
    for frame, labels in enumerate(tracked.labels):
        kind = np.uint16 if labels.max() < 2**16 else np.uint32
        tifffile.imwrite(folder / f"{prefix}{frame:03d}.tif", labels.astype(kind))
    columns = tracked.tracks[["track_id", "first_frame", "last_frame", "parent_id"]]
    columns.to_csv(folder / f"{name or prefix}.txt", sep=" ", header=False, index=False)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What the other packages print and warn of is dropped."""
    sink = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
    ):
        warnings.simplefilter("ignore")
        yield


def score_by_ctc_metrics(
    truth_at: Path, result: Path, *, metrics: Sequence[str] | None = None
) -> dict[str, float]:
    """What py-ctcmetrics says of the folders, its None as nan; all that we have, or these."""
    from ctc_metrics.scripts.evaluate import evaluate_sequence

    wanted = ["SEG", "DET", "TRA", "LNK", "CT", "TF", "BC", "CCA", "CHOTA"]
    with quiet():
        found = evaluate_sequence(
            str(result), str(truth_at), metrics=list(metrics or wanted), threads=1
        )
    names = metrics or (*OF_CTC, *(f"AOGM_{name}" for name in OPERATIONS))
    return {
        name.removeprefix("AOGM_"): math.nan if found[name] is None else float(found[name])
        for name in names
    }


def score_by_traccuracy(truth_at: Path, result: Path) -> dict[str, float]:
    """What traccuracy says of the folders; divisions among cells that match one to one."""
    from traccuracy.loaders import load_ctc_data
    from traccuracy.matchers import CTCMatcher, Matched
    from traccuracy.metrics import CHOTAMetric, CTCMetrics, DivisionMetrics

    with quiet():
        graphs = [
            load_ctc_data(str(folder), str(folder / name))
            for folder, name in ((truth_at / "TRA", "man_track.txt"), (result, "res_track.txt"))
        ]
        matched = CTCMatcher().compute_mapping(*graphs)
        scores = dict(CTCMetrics().compute(matched).results)
        scores |= CHOTAMetric().compute(matched).results
        alone = [pair for pair in matched.mapping if len(matched.pred_gt_map[pair[1]]) == 1]
        one_to_one = Matched(*graphs, alone, {"name": "alone", "matching type": "one-to-one"})
        divisions = DivisionMetrics(max_frame_buffer=3).compute(one_to_one).results
    for within in range(4):
        scores[f"division_F1({within})"] = divisions[f"Frame Buffer {within}"]["Division F1"]
    scores |= {ours: scores[theirs] for theirs, ours in _COUNTS.items()}
    return {name: float(scores[name]) for name in (*OF_TRACCURACY, *OPERATIONS)}


def differences(
    ours: Mapping[str, float], theirs: Mapping[str, float], *, tolerance: float = 1e-6
) -> dict[str, tuple[float, float]]:
    """The scores that differ, ours before theirs; undefined is equal to undefined."""
    return {
        name: (ours[name], value)
        for name, value in theirs.items()
        if not (
            abs(ours[name] - value) <= tolerance or (math.isnan(ours[name]) and math.isnan(value))
        )
    }


def comparable(ours: Mapping[str, float], traccuracy: Mapping[str, float]) -> dict[str, float]:
    """Of traccuracy's scores those that mean the same as the Challenge's in this case.

    It counts one NS for a predicted cell on three true ones, where the Challenge counts two. And
    it calls only a link to one of several daughters a link to another track, where the Challenge
    looks at the table: a track that goes on under a new name costs an EC there. Where these
    counts differ, so must the scores that hold them. And it leaves F1 undefined where one side
    only has divisions: all of them are wrong then, which is 0.
    """
    other = {name for name in ("NS", "EC") if traccuracy[name] != ours[name]}
    if "NS" in other:
        other |= {"DET", "TRA"}
    if "EC" in other:
        other |= {"TRA", "LNK"}
    other |= {
        name
        for name, value in traccuracy.items()
        if name.startswith("division_F1") and math.isnan(value) and ours[name] == 0
    }
    return {name: value for name, value in traccuracy.items() if name not in other}
