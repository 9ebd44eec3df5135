"""The folder layout of the Cell Tracking Challenge: frames, gold and silver masks, tracks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from softlight.io.errors import ImageError, reading
from softlight.io.files import replacing

_SEQUENCE = re.compile(r"\d{2,}")
_ANNOTATION = re.compile(r"(\d{2,})_(GT|ST|ST_partial|STbin)")
_KINDS = ("SEG", "TRA")


@dataclass(frozen=True)
class CtcTrack:
    """One line of man_track.txt: a label, its first and last frame, and its mother (0: none)."""

    label: int
    first_frame: int
    last_frame: int
    parent: int = 0


@dataclass(frozen=True)
class CtcSequence:
    """The files of one sequence, by frame number; what is not there is an empty dict."""

    name: str
    folder: Path
    frames: dict[int, Path]
    gold: dict[int, Path] = field(default_factory=dict)  # 01_GT/SEG
    tracking: dict[int, Path] = field(default_factory=dict)  # 01_GT/TRA
    silver: dict[int, Path] = field(default_factory=dict)  # 01_ST or 01_ST_partial or 01_STbin
    silver_kind: str = ""  # "ST", "ST_partial" or "STbin"
    tracks: tuple[CtcTrack, ...] = ()


def _numbered(folder: Path, prefix: str) -> dict[int, Path]:
    """The files ``<prefix><number>.tif`` of a folder by their number."""
    if not folder.is_dir():
        return {}
    name = re.compile(rf"{prefix}(\d+)\.tiff?", re.IGNORECASE)
    found = {
        int(match[1]): path for path in folder.iterdir() if (match := name.fullmatch(path.name))
    }
    return dict(sorted(found.items()))


def is_ctc_folder(folder: Path | str) -> bool:
    """Whether the folder holds at least one sequence (01/ with frames t000.tif …)."""
    folder = Path(folder)
    return folder.is_dir() and any(
        _SEQUENCE.fullmatch(path.name) and _numbered(path, "t") for path in folder.iterdir()
    )


def refuse_annotation(folder: Path | str) -> None:
    """Raise an ImageError if this is the annotation of a sequence, as 01_GT/TRA."""
    given = Path(folder).resolve()
    for path in (given, given.parent):
        match = _ANNOTATION.fullmatch(path.name)
        if match:
            raise ImageError(
                f"{folder} is the annotation of sequence {match[1]}, not the data: give the set's "
                f"folder, {path.parent}, or the sequence's, {path.parent / match[1]}."
            )


def list_sequences(folder: Path | str) -> list[CtcSequence]:
    """The sequences in a Challenge folder, in order; an ImageError where there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder; give the data set's folder, with 01/ in it.")
    found = [
        _sequence(folder, path.name)
        for path in sorted(folder.iterdir())
        if path.is_dir() and _SEQUENCE.fullmatch(path.name) and _numbered(path, "t")
    ]
    if not found:
        refuse_annotation(folder)
        raise ImageError(
            f"{folder} is not a Cell Tracking Challenge folder: it needs 01/ with t000.tif and on."
        )
    return found


def _sequence(folder: Path, name: str) -> CtcSequence:
    truth = folder / f"{name}_GT"
    silver, kind = _silver(folder, name)
    track_file = truth / "TRA" / "man_track.txt"
    return CtcSequence(
        name=name,
        folder=folder,
        frames=_numbered(folder / name, "t"),
        gold=_numbered(truth / "SEG", "man_seg"),
        tracking=_numbered(truth / "TRA", "man_track"),
        silver=silver,
        silver_kind=kind,
        tracks=tuple(read_tracks(track_file)) if track_file.is_file() else (),
    )


def _silver(folder: Path, name: str) -> tuple[dict[int, Path], str]:
    """The silver masks that are there, the most complete kind first."""
    for kind, below, prefix in (
        ("ST", "SEG", "man_seg"),
        ("ST_partial", "SEG", "man_seg"),
        ("STbin", "", "mask"),
    ):
        found = _numbered(folder / f"{name}_{kind}" / below, prefix)
        if found:
            return found, kind
    return {}, ""


def read_tracks(path: Path | str) -> list[CtcTrack]:
    """The tracks of a man_track.txt, each line checked."""
    path = Path(path)
    with reading(path, "track table"):
        text = path.read_text(encoding="ascii")
    tracks: list[CtcTrack] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 4 or not all(word.isdecimal() for word in words):
            raise ImageError(
                f"{path.name}, line {number}: {line[:40]!r} is not four whole numbers "
                "(label, first frame, last frame, parent)."
            )
        tracks.append(CtcTrack(*map(int, words)))
    _check_tracks(tracks, path.name)
    return tracks


def _check_tracks(tracks: Sequence[CtcTrack], name: str) -> None:
    """An ImageError where labels repeat, a track ends before it begins or a mother is wrong."""
    by_label = {track.label: track for track in tracks}
    if len(by_label) != len(tracks) or 0 in by_label:
        raise ImageError(f"{name}: every track needs its own label above 0.")
    for track in tracks:
        if track.last_frame < track.first_frame:
            raise ImageError(
                f"{name}: track {track.label} ends in frame {track.last_frame}, "
                f"before it begins in {track.first_frame}."
            )
        if not track.parent:
            continue
        mother = by_label.get(track.parent)
        if mother is None or mother.last_frame >= track.first_frame:
            raise ImageError(
                f"{name}: track {track.label} names {track.parent} as its mother, "
                "which must be a track that ends before it begins."
            )


