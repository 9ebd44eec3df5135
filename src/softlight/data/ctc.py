"""Cell Tracking Challenge folders: gold, silver and sparse annotation, used for what it says.

A frame whose masks are not complete must not teach that the cells without a mask are background.
Track markers, which every cell has, tell which cells those are; their surroundings are not valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from softlight.data import known
from softlight.data.ctc_sequences import (
    annotated_sequences,
    ctc_folders,
    group_of,
    known_set,
)
from softlight.data.pixels import other_size, read_still, still_shape
from softlight.data.samples import (
    Annotated,
    DataError,
    DataSet,
    Progress,
    Sample,
    counted,
    listed,
    raise_all,
)
from softlight.io.ctc import CtcSequence
from softlight.io.labels import read_labels

Annotation = Literal["auto", "gold", "silver", "complete"]
_MEASURED_FRAMES = 12  # of a sequence, to see how far cells reach from their markers


@dataclass(frozen=True)
class Chosen:
    """The annotation that one frame uses."""

    frame: int
    image: Path
    labels: Path
    markers: Path | None
    source: str  # "gold", or the kind of silver masks: "ST", "ST_partial", "STbin"
    complete: bool | None  # None: nothing tells
    empty: bool  # no pixel is labelled


def open_ctc(path: Path, *, annotation: str = "auto", progress: Progress | None = None) -> DataSet:
    """The annotated frames of a Challenge folder, or of all Challenge folders directly in it.

    Args:
        path: Holds ``01/`` and ``01_GT/`` (or ``01_ST/``, ``01_STbin/``), or such folders.
        annotation: ``auto`` takes for each frame gold masks if they are complete, else what covers
            most cells. ``gold`` and ``silver`` take only those. ``complete`` takes like ``auto``
            and believes that every cell has a mask.
        progress: Told (frames checked, frames in all).
    """
    kinds = get_args(Annotation)
    if annotation not in kinds:
        raise DataError(f"annotation={annotation!r} is not known; give one of {', '.join(kinds)}.")
    sequences = [item for folder in ctc_folders(path) for item in annotated_sequences(folder)]
    if not sequences:
        raise DataError(f"{path} holds no sequence with masks (01/ and 01_GT/SEG/ or 01_ST/SEG/).")
    chosen, problems = _choose_all(sequences, annotation, progress=progress)
    raise_all(path, problems)
    notes: list[str] = []
    samples: list[Sample] = []
    for sequence, items in zip(sequences, chosen, strict=True):
        usable, dropped = _usable(items)
        reach = _reach(usable) if any(item.complete is False for item in usable) else 0.0
        samples += [_sample(sequence, item, reach, annotation) for item in usable]
        notes += _notes(sequence, usable, dropped, reach=reach, annotation=annotation)
    if samples and all(item.empty for items in chosen for item in items):
        raise DataError(f"{path}: no mask holds a cell, all are empty (only 0). Give other masks.")
    if not samples:
        raise DataError(
            f"{path} has no frame with {'' if annotation == 'auto' else annotation + ' '}masks. "
            f"Choose another annotation: {', '.join(kinds)}."
        )
    return DataSet(path.resolve().name, "ctc", path, tuple(samples), tuple(notes))


def _choose_all(
    sequences: Sequence[CtcSequence], annotation: str, *, progress: Progress | None
) -> tuple[list[list[Chosen]], list[str]]:
    """(for each sequence what its frames use, every problem that was met)."""
    frames = [_frames(sequence, annotation) for sequence in sequences]
    total = sum(len(numbers) for numbers in frames)
    done = 0
    chosen: list[list[Chosen]] = []
    problems: list[str] = []
    for sequence, numbers in zip(sequences, frames, strict=True):
        chosen.append([])
        for frame in numbers:
            try:
                chosen[-1].append(_choose(sequence, frame, annotation))
            except (ValueError, OSError) as error:
                problems.append(str(error))
            done += 1
            if progress is not None:
                progress(done, total)
    return chosen, problems


def _candidates(sequence: CtcSequence, annotation: str) -> list[tuple[str, dict[int, Path]]]:
    """The kinds of masks that may be used, the preferred kind first."""
    both = [("gold", sequence.gold), (sequence.silver_kind, sequence.silver)]
    return {"gold": both[:1], "silver": both[1:]}.get(annotation, both)


def _frames(sequence: CtcSequence, annotation: str) -> list[int]:
    """The frames that have an annotation of the asked kind."""
    return sorted({frame for _, files in _candidates(sequence, annotation) for frame in files})


def _choose(sequence: CtcSequence, frame: int, annotation: str) -> Chosen:
    """The annotation to use for a frame: what covers most cells, gold before silver."""
    if frame not in sequence.frames:
        raise DataError(f"{group_of(sequence)}: frame {frame} is annotated, but has no image")
    image = sequence.frames[frame]
    shape = still_shape(image)
    marker_file = sequence.tracking.get(frame)
    markers = None if marker_file is None else _checked_labels(marker_file, image, shape)
    best: tuple[float, Chosen] | None = None
    for source, files in _candidates(sequence, annotation):
        if frame not in files:
            continue
        labels = _checked_labels(files[frame], image, shape)
        share, complete = _coverage(labels, markers, source, annotation)
        if best is None or share > best[0]:
            file, empty = files[frame], not labels.any()
            best = share, Chosen(frame, image, file, marker_file, source, complete, empty)
    assert best is not None, "the frame comes from a candidate"
    return best[1]


def _coverage(
    labels: known.Labels, markers: known.Labels | None, source: str, annotation: str
) -> tuple[float, bool | None]:
    """(share of the cells that have a mask, whether that is all of them)."""
    if annotation == "complete":
        return 1.0, True
    if markers is not None:
        cells = np.count_nonzero(np.bincount(markers.ravel())[1:])
        missing = len(known.unlabelled_markers(labels, markers))
        return (1 - missing / cells if cells else 1.0), missing == 0
    # Silver masks are made for whole frames; gold ones often show a few cells of many.
    return (0.0, None) if source in ("gold", "ST_partial") else (1.0, True)


def _checked_labels(file: Path, image: Path, shape: tuple[int, int]) -> known.Labels:
    labels = read_labels(file)
    if labels.shape != shape:
        raise DataError(other_size(file, labels.shape, image, shape))
    return labels


def _usable(chosen: Sequence[Chosen]) -> tuple[list[Chosen], list[Chosen]]:
    """(frames that say something, frames without markers and without any mask)."""
    silent = [item for item in chosen if item.complete is None and item.empty]
    return [item for item in chosen if item not in silent], silent


def _reach(chosen: Sequence[Chosen]) -> float:
    """How far from its marker a cell without mask may extend, in pixels."""
    with_markers = [item for item in chosen if item.markers is not None]
    picks = np.linspace(0, len(with_markers) - 1, min(_MEASURED_FRAMES, len(with_markers)))
    reaches: list[float] = []
    diameters: list[float] = []
    for item in (with_markers[round(pick)] for pick in picks):
        labels = read_labels(item.labels)
        diameters.append(known.median_diameter_px(labels))
        if item.source != "STbin" and item.markers is not None:
            reaches += known.measured_reaches_px(labels, read_labels(item.markers))
    return known.reach_px(reaches, diameters)


def _read(item: Chosen, *, reach: float, margin_px: int, pixel_size_um: float | None) -> Annotated:
    image, told = read_still(item.image)
    labels = read_labels(item.labels)
    valid: npt.NDArray[np.bool_] | None = None
    if not item.complete:
        markers = None if item.markers is None else read_labels(item.markers)
        valid = known.known_pixels(labels, markers, reach=reach)
    valid = known.with_margin(labels, valid, margin_px=margin_px)
    return Annotated(image, labels, valid, pixel_size_um or told)


def _sample(sequence: CtcSequence, item: Chosen, reach: float, annotation: str) -> Sample:
    complete = {True: "yes", False: "no", None: "unknown"}[item.complete]
    return Sample(
        name=f"{group_of(sequence)}-t{item.frame:03d}",
        group=group_of(sequence),
        reader=partial(
            _read,
            item,
            reach=reach,
            margin_px=0 if annotation == "complete" else known_set(sequence).margin_px,
            pixel_size_um=known_set(sequence).pixel_size_um,
        ),
        tags={
            "sequence": sequence.name,
            "frame": str(item.frame),
            "annotation": item.source,
            "complete": complete,
        },
    )


def _notes(
    sequence: CtcSequence,
    usable: Sequence[Chosen],
    dropped: Sequence[Chosen],
    *,
    reach: float,
    annotation: str,
) -> list[str]:
    """What was chosen for this movie and what is ignored in it."""
    if not usable:
        return []
    words = {True: "complete", False: "incomplete", None: "completeness unknown"}
    number_of = Counter((item.source, item.complete) for item in usable)
    parts = [f"{number} {source} ({words[whole]})" for (source, whole), number in number_of.items()]
    without = len(sequence.frames) - len(usable)
    left_out = f"; {counted(without, 'frame')} without masks left out" if without else ""
    notes = [f"frames by annotation: {', '.join(parts)}{left_out}"]
    if any(item.complete is False for item in usable):
        notes.append(
            f"in incomplete frames, what lies within {reach:.0f} px of the track marker of a cell "
            "without mask is ignored"
        )
    if any(item.complete is None for item in usable):
        notes.append(
            "no track markers tell whether every cell has a mask, so only the masks and a thin "
            "ring around them are used; give annotation='complete' if all have"
        )
    if dropped:
        frames = listed([str(item.frame) for item in dropped])
        notes.append(f"frames without any mask left out: {frames}")
    if annotation != "complete":
        notes += _trust_notes(sequence, usable)
    if any(item.source == "STbin" for item in usable):
        notes.append("binary masks show where cells are, not which is which")
    return [f"{group_of(sequence)}: {note}." for note in notes]


def _trust_notes(sequence: CtcSequence, usable: Sequence[Chosen]) -> list[str]:
    """What is believed without proof and what the Challenge leaves out everywhere."""
    notes = []
    if any(item.complete and item.markers is None for item in usable):
        notes.append(
            "silver masks are taken as complete, since there are no track markers to check them "
            "against"
        )
    margin_px = known_set(sequence).margin_px
    if margin_px:
        notes.append(
            f"background within {margin_px} px of the edges is ignored, because the Challenge "
            "does not annotate cells that lie wholly there"
        )
    return notes
