"""Labels that are there already, followed through time: tables and a Challenge result folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from softlight.data.samples import counted
from softlight.io.ctc import read_ctc_result
from softlight.io.errors import ImageError
from softlight.io.exchange.ctc import write_ctc
from softlight.io.exchange.movie import TrackedMovie
from softlight.io.files import replacing
from softlight.io.labels import LazyFrames, label_writer, open_label_movie, read_labels
from softlight.io.tables import write_table
from softlight.measure.morphology import measure_frame
from softlight.recipes.apart import keep_apart
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

    Args:
        path: a stack of label images, a folder of them, or a Challenge folder of masks.
        out: the folder to write.
        settings: how cells are linked.
        mend: whether cells merged or split in one frame only are mended.
        pixel_size_um: side of a pixel, if it is known.
        frame_interval_min: time between frames, if it is known.
        other: the tracker of others that links in place of Softlight's.
        progress: told (frames done, frames in all) while cells are measured.
    """
    labels = open_any_labels(path)
    pictures = other.images_for(labels) if other else None
    keep_apart([path], out, whole=[path] if path.is_dir() else [])
    target = out / "labels" / f"{movie_name(path)}.tif"
    strangers = [file.name for file in target.parent.glob("*.tif") if file != target]
    if strangers:
        raise ImageError(
            f"{out} holds another run, with labels/{strangers[0]}; give --out a new folder."
        )
    objects = _measured(labels, pixel_size_um, progress)

    def followed(objects: pd.DataFrame, labels: Sequence[Labels]) -> Tracked:
        linker = linker_of(other.name, labels=labels, images=pictures) if other else None
        return track_cells(objects, labels=labels, settings=settings, linker=linker)

    tracked = followed(objects, labels)
    edits = pd.DataFrame(columns=EDIT_COLUMNS)
    if mend:
        repaired = repair(labels, tracked)
        labels, edits = repaired.labels, repaired.edits
        if len(edits):
            objects = _measured_again(objects, labels, edits, pixel_size_um)
            tracked = followed(objects, labels)
    divisions = division_table(build_lineage(tracked.tracks), frame_interval_min=frame_interval_min)
    found = TrackedFolder(movie_name(path), len(labels), tracked, divisions, edits)
    _write(found, labels, target, out)
    facts: dict[str, float | str | None] = {
        "pixel_size_um": pixel_size_um,
        "frame_interval_min": frame_interval_min,
        "tracker": other.name if other else "softlight",
    }
    _write_run(found, out, settings or LinkSettings(), facts)
    return found


def open_any_labels(path: Path) -> Sequence[Labels]:
    """The label images of a stack, of a folder of frames or of a Challenge folder, lazily."""
    if path.is_dir():
        if any((path / name).is_file() for name in ("res_track.txt", "man_track.txt")):
            masks = read_ctc_result(path).masks
            return LazyFrames(len(masks), lambda t: read_labels(masks[t]))
        for below in (path / "TRA", path / "labels"):  # 01_GT, a run of softlight segment
            if below.is_dir():
                return open_any_labels(_only_stack(below))
    return open_label_movie(path)


def _only_stack(folder: Path) -> Path:
    """The one movie in the labels of a run; the folder itself where they are its frames."""
    files = sorted(file for file in folder.glob("*.tif") if not file.name.startswith("."))
    if folder.name == "labels" and len(files) == 1:
        return files[0]
    return folder


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


def _write(found: TrackedFolder, labels: Sequence[Labels], target: Path, out: Path) -> None:
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
    with label_writer(target) as add:
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
    found: TrackedFolder,
    out: Path,
    settings: LinkSettings,
    facts: dict[str, float | str | None],
) -> None:
    run = {
        "provenance": stamp(),
        "name": found.name,
        "frames": found.frames,
        **facts,
        "link": asdict(settings),
        "learned": found.tracked.learned,
        "notes": list(found.tracked.notes),
    }
    with replacing(out / "run.json") as temporary:
        temporary.write_text(json.dumps(run, indent=2), encoding="utf-8")
