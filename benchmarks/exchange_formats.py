"""Seconds to write and read a movie of many cells in every exchange format, as a table.

python benchmarks/exchange_formats.py
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from softlight.io.exchange.formats import FORMATS
from softlight.io.exchange.movie import TrackedMovie, locate_cells

SPACING = 16


def crowded(side: int) -> TrackedMovie:
    """Two equal frames of side times side discs."""
    rows, columns = np.mgrid[:SPACING, :SPACING] - (SPACING - 1) / 2
    disc = rows**2 + columns**2 < 49
    numbers = np.arange(1, side * side + 1).reshape(side, side)
    frame = np.kron(numbers, disc).astype(np.int32)
    labels = [frame, frame]
    objects = locate_cells(labels)
    tracks = {"track_id": numbers.ravel(), "parent_id": 0, "first_frame": 0, "last_frame": 1}
    return TrackedMovie(
        name="crowded",
        labels=labels,
        objects=objects.assign(track_id=objects["label"]),
        tracks=pd.DataFrame(tracks),
        pixel_size_um=0.5,
        frame_interval_min=5.0,
    )


def seconds(run: Callable[[], object]) -> tuple[float, object]:
    """The seconds of computing that this takes, and what it gives."""
    before = time.process_time()
    found = run()
    return time.process_time() - before, found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=245, help="Cells along a side of the frame.")
    movie = crowded(parser.parse_args().side)
    print("| format | write (s) | read (s) | masks are the same | peak so far (MB) |")
    print("|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for name, form in FORMATS.items():
            path = Path(folder) / f"{name}{form.suffix}"
            written, _ = seconds(lambda form=form, path=path: form.write(path, movie))
            read, back = seconds(lambda form=form, path=path: form.read(path))
            same = "none held"
            if isinstance(back, TrackedMovie) and back.labels is not None and movie.labels:
                same = "yes" if np.array_equal(back.labels[1], movie.labels[1]) else "NO"
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"| {name} | {written:.1f} | {read:.1f} | {same} | {peak} |", flush=True)


if __name__ == "__main__":
    main()
