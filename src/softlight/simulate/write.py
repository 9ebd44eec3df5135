"""Simulated movies on disk: images, labels, tracks and what the Challenge and COCO ask for."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import tifffile
import tomli_w
from numpy.typing import NDArray

from softlight.io.coco import write_coco
from softlight.io.ctc import CtcTrack, write_ctc_sequence
from softlight.io.files import replacing
from softlight.io.labels import write_labels
from softlight.simulate.movie import SimulatedMovie
from softlight.simulate.scene import Scene, scene_values


def write_simulation(folder: Path | str, movie: SimulatedMovie) -> None:
    """Write a movie and its truth, in every form that the data sets of Softlight have.

    The folder holds ``images/`` and ``labels/`` (one TIFF a frame, the same stems),
    ``annotations.json`` (COCO), ``ctc/01`` and ``ctc/01_GT`` (Cell Tracking Challenge),
    ``tracks.csv`` and ``scene.toml``. The same movie gives the same bytes.
    """
    folder = Path(folder)
    write_paired(folder, movie)
    names = [f"{stem}.tif" for stem in frame_stems(movie.scene)]
    write_coco(folder / "annotations.json", zip(names, movie.labels, strict=True))
    write_ctc_sequence(
        folder / "ctc",
        images=movie.images,
        labels=movie.labels,
        tracks=[
            CtcTrack(track.track_id, track.first_frame, track.last_frame, track.parent_id)
            for track in movie.tracks
        ],
    )
    _write_tracks(folder / "tracks.csv", movie)
    with replacing(folder / "scene.toml") as temporary:
        temporary.write_text(tomli_w.dumps(scene_values(movie.scene)), encoding="utf-8")


def write_paired(folder: Path | str, movie: SimulatedMovie, *, name: str = "sim") -> None:
    """Write only ``images/`` and ``labels/``, as files ``<name>_t000.tif`` and on."""
    folder = Path(folder)
    stems = frame_stems(movie.scene, name=name)
    for stem, image, labels in zip(stems, movie.images, movie.labels, strict=True):
        write_movie_tiff(folder / "images" / f"{stem}.tif", image, movie.scene)
        write_labels(folder / "labels" / f"{stem}.tif", labels)


def frame_stems(scene: Scene, *, name: str = "sim") -> list[str]:
    """The stem of each frame's files."""
    return [f"{name}_t{frame:03d}" for frame in range(scene.frames)]


def write_movie_tiff(path: Path | str, images: NDArray[Any], scene: Scene) -> None:
    """Write one image or a whole (T, Y, X) movie as an ImageJ TIFF with its scale and interval."""
    per_um = 1.0 / scene.pixel_size_um
    says: dict[str, str | float] = {"axes": "TYX"[3 - images.ndim :], "unit": "um"}
    if images.ndim == 3:
        says |= {"finterval": scene.interval_min * 60, "tunit": "s"}
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            images,
            imagej=True,
            resolution=(per_um, per_um),
            compression="zlib",
            compressionargs={"level": 9},
            predictor=False,
            metadata=says,
        )


def _write_tracks(path: Path, movie: SimulatedMovie) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["track_id", "parent_id", "first_frame", "last_frame"])
        for track in movie.tracks:
            table.writerow([track.track_id, track.parent_id, track.first_frame, track.last_frame])
