"""The exchange formats by name, and which of them a file or folder is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from softlight.io.ctc import find_tracks_file
from softlight.io.errors import reading
from softlight.io.exchange.coco import read_coco_movie, write_coco_movie
from softlight.io.exchange.ctc import read_ctc, write_ctc
from softlight.io.exchange.geff import write_geff
from softlight.io.exchange.geff_read import find_geff, read_geff
from softlight.io.exchange.geojson import read_geojson, write_geojson
from softlight.io.exchange.movie import ExchangeError, TrackedMovie
from softlight.io.exchange.napari import GRAPH, TABLE, read_napari, write_napari
from softlight.io.exchange.ome_zarr import read_ome_zarr_labels, write_ome_zarr_labels
from softlight.io.exchange.roi import read_roi, write_roi
from softlight.io.exchange.run_folder import is_run_folder
from softlight.io.exchange.tables import read_tables, write_csv, write_parquet
from softlight.io.exchange.trackmate import write_trackmate
from softlight.io.exchange.trackmate_read import read_trackmate
from softlight.io.sniff import is_zarr

Reader = Callable[[Path], TrackedMovie]
Writer = Callable[[Path, TrackedMovie], tuple[str, ...]]


@dataclass(frozen=True)
class Format:
    """How one format is read and written. The writer returns what the format could not hold."""

    read: Reader
    write: Writer
    description: str
    suffix: str  # of its file; "" for a folder
    needs_tracks: bool = False
    needs_masks: bool = True


FORMATS = {
    "ctc": Format(
        read_ctc, write_ctc, "Cell Tracking Challenge result folder", "", needs_tracks=True
    ),
    "geff": Format(
        read_geff,
        write_geff,
        "graph exchange file format (zarr)",
        ".zarr",
        needs_tracks=True,
        needs_masks=False,
    ),
    "trackmate": Format(
        read_trackmate,
        write_trackmate,
        "TrackMate XML, for Fiji",
        ".xml",
        needs_tracks=True,
        needs_masks=False,
    ),
    "napari": Format(
        read_napari,
        write_napari,
        "napari tracks: CSV and graph",
        "",
        needs_tracks=True,
        needs_masks=False,
    ),
    "geojson": Format(read_geojson, write_geojson, "GeoJSON, for QuPath", ".geojson"),
    "roi": Format(read_roi, write_roi, "ImageJ ROI set", ".zip"),
    "coco": Format(read_coco_movie, write_coco_movie, "COCO annotations", ".json"),
    "ome-zarr": Format(
        read_ome_zarr_labels, write_ome_zarr_labels, "OME-Zarr label image", ".ome.zarr"
    ),
    "csv": Format(read_tables, write_csv, "tables as CSV, masks as TIFF", "", needs_masks=False),
    "parquet": Format(
        read_tables, write_parquet, "tables as Parquet, masks as TIFF", "", needs_masks=False
    ),
}


def find_format(name: str) -> Format:
    """The format of this name; an ExchangeError that lists the names where there is none."""
    if name not in FORMATS:
        raise ExchangeError(f"There is no format {name!r}; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def recognise(path: Path | str) -> str:
    """The name of the format that a file or folder has, by what it holds.

    ``run`` is the folder of an analysis or of tables, ``labels`` are plain label images.
    """
    path = Path(path)
    with reading(path, "file"):
        if not path.exists():
            raise ExchangeError(f"{path} does not exist; check the path.")
        if path.is_dir():
            return _folder_format(path)
        with path.open("rb") as file:
            head = file.read(4096)
    if not head:
        raise ExchangeError(f"{path.name} is empty (0 bytes); copy it again from the source.")
    if head.startswith((b"PK\3\4", b"PK\5\6", b"Iout")):
        return "roi"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") or head.startswith((b"\xff\xfe<", b"\xfe\xff\0<")):
        return "trackmate"
    if start.startswith((b"{", b"[")):
        return _json_format(path, start)
    if path.suffix.lower() == ".csv":
        return "napari"
    return "labels"


def _folder_format(path: Path) -> str:
    if is_zarr(path):
        return "geff" if find_geff(path) else "ome-zarr"
    if find_tracks_file(path):
        return "ctc"
    if (path / TABLE).is_file() and (path / GRAPH).is_file():
        return "napari"
    return "run" if is_run_folder(path) else "labels"


def _json_format(path: Path, start: bytes) -> str:
    if path.suffix.lower() == ".geojson" or b'"Feature' in start or start.startswith(b"["):
        return "geojson"
    return "coco"
