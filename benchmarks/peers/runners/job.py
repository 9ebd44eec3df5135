"""What every runner does alike: its job is a JSON file, its images are TIFF files, so are labels.

A runner works in the environment of its own tool, so this knows nothing but numpy and tifffile.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

# Set by who starts a runner: imports that take seconds are a part of loading.
STARTED = float(os.environ.get("PEERS_STARTED", time.time()))


def read_job() -> tuple[str, dict[str, Any]]:
    """The verb (train or predict) and the job that the command line names."""
    verb, path = sys.argv[1:]
    return verb, json.loads(Path(path).read_text(encoding="utf-8"))


def write_result(job: dict[str, Any], result: dict[str, Any]) -> None:
    """Write what was measured to where the job wants it, whole or not at all."""
    path = Path(job["result"])
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(result, indent=2), encoding="utf-8")
    temporary.replace(path)


def read_pairs(folder: str, names: list[str]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The images and the labels of these names in a folder with ``images/`` and ``labels/``."""
    images = [tifffile.imread(Path(folder, "images", f"{name}.tif")) for name in names]
    labels = [tifffile.imread(Path(folder, "labels", f"{name}.tif")) for name in names]
    return images, labels


def predict(
    job: dict[str, Any],
    load: Callable[[], Any],
    segment_file: Callable[[Any, Path, Path], Any],
) -> dict[str, Any]:
    """Seconds to start and load, and of every image from its file to the file of its labels.

    Args:
        job: ``images``, ``out``, ``repeats`` and ``warm_up``.
        load: Imports what is needed and gives the model.
        segment_file: Reads an image, finds its cells and writes them, all of it timed.
    """
    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    model = load()
    load_s = time.time() - STARTED
    images = [Path(path) for path in job["images"]]
    if job["warm_up"]:  # compilers and caches of every tool work on the first image
        segment_file(model, images[0], out / images[0].name)
    seconds: dict[str, list[float]] = {}
    for path in images:
        for _ in range(job["repeats"]):
            began = time.perf_counter()
            segment_file(model, path, out / path.name)
            seconds.setdefault(path.stem, []).append(time.perf_counter() - began)
    return {"load_s": load_s, "seconds": seconds}


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write labels losslessly, as every tool here does."""
    tifffile.imwrite(path, labels.astype(np.int32), compression="zlib")
