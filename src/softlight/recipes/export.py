"""Cells and tracks handed to other programs, and what those wrote brought back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from softlight.data.samples import counted
from softlight.io.errors import reading
from softlight.io.exchange.checks import ready
from softlight.io.exchange.formats import FORMATS, Format, find_format, recognise
from softlight.io.exchange.movie import (
    ExchangeError,
    TrackedMovie,
    frame_count,
    with_micrometres,
)
from softlight.io.exchange.ome_zarr import write_ome_zarr_labels
from softlight.io.exchange.run_folder import movies_of_run, read_run
from softlight.io.folder import open_folder_or_file
from softlight.io.labels import open_label_movie
from softlight.io.zarr import Version
from softlight.recipes.apart import keep_apart


@dataclass(frozen=True)
class Exported:
    """One movie that was written: where, what it holds, and what the format could not hold."""

    name: str
    path: Path
    frames: int
    cells: int
    tracks: int | None
    notes: tuple[str, ...]

    def line(self) -> str:
        """What was written, for the terminal."""
        tracks = "" if self.tracks is None else f", {counted(self.tracks, 'track')}"
        held = f"{counted(self.frames, 'frame')}, {counted(self.cells, 'cell')}{tracks}"
        return f"{self.name}: {held} → {self.path}"


def export(
    source: Path | str,
    to: str,
    out: Path | str,
    *,
    source_format: str | None = None,
    movie: str | None = None,
    pixel_size_um: float | None = None,
    frame_interval_min: float | None = None,
    ome_zarr: Version = "0.5",
) -> list[Exported]:
    """Write the movies of a run folder, label images or a file of any format in another format.

    Args:
        source: a folder of ``softlight analyze`` or ``segment``, label images, or a file or
            folder in any of the formats.
        to: the name of the format to write.
        out: the file or folder to write; of several movies, a folder with one for each.
        source_format: the format of the source, where it should not be recognised.
        movie: the one movie of a run to take.
        pixel_size_um: overrides what the source says.
        frame_interval_min: overrides what the source says.
        ome_zarr: the version of OME-Zarr, where that is written.
    """
    source, out = Path(source), Path(out)
    target = find_format(to)
    _spare(out)
    _check_sizes(pixel_size_um=pixel_size_um, frame_interval_min=frame_interval_min)
    kind = source_format or recognise(source)
    if kind in ("csv", "parquet"):
        kind = "run"  # they have the same layout
    if kind != "run" and source.is_dir():
        keep_apart([], out, whole=[source])  # beside the tables of a run, nothing is mistaken
    names: list[str | None] = [movie]
    if kind == "run" and movie is None:
        names = list(movies_of_run(source))
    elif kind != "run" and movie is not None:
        raise ExchangeError(f"{source} is one movie; only run folders have several to choose from.")
    written = []
    for name in names:
        tracked = _read(source, kind, name)
        tracked = _resized(tracked, pixel_size_um, frame_interval_min)
        tracked = ready(tracked, tracks=target.needs_tracks, masks=target.needs_masks)
        place = out / f"{tracked.name}{target.suffix}" if len(names) > 1 else out
        written.append(_write(tracked, target, place, ome_zarr))
    return written


def _spare(out: Path) -> None:
    """Raise before anything is written if something is there already."""
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ExchangeError(f"{out} is there already; give --out another name, or delete it.")


def _check_sizes(**sizes: float | None) -> None:
    for name, value in sizes.items():
        if value is not None and not 0 < value < float("inf"):
            raise ExchangeError(f"{name}={value} is not a size; give a number above 0.")


def _read(source: Path, kind: str, movie: str | None) -> TrackedMovie:
    if kind == "run":
        return read_run(source, movie=movie)
    if kind == "labels":
        return read_plain_labels(source)
    return find_format(kind).read(source)


def read_plain_labels(path: Path) -> TrackedMovie:
    """Label images without tables: a file, or a folder of numbered ones."""
    labels = open_label_movie(path)
    with reading(path, "label image"):
        layout = open_folder_or_file(path).layout
    return TrackedMovie(
        name=path.name.removesuffix(path.suffix).removesuffix(".ome") or path.name,
        labels=labels,
        pixel_size_um=layout.pixel_size_um,
        frame_interval_min=layout.frame_interval_min,
    )


def _resized(
    tracked: TrackedMovie, pixel_size_um: float | None, frame_interval_min: float | None
) -> TrackedMovie:
    """The movie with the sizes that were given, and no column in µm of another pixel size."""
    objects, notes = tracked.objects, tracked.notes
    if pixel_size_um and pixel_size_um != tracked.pixel_size_um and objects is not None:
        old = [column for column in objects if "_um" in str(column)]
        objects = with_micrometres(objects.drop(columns=old), pixel_size_um)
        gone = [str(column) for column in old if column not in objects]
        if gone:
            notes += (f"{', '.join(gone)} were of another pixel size and were left out.",)
    return replace(
        tracked,
        objects=objects,
        pixel_size_um=pixel_size_um or tracked.pixel_size_um,
        frame_interval_min=frame_interval_min or tracked.frame_interval_min,
        notes=notes,
    )


@contextmanager
def _whole(place: Path, *, folder: bool) -> Iterator[Path]:
    """Where to write: files as they are, a folder under another name until it is complete."""
    if not folder:
        yield place
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as temporary:
        inside = Path(temporary) / place.name
        inside.mkdir()
        yield inside
        if place.is_dir():
            place.rmdir()  # it is empty, else it would not have come so far
        inside.rename(place)


def _write(tracked: TrackedMovie, target: Format, place: Path, version: Version) -> Exported:
    if target is FORMATS["ome-zarr"]:
        notes = write_ome_zarr_labels(place, tracked, version=version)
    else:
        with _whole(place, folder=not target.suffix) as inside:
            notes = target.write(inside, tracked)
    assert tracked.objects is not None
    return Exported(
        name=tracked.name,
        path=place,
        frames=frame_count(tracked),
        cells=len(tracked.objects),
        tracks=None if tracked.tracks is None else len(tracked.tracks),
        notes=(*tracked.notes, *notes),
    )
