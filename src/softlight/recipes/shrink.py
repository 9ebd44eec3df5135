"""Keep movies small: fewer pixels and bits, with the way back to the grid that they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softlight.config import ConfigError
from softlight.data.degradation import coarse_shape, shrunk
from softlight.io.images import ImageError, Movie, find_images, open_movie
from softlight.io.shrunk import Compression, Origin, read_origin, write_shrunk
from softlight.io.strict_json import write_json
from softlight.recipes.provenance import stamp
from softlight.recipes.segment import Reading, output_names

LEAST_PX = 8  # of a side; what is smaller shows nothing
_MOST_BITS = 16


@dataclass
class ShrunkFile:
    """What became of one file.

    Attributes:
        source: the file, or folder of frames.
        path: the smaller one; None where that failed.
        bytes_before: on disk.
        bytes_after: the same of the smaller one.
        shape: (T, Y, X[, C]) of the smaller one.
        notes: what a careful person would say.
        error: why it failed.
    """

    source: Path
    path: Path | None = None
    bytes_before: int = 0
    bytes_after: int = 0
    shape: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)
    error: str | None = None

    def line(self) -> str:
        """What became of it, for the terminal."""
        if self.error or self.path is None:
            return f"{self.source.name}: failed"
        share = self.bytes_after / self.bytes_before if self.bytes_before else 1.0
        size = f"{self.shape[0]} x {self.shape[1]} x {self.shape[2]}"
        return (
            f"{self.source.name}: {self.path.name}, {size}, {self.bytes_after / 1e6:.3g} MB, "
            f"{share:.1%} of {self.bytes_before / 1e6:.3g} MB"
        )


def shrink(
    inputs: Sequence[Path],
    out: Path,
    *,
    factor: float = 0.25,
    bits: int = 8,
    compression: Compression = "deflate",
    reading: Reading | None = None,
    as_movies: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[ShrunkFile]:
    """Every input on a coarser grid, as OME-TIFF in ``out``; one bad file does not stop the rest.

    ``shrunk.json`` says what was done. Such a movie is segmented and analysed as any other; its
    masks come on the grid that it was taken on with ``--grid fine``.

    Args:
        inputs: image files, movies, or folders of them.
        out: folder of the smaller ones.
        factor: share of the resolution that is kept along a line.
        bits: levels of grey are 2 to the power of this, over the range of each movie.
        compression: of what is written.
        reading: what the files do not say themselves.
        as_movies: each folder is one movie, the files in it its frames.
        progress: told (file name, frames done, frames in all).
    """
    if not 0 < factor <= 1:
        raise ConfigError(
            f"The factor is {factor:g}; it is the share of the resolution that is kept, above 0 "
            "and at most 1: 0.25 for a quarter."
        )
    if not 1 <= bits <= _MOST_BITS:
        raise ConfigError(f"{bits} bits were asked for; 1 to {_MOST_BITS} can be kept.")
    files = [Path(path) for path in inputs] if as_movies else find_images(inputs)
    results = []
    for path, name in zip(files, output_names(files), strict=True):
        target = out / f"{name.removesuffix('.ome')}.ome.tif"
        result = ShrunkFile(path)
        try:
            _shrink_one(result, target, (factor, bits, compression), reading or Reading(), progress)
        except (ImageError, ValueError, OSError, MemoryError) as error:
            result.error = str(error) or f"{type(error).__name__} while shrinking"
        results.append(result)
    _write_summary(results, out, factor=factor, bits=bits, compression=compression)
    return results


def _shrink_one(
    result: ShrunkFile,
    target: Path,
    how: tuple[float, int, Compression],
    reading: Reading,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    factor, bits, compression = how
    path = result.source
    if target.resolve() == path.resolve():
        raise ConfigError(f"The smaller movie would replace {path}. Give --out another folder.")
    movie = open_movie(path, **asdict(reading))
    _check(movie, path)
    shape = coarse_shape((movie.shape[1], movie.shape[2]), factor)
    if min(shape) < LEAST_PX:
        raise ConfigError(
            f"{path.name} has {movie.shape[1]} x {movie.shape[2]} pixels; {factor:g} of the "
            f"resolution would leave {shape[0]} x {shape[1]}, and at least {LEAST_PX} a side are "
            "needed."
        )
    levels, offset, step = _levels(movie, shape, bits)
    kept = np.sqrt(shape[0] * shape[1] / (movie.shape[1] * movie.shape[2]))
    origin = Origin(
        height=movie.shape[1],
        width=movie.shape[2],
        offset=offset,
        step=step,
        source=path.name,
        sha256=_hash(path),
    )

    def stored() -> Iterator[NDArray[Any]]:
        for t in range(len(movie)):
            values = np.rint((_coarse(movie, t, shape).astype(np.float64) - offset) / step)
            yield np.clip(values, 0, levels - 1).astype(kind)
            if progress is not None:
                progress(path.name, t + 1, len(movie))

    kind = np.dtype(np.uint8 if levels <= 256 else np.uint16)
    result.shape = (len(movie), *shape, *movie.shape[3:])
    write_shrunk(
        target,
        stored(),
        origin,
        shape=result.shape,
        dtype=kind,
        pixel_size_um=None if movie.pixel_size_um is None else float(movie.pixel_size_um / kept),
        frame_interval_min=movie.frame_interval_min,
        compression=compression,
    )
    result.path = target
    result.bytes_before, result.bytes_after = size_of(path), size_of(target)
    if not origin.keeps_values:
        result.notes.append(
            f"{path.name}: grey values are stored as (value - {offset:.6g}) / {step:.6g}; "
            "brightness measured on the smaller movie is in these units."
        )
    if result.bytes_after >= result.bytes_before:
        result.notes.append(f"{path.name}: the smaller movie takes no less room than the file.")


def _check(movie: Movie, path: Path) -> None:
    if movie.missing:
        raise ConfigError(
            f"{path.name} lacks frame {movie.missing[0]}; a movie with holes cannot be shrunk."
        )
    if path.is_file() and read_origin(path) is not None:
        raise ConfigError(f"{path.name} was shrunk already; shrink the movie that it came from.")


def _coarse(movie: Movie, t: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """One frame on the coarse grid, each pixel the mean of what it covers."""
    frame = movie.frame(t)
    planes = frame if frame.ndim == 2 else np.moveaxis(frame, 2, 0)
    small = shrunk(planes.astype(np.float32), shape)
    return small if frame.ndim == 2 else np.moveaxis(small, 0, 2)


def _levels(movie: Movie, shape: tuple[int, int], bits: int) -> tuple[int, float, float]:
    """(number of levels, value of the lowest, values from one to the next) for the whole movie.

    Whole numbers that fit are kept as they are.
    """
    if movie.dtype.kind == "u" and 8 * movie.dtype.itemsize <= bits:
        return 2 ** (8 * movie.dtype.itemsize), 0.0, 1.0
    low, high = np.inf, -np.inf
    for t in range(len(movie)):
        frame = _coarse(movie, t, shape)
        low, high = min(low, float(frame.min())), max(high, float(frame.max()))
    levels = 2**bits
    if movie.dtype.kind == "u" and high < levels:
        return levels, 0.0, 1.0
    return levels, low, (high - low) / (levels - 1) if high > low else 1.0


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _hash(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_summary(results: Sequence[ShrunkFile], out: Path, **settings: object) -> None:
    files = [
        {
            **asdict(one),
            "source": str(one.source),
            "path": None if one.path is None else one.path.name,
        }
        for one in results
    ]
    write_json(out / "shrunk.json", {"provenance": stamp(), "settings": settings, "files": files})