@dataclass(frozen=True)
class CtcResult:
    """Masks and tracks of a result folder (01_RES) or of tracking truth (01_GT/TRA)."""

    folder: Path
    masks: tuple[Path, ...]
    tracks: tuple[CtcTrack, ...]


def find_tracks_file(folder: Path | str) -> Path | None:
    """The table of tracks of a result or truth folder, where it is one."""
    found = (Path(folder) / name for name in ("res_track.txt", "man_track.txt"))
    return next((path for path in found if path.is_file()), None)


def read_ctc_result(folder: Path | str) -> CtcResult:
    """The files and tracks of mask000.tif … and res_track.txt (or of man_track…), checked."""
    folder = Path(folder)
    table = find_tracks_file(folder)
    if table is None:
        raise ImageError(
            f"{folder} is no Challenge result: it needs res_track.txt beside mask000.tif and on."
        )
    prefix = "mask" if table.name == "res_track.txt" else "man_track"
    masks = _numbered(folder, prefix)
    lost = sorted(set(range(max(masks, default=0) + 1)) - set(masks))
    if lost:
        raise ImageError(
            f"{folder.name} lacks {prefix}{lost[0]:03d}.tif, and {len(masks)} other frames are "
            "there; copy the folder again."
        )
    tracks = read_tracks(table)
    late = max(tracks, key=lambda track: track.last_frame, default=None)
    if late is not None and late.last_frame >= len(masks):
        raise ImageError(
            f"{table.name}: track {late.label} goes on to frame {late.last_frame}, but the masks "
            f"end with frame {len(masks) - 1}."
        )
    return CtcResult(folder, tuple(masks.values()), tuple(tracks))


def write_ctc_result(
    folder: Path | str,
    *,
    labels: Iterable[NDArray[np.int32]],
    frames: int,
    tracks: Sequence[CtcTrack],
) -> None:
    """Write mask000.tif and on, and res_track.txt, as the Challenge's validity rules ask.

    Labels must be those of the tracks, and each track's must be in all frames of its span.
    """
    folder = Path(folder)
    _check_tracks(tracks, "res_track.txt")
    kind = _mask_type(tracks)
    digits = max(3, len(str(frames - 1)))  # names must sort as the frames do
    expected: list[set[int]] = [set() for _ in range(frames)]
    for track in tracks:
        for frame in range(track.first_frame, track.last_frame + 1):
            expected[frame].add(track.label)
    frame = -1
    for frame, label in enumerate(labels):
        wrong = sorted((set(np.unique(label).tolist()) - {0}) ^ expected[frame])
        if wrong:
            raise ImageError(
                f"Track {wrong[0]} is in the masks or in the table of tracks for frame {frame}, "
                "but not in both."
            )
        _write_tiff(folder / f"mask{frame:0{digits}d}.tif", label.astype(kind))
    if frame + 1 != frames:
        raise ImageError(f"There are masks of {frame + 1} frames where {frames} were announced.")
    _write_tracks(folder / "res_track.txt", tracks)


def _mask_type(tracks: Sequence[CtcTrack]) -> type[np.unsignedinteger]:
    wide = max((track.label for track in tracks), default=0) > np.iinfo(np.uint16).max
    return np.uint32 if wide else np.uint16


def _write_tracks(path: Path, tracks: Sequence[CtcTrack]) -> None:
    lines = "".join(
        f"{track.label} {track.first_frame} {track.last_frame} {track.parent}\n" for track in tracks
    )
    with replacing(path) as temporary:
        temporary.write_text(lines, encoding="ascii")


def _write_tiff(path: Path, image: NDArray[np.generic]) -> None:
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary, image, compression="zlib", photometric="minisblack", metadata=None
        )


def write_ctc_sequence(
    folder: Path | str,
    *,
    sequence: str = "01",
    images: Iterable[NDArray[np.generic]],
    labels: Iterable[NDArray[np.int32]],
    tracks: Sequence[CtcTrack],
) -> None:
    """Write frames, complete gold masks (SEG and TRA) and man_track.txt of one sequence.

    Labels must be the tracks' own in every frame. They are written with 16 bits, as the
    Challenge's format has it, or with 32 where a label is over 65535.
    """
    folder = Path(folder)
    _check_tracks(tracks, "man_track.txt")
    kind = _mask_type(tracks)
    known = {track.label for track in tracks}
    for frame, (image, label) in enumerate(zip_longest(images, labels)):
        if image is None or label is None or image.shape != label.shape:
            raise ImageError(f"Frame {frame} needs an image and labels of one size.")
        strange = sorted(set(np.unique(label).tolist()) - known - {0})
        if strange:
            raise ImageError(f"Frame {frame} has the label {strange[0]}, which is no track.")
        _write_tiff(folder / sequence / f"t{frame:03d}.tif", image)
        for which in _KINDS:
            below = folder / f"{sequence}_GT" / which
            prefix = "man_seg" if which == "SEG" else "man_track"
            _write_tiff(below / f"{prefix}{frame:03d}.tif", label.astype(kind))
    _write_tracks(folder / f"{sequence}_GT" / "TRA" / "man_track.txt", tracks)
