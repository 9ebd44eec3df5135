"""Score tracks in the Cell Tracking Challenge's format against its truth, and list every error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.config import ConfigError
from softlight.data.ctc_sequences import is_sequence, known_set
from softlight.evaluate.table import per_image_table, write_metrics
from softlight.evaluate.track_graph import TrackedFrames
from softlight.evaluate.tracking import compare_tracking, scores
from softlight.evaluate.tracking_errors import list_errors
from softlight.io.ctc import (
    CtcSequence,
    CtcTrack,
    find_tracks_file,
    list_sequences,
    read_ctc_result,
)
from softlight.io.files import replacing
from softlight.io.labels import read_labels
from softlight.recipes.apart import keep_apart, keep_beside
from softlight.recipes.provenance import stamp
from softlight.recipes.tracking_page import ScoredSequence, tracking_page

_RESULT = re.compile(r"(\d{2,})_RES")
_COUNTS = ("valid", "NS", "FN", "FP", "ED", "EA", "EC")


@dataclass(frozen=True)
class TrackingEvaluation:
    """Scores of each sequence, every error, and the page that shows them."""

    sequences: pd.DataFrame
    errors: pd.DataFrame
    report: Path


class LabelFiles(Sequence[NDArray[np.int32]]):
    """Label images, one file a frame, read when they are asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: Any) -> Any:
        return read_labels(self._paths[index])


class _GoldFiles(Mapping[int, NDArray[np.int32]]):
    """Outlines by frame, read when they are asked for."""

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[int]:
        return iter(self._paths)

    def __getitem__(self, frame: int) -> NDArray[np.int32]:
        return read_labels(self._paths[frame])


def holds_tracks(predicted: Path) -> bool:
    """Whether a folder is a Challenge result (mask000.tif …, res_track.txt) or holds 01_RES/."""
    return bool(_result_folders(predicted))


def evaluate_tracking(
    data: Path,
    out: Path,
    *,
    predicted: Path,
    border_px: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> TrackingEvaluation:
    """Score results: ``metrics.json``, ``metrics.csv``, ``errors.csv`` and a report in ``out``.

    Args:
        data: a Challenge folder (01/, 01_GT/), or one sequence in it (01/).
        out: where the scores go.
        predicted: a folder with masks and res_track.txt, or one that holds 01_RES/ and the like.
        border_px: cells wholly this near to the edges are left out; None: what the Challenge
            publishes of the set, 0 for sets of other origin.
        progress: told (done, total) frames.
        note: told what was found.
    """
    pairs = _pairs(data, predicted)
    truths = [sequence.folder / f"{sequence.name}_GT" for sequence, _ in pairs]
    keep_beside([data, predicted], out)
    keep_apart([], out, whole=[*truths, *(folder for _, folder in pairs)])
    total = sum(len(sequence.tracking) for sequence, _ in pairs)
    scored: list[ScoredSequence] = []
    done = 0
    for sequence, folder in pairs:
        border = known_set(sequence).margin_px if border_px is None else border_px
        note(f"{sequence.folder.resolve().name} {sequence.name}: {_about_border(border)}")
        told = None if progress is None else _shifted(progress, done, total)
        scored.append(_score(sequence, folder, border, told))
        done += len(sequence.tracking)
    for item in scored:
        for breach in item.breaches:
            note(f"{item.name}: not valid for the Challenge. {breach}")
    table = per_image_table([_row(item) for item in scored])
    errors = pd.concat([item.errors.assign(sequence=item.name) for item in scored])
    errors = errors[["sequence", *scored[0].errors.columns]].round(2)
    about = {**stamp(), "data": data.name, "of": f"tracks in {predicted.name}"}
    write_metrics(out, table, about=about)
    with replacing(out / "errors.csv") as temporary:
        errors.to_csv(temporary, index=False, lineterminator="\n")
    report = tracking_page(out, scored, table, about=about)
    return TrackingEvaluation(table, errors, report)


def _result_folders(predicted: Path) -> list[Path]:
    if not predicted.is_dir():
        return []
    if (predicted / "res_track.txt").is_file():
        return [predicted]
    return [
        path
        for path in sorted(predicted.iterdir())
        if _RESULT.fullmatch(path.name) and find_tracks_file(path) is not None
    ]


def _pairs(data: Path, predicted: Path) -> list[tuple[CtcSequence, Path]]:
    """Each result with the sequence that it is of."""
    results = _result_folders(predicted)
    if not results:
        raise ConfigError(
            f"{predicted} is no Challenge result: it needs res_track.txt beside mask000.tif and "
            "on, or folders 01_RES with these."
        )
    alone = is_sequence(data)
    found = list_sequences(data.resolve().parent if alone else data)
    sequences = {item.name: item for item in found}
    if alone:
        sequences = {data.resolve().name: sequences[data.resolve().name]}
    pairs = []
    for folder in results:
        match = _RESULT.fullmatch(folder.resolve().name)
        name = match[1] if match and not alone else next(iter(sequences))
        if name not in sequences or (match is None and len(sequences) > 1):
            raise ConfigError(
                f"{folder.name} does not say which of the sequences {', '.join(sequences)} it is "
                f"of; name it {next(iter(sequences))}_RES, or give the sequence's folder as data."
            )
        pairs.append((_with_truth(sequences[name]), folder))
    return pairs


def _with_truth(sequence: CtcSequence) -> CtcSequence:
    if sequence.tracking and sequence.tracks:
        return sequence
    raise ConfigError(
        f"{sequence.folder.name} has no true tracks of sequence {sequence.name}; they are "
        f"{sequence.name}_GT/TRA with man_track000.tif and on, and man_track.txt."
    )


def _score(
    sequence: CtcSequence,
    folder: Path,
    border_px: int,
    progress: Callable[[int, int], None] | None,
) -> ScoredSequence:
    true = read_ctc_result(sequence.folder / f"{sequence.name}_GT" / "TRA")
    found = read_ctc_result(folder)
    truth = TrackedFrames(LabelFiles(true.masks), _table(true.tracks))
    predicted = TrackedFrames(LabelFiles(found.masks), _table(found.tracks))
    comparison = compare_tracking(
        truth, predicted, gold=_GoldFiles(sequence.gold), border_px=border_px, progress=progress
    )
    return ScoredSequence(
        name=sequence.name,
        sequence=sequence,
        truth=truth.labels,
        predicted=predicted.labels,
        scores=scores(comparison),
        errors=list_errors(comparison),
        breaches=comparison.breaches,
        border_px=border_px,
    )


def _table(tracks: Sequence[CtcTrack]) -> pd.DataFrame:
    rows = [(track.label, track.parent, track.first_frame, track.last_frame) for track in tracks]
    columns = ["track_id", "parent_id", "first_frame", "last_frame"]
    return pd.DataFrame(rows, columns=columns, dtype=np.int64)


def _row(item: ScoredSequence) -> dict[str, Any]:
    counts = {name: int(item.scores[name]) for name in _COUNTS}
    return {"sequence": item.name, "frames": len(item.truth), "border_px": item.border_px} | (
        item.scores | counts
    )


def _about_border(border_px: int) -> str:
    if not border_px:
        return "cells up to the edges are scored."
    return f"cells wholly within {border_px} px of the edges are left out."


def _shifted(progress: Callable[[int, int], None], before: int, total: int) -> Callable[..., None]:
    return lambda done, _: progress(before + done, total)
