"""Labels that are there already, followed through time: tables and a Challenge result folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.config import ConfigError
from softlight.data.samples import counted
from softlight.io.errors import ImageError
from softlight.io.exchange.ctc import write_ctc
from softlight.io.exchange.movie import TrackedMovie
from softlight.io.exchange.run_folder import CLAIM
from softlight.io.labels import label_writer
from softlight.io.strict_json import write_json
from softlight.io.tables import write_table
from softlight.measure.morphology import measure_frame
from softlight.recipes.analysis.state import claim, hashes
from softlight.recipes.apart import keep_apart
from softlight.recipes.families import write_families
from softlight.recipes.given_frames import given_frames
from softlight.recipes.mending import not_mended
from softlight.recipes.provenance import stamp
from softlight.recipes.trackers import Other, linker_of
from softlight.track.lineage import build_lineage, division_table
from softlight.track.movie import Tracked, track_cells
from softlight.track.repair import COLUMNS as EDIT_COLUMNS
from softlight.track.repair import repair
from softlight.track.settings import LinkSettings

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class TrackedFolder:
    """What was found in one movie of labels."""

    name: str
    frames: int
    tracked: Tracked
    divisions: pd.DataFrame
    edits: pd.DataFrame
    notes: tuple[str, ...]  # what to be careful of

    def line(self) -> str:
        """What was found, for the terminal."""
        tracks = self.tracked.tracks
        whole = (tracks["first_frame"] == 0) & (tracks["last_frame"] == self.frames - 1)
        return (
            f"{self.name}: {counted(self.frames, 'frame')}, "
            f"{counted(len(self.tracked.objects), 'cell')} in {counted(len(tracks), 'track')}, "
            f"{counted(len(self.divisions), 'division')}, "
            f"{counted(int(whole.sum()), 'track')} from the first frame to the last, "
            f"{counted(len(self.edits), 'repair')}"
        )


def track_folder(
    path: Path,
    out: Path,
    *,
    settings: LinkSettings | None = None,
    mend: bool = True,
    pixel_size_um: float | None = None,
    frame_interval_min: float | None = None,
    other: Other | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TrackedFolder:
    """Cells of a movie of labels followed; tables, labels and ``01_RES/`` go to ``out``.

    A frame that the names of the files leave out stays a gap. The same may be done again into the
    same folder; anything else there is not touched.

    Args:
        path: a stack of label images, a folder of them, or a Challenge folder of masks.
        out: the folder to write.
        settings: how cells are linked.
        mend: whether cells merged or split in one frame only are mended.
        pixel_size_um: side of a pixel, if it is known.
        frame_interval_min: time between frames; None: what the names of the files say.
        other: the tracker of others that links in place of Softlight's.
        progress: told (frames done, frames in all) while cells are measured.
    """
    if pixel_size_um is not None and not 0 < pixel_size_um < math.inf:
        raise ConfigError(
            f"The pixel size is {pixel_size_um:g}; it must be above 0. Leave it out or mend it."
        )
    settings = settings or LinkSettings()
    given = given_frames(path, interval_min=frame_interval_min)
    labels = given.labels
    pictures = other.images_for(labels) if other else None
    facts: dict[str, Any] = {
        "pixel_size_um": pixel_size_um,
        "frame_interval_min": given.interval_min,
        "tracker": other.name if other else "softlight",
    }
    plan = _plan(path, settings, facts | {"repair": mend, "images": other and other.images})
    _spare(path, out, plan)
    objects = _measured(labels, pixel_size_um, progress)

    def followed(objects: pd.DataFrame, labels: Sequence[Labels]) -> Tracked:
        linker = linker_of(other.name, labels=labels, images=pictures) if other else None
        return track_cells(
            objects, labels=labels, settings=settings, missing=given.missing, linker=linker
        )

    tracked = followed(objects, labels)
    edits = pd.DataFrame(columns=EDIT_COLUMNS)
    wrong: list[str] = []
    if not mend:
        wrong = not_mended(movie_name(path), labels, tracked)
    else:
        repaired = repair(labels, tracked)
        labels, edits = repaired.labels, repaired.edits
        if len(edits):
            objects = _measured_again(objects, labels, edits, pixel_size_um)
            tracked = followed(objects, labels)
    divisions = division_table(build_lineage(tracked.tracks), frame_interval_min=given.interval_min)
    notes = (*given.notes, *tracked.notes, *wrong)
    found = TrackedFolder(movie_name(path), len(labels), tracked, divisions, edits, notes)
    claim(out, plan, resume=True)
    _write(found, labels, out)
    _write_run(found, out, settings, facts | {"missing": list(given.missing)})
    return found


def _plan(path: Path, settings: LinkSettings, facts: dict[str, Any]) -> dict[str, Any]:
    """All that decides the tracks."""
    return {
        "verb": "track",
        "labels": str(path.resolve()),
        "labels_sha256": hashes([path])[str(path)],
        "settings": asdict(settings),
        **{name: str(fact) if isinstance(fact, Path) else fact for name, fact in facts.items()},
        "softlight": stamp()["softlight"],
    }


def _spare(path: Path, out: Path, plan: dict[str, Any]) -> None:
    """Raise before anything is done if the results would replace what is read, or another run."""
    keep_apart([path], out, whole=[path] if path.is_dir() else [])
    target = _target(out, movie_name(path))
    strangers = [file.name for file in target.parent.glob("*.tif") if file != target]
    if strangers:
        raise ImageError(
            f"{out} holds another run, with labels/{strangers[0]}; give --out a new folder."
        )
    if (out / CLAIM).is_file():
        claim(out, plan, resume=True)
    elif (out / "run.json").is_file():
        raise ImageError(f"{out} holds another run; give --out a new folder.")


def _target(out: Path, name: str) -> Path:
    return out / "labels" / f"{name}.tif"


def movie_name(path: Path) -> str:
    """What the results of these labels are called."""
    return path.resolve().name.split(".")[0] or "movie"


def _measured(
    labels: Sequence[Labels],
    pixel_size_um: float | None,
    progress: Callable[[int, int], None] | None,
) -> pd.DataFrame:
    tables = []
    size: tuple[int, ...] | None = None
    for frame in range(len(labels)):
        plane = labels[frame]
        size = plane.shape if size is None else size
        if plane.shape != size:
            raise ImageError(
                f"Frame {frame} is {plane.shape[0]}×{plane.shape[1]} where the first is "
                f"{size[0]}×{size[1]}; the frames of a movie have one size."
            )
        tables.append(measure_frame(plane, frame=frame, pixel_size_um=pixel_size_um))
        if progress is not None:
            progress(frame + 1, len(labels))
    return pd.concat(tables, ignore_index=True)


def _measured_again(
    objects: pd.DataFrame,
    labels: Sequence[Labels],
    edits: pd.DataFrame,
    pixel_size_um: float | None,
) -> pd.DataFrame:
    """The objects with those of mended frames measured anew."""
    changed = sorted(set(edits["frame"].tolist()))
    tables = [objects[~objects["frame"].isin(changed)]]
    tables += [measure_frame(labels[t], frame=t, pixel_size_um=pixel_size_um) for t in changed]
    return pd.concat(tables, ignore_index=True).sort_values(["frame", "label"], ignore_index=True)


def _write(found: TrackedFolder, labels: Sequence[Labels], out: Path) -> None:
    tables = {
        "objects": found.tracked.objects,
        "tracks": found.tracked.tracks,
        "divisions": found.divisions,
        "merges": found.tracked.merges,
        "drift": found.tracked.drift,
        "edits": found.edits,
    }
    for name, table in tables.items():
        write_table(out / name, table)
    write_families(out / "lineage.nwk", found.tracked.tracks)
    with label_writer(_target(out, found.name)) as add:
        for plane in labels:
            add(plane)
    result = out / "01_RES"
    for old in [*result.glob("mask*.tif"), *result.glob("res_track.txt")]:
        old.unlink()  # else frames of a longer movie would stay
    write_ctc(
        result,
        TrackedMovie(
            name=found.name,
            labels=labels,
            objects=found.tracked.objects,
            tracks=found.tracked.tracks,
        ),
    )


def _write_run(
    found: TrackedFolder, out: Path, settings: LinkSettings, facts: dict[str, Any]
) -> None:
    run = {
        "provenance": stamp(),
        "name": found.name,
        "frames": found.frames,
        **facts,
        "link": asdict(settings),
        "learned": found.tracked.learned,
        "notes": list(found.notes),
    }
    write_json(out / "run.json", run)
