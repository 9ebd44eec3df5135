"""The cells of single frames, kept until their movie is finished: for going on within a movie."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from softlight.io.files import replacing
from softlight.io.labels import smallest_type
from softlight.io.strict_json import write_json
from softlight.recipes.divide import Found
from softlight.recipes.finder import Begun

FRAMES = "frames"
BEGUN = "begun.json"


class KeptFrames:
    """Labels and scores of the frames that were found, in a folder of their position.

    Each frame is whole or not there, so that a kill at any moment loses one frame at most. Model
    and settings are those of the run folder, which is checked elsewhere; the images are checked
    here: of others, nothing is kept.

    Args:
        folder: of the position.
        inputs: the hash of each image file.
    """

    def __init__(self, folder: Path, inputs: dict[str, str]) -> None:
        self._folder, self._inputs = folder / FRAMES, inputs
        self.begun: Begun | None = None
        try:
            known = json.loads((self._folder / BEGUN).read_text(encoding="utf-8"))
            if known.pop("inputs") == inputs:
                self.begun = Begun(**known)
        except (OSError, ValueError, TypeError, KeyError):
            pass  # nothing is kept, or nothing that can be read
        if self.begun is None:
            self.clear()

    def frame(self, t: int) -> Found | None:
        """What was found in a frame, None if it was not reached."""
        if self.begun is None:
            return None
        try:
            with np.load(self._path(t), allow_pickle=False) as parts:
                classes = parts["classes"].astype(np.int32) if "classes" in parts else None
                return Found(parts["labels"].astype(np.int32), parts["scores"], classes)
        except (OSError, ValueError, KeyError, BadZipFile):
            return None

    def keep(self, t: int, found: Found, begun: Begun) -> None:
        """Write down one frame, and what the first one said of all."""
        if self.begun is None:
            write_json(self._folder / BEGUN, {"inputs": self._inputs, **asdict(begun)})
            self.begun = begun
        labels = found.labels.astype(smallest_type(int(found.labels.max(initial=0))))
        parts: dict[str, Any] = {"labels": labels, "scores": found.scores}
        if found.classes is not None:
            parts["classes"] = found.classes.astype(np.uint16)
        with replacing(self._path(t)) as temporary:
            np.savez_compressed(temporary, **parts)

    def clear(self) -> None:
        """Forget all of it, as when the movie is finished."""
        if self._folder.is_dir():
            shutil.rmtree(self._folder)
        self.begun = None

    def _path(self, t: int) -> Path:
        return self._folder / f"{t:06}.npz"


def count_kept(position: Path) -> int:
    """How many frames of an unfinished position are kept."""
    return len(list((position / FRAMES).glob("[0-9]*.npz")))
