"""Which folders are Cell Tracking Challenge sets, and what the Challenge publishes of each set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from softlight.io.ctc import CtcSequence, is_ctc_folder, list_sequences
from softlight.io.errors import ImageError


@dataclass(frozen=True)
class KnownSet:
    """What the Challenge publishes of a set besides its files."""

    pixel_size_um: float | None  # None where the two movies differ
    margin_px: int  # cells wholly within this margin of the edges are not annotated


# From the Challenge's pages on its data sets and on its evaluation (the field of interest).
KNOWN_SETS: Mapping[str, KnownSet] = {
    "BF-C2DL-HSC": KnownSet(0.645, 25),
    "BF-C2DL-MuSC": KnownSet(0.645, 25),
    "DIC-C2DH-HeLa": KnownSet(0.19, 50),
    "Fluo-C2DL-Huh7": KnownSet(0.65, 50),
    "Fluo-C2DL-MSC": KnownSet(None, 50),
    "Fluo-N2DH-GOWT1": KnownSet(0.24, 50),
    "Fluo-N2DH-SIM+": KnownSet(0.125, 0),
    "Fluo-N2DL-HeLa": KnownSet(0.645, 25),
    "PhC-C2DH-U373": KnownSet(0.65, 50),
    "PhC-C2DL-PSC": KnownSet(1.6, 25),
}
_UNKNOWN = KnownSet(None, 0)


def known_set(sequence: CtcSequence) -> KnownSet:
    """What is published of the set by its folder's name; nothing for sets of other origin."""
    return KNOWN_SETS.get(sequence.folder.resolve().name, _UNKNOWN)


def group_of(sequence: CtcSequence) -> str:
    """The movie's name among all movies."""
    return f"{sequence.folder.resolve().name}-{sequence.name}"


def annotated_sequences(folder: Path) -> list[CtcSequence]:
    """The sequences of one Challenge folder that have gold or silver masks."""
    return [item for item in list_sequences(folder) if item.gold or item.silver]


def ctc_folders(path: Path) -> list[Path]:
    """The folder itself if it is a Challenge folder, else those directly in it that are."""
    if _has_sequence(path):
        return [path]
    return [child for child in sorted(path.iterdir()) if child.is_dir() and _has_sequence(child)]


def is_sequence(path: Path) -> bool:
    """Whether the folder is itself one sequence (01/) of a Challenge folder."""
    path = path.resolve()
    annotations = (f"{path.name}_GT", f"{path.name}_ST", f"{path.name}_STbin")
    return any((path.parent / name).is_dir() for name in annotations)


def _has_sequence(path: Path) -> bool:
    """Whether there is 01/ with frames and an annotation folder (01_GT/, 01_ST/ and the like)."""
    try:
        return is_ctc_folder(path) and any(
            next(path.glob(f"{item.name}_[GS]T*"), None) is not None
            for item in path.iterdir()
            if item.is_dir() and item.name.isdecimal()
        )
    except (ImageError, PermissionError):
        return False
