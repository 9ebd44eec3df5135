"""Training and running one tool in its environment; what is finished is not done again."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.environments import PeerError, python_of
from peers.rounds import Round, write_samples
from softlight.config import to_toml
from softlight.data.samples import Sample
from softlight.io.files import replacing
from softlight.recipes.library import load_recipe

RUNNERS = Path(__file__).parent / "runners"
TRAINED, ASKED, PREDICTED = "trained.json", "asked.json", "predicted.json"
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Terms:
    """What is alike for every tool, and where the tools live."""

    minutes: float
    recipe: str
    threads: int
    seed: int
    cache: Path
    optimizer: str = "sgd"  # of Cellpose
    note: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Model:
    """A model of one tool that can be run."""

    tool: str
    path: Path
    settings: Mapping[str, Any]
    pretrained: bool = False


def trained_model(tool: str, part: Round, out: Path, terms: Terms) -> tuple[Model, dict[str, Any]]:
    """The tool's model of this round and what its training took, trained now if it was not yet."""
    folder = out / part.name / tool
    result = folder / TRAINED
    asked = {
        "train": [sample.name for sample in part.train],
        "held_out": [sample.name for sample in part.held_out],
        "minutes": terms.minutes,
        "threads": terms.threads,
        "seed": terms.seed,
        "recipe": to_toml(load_recipe(terms.recipe)) if tool == "softlight" else None,
        "optimizer": terms.optimizer if tool == "cellpose" else None,
    }
    _check_same(folder, asked)
    if not result.is_file():
        shutil.rmtree(folder / "model", ignore_errors=True)  # of a run that was broken off
        terms.note(f"{part.name}: {tool} trains for {terms.minutes:g} minutes")
        data = out / part.name / "train"
        write_samples(data, (*part.train, *part.held_out))
        job = asked | {
            "data": str(data.absolute()),
            "tune": [sample.name for sample in part.tune],
            "model": str((folder / "model").absolute()),
            "pretrained": False,
            "recipe": terms.recipe,
        }
        wall_s = _call(tool, "train", folder, job, result, terms)
        _add(result, {"wall_s": wall_s})
    found = json.loads(result.read_text(encoding="utf-8"))
    settings = found["settings"] if tool == "cellpose" else {}
    return Model(tool, folder / "model", settings), found


def predicted(
    model: Model,
    samples: Sequence[Sample],
    folder: Path,
    data: Path,
    terms: Terms,
    *,
    repeats: int = 1,
    warm_up: bool = True,
) -> dict[str, Any]:
    """Seconds of each image; their labels are in ``labels/`` in the folder, found anew.

    What is there is thrown away: times of another day are of another machine, and a model of the
    same name may be another one.

    Args:
        model: of which tool, and where.
        samples: the images.
        folder: of this prediction.
        data: of ``images/``, where the images are put.
        terms: threads and environments.
        repeats: how often each image is segmented.
        warm_up: segment the first image once more, before the clock runs.
    """
    shutil.rmtree(folder, ignore_errors=True)
    result = folder / PREDICTED
    write_samples(data, samples)
    images = [str((data / "images" / f"{s.name}.tif").absolute()) for s in samples]
    job = {
        # A shipped model of Softlight is a name, no path.
        "model": str(model.path.absolute() if model.path.exists() else model.path),
        "pretrained": model.pretrained,
        "settings": dict(model.settings),
        "images": images,
        "repeats": repeats,
        "warm_up": warm_up,
        "threads": terms.threads,
        "out": str((folder / "labels").absolute()),
    }
    wall_s = _call(model.tool, "predict", folder, job, result, terms)
    _add(result, {"wall_s": wall_s})
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def _check_same(folder: Path, asked: Mapping[str, Any]) -> None:
    """Raise where the folder holds a run of other images or settings; else note what it is of."""
    path = folder / ASKED
    if path.is_file() and (folder / TRAINED).is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key, value in asked.items() if before.get(key) != value]
        if other:
            raise PeerError(
                f"{folder} holds a run with other {', '.join(other)}. Give the same options to go "
                "on, or another --out."
            )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(dict(asked), indent=2), encoding="utf-8")


def _call(
    tool: str, verb: str, folder: Path, job: Mapping[str, Any], result: Path, terms: Terms
) -> float:
    """Seconds that the runner took, start to end; its words go to a log in the folder."""
    python = python_of(tool, terms.cache, note=terms.note)
    folder.mkdir(parents=True, exist_ok=True)
    path, log = folder / f"{verb}-job.json", folder / f"{verb}.log"
    path.write_text(
        json.dumps({**job, "result": str(result.absolute())}, indent=2), encoding="utf-8"
    )
    with log.open("wb") as words:
        began = time.time()
        done = subprocess.run(
            [str(python), str(RUNNERS / f"run_{tool}.py"), verb, str(path.absolute())],
            env=_environment(tool, terms.threads, folder) | {"PEERS_STARTED": repr(began)},
            stdout=words,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode or not result.is_file():
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise PeerError(f"{tool} could not {verb}: {' '.join(last)} The whole of it is in {log}.")
    return time.time() - began


def _environment(tool: str, threads: int, folder: Path) -> dict[str, str]:
    """The surroundings of a runner: so many threads, no graphics card, nothing kept at home."""
    limits = dict.fromkeys(_THREADS, str(threads))
    ours = {} if tool == "softlight" else {"PYTHONPATH": ""}  # a peer has its own packages
    return {
        **os.environ,
        **limits,
        **ours,
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CELLPOSE_LOCAL_MODELS_PATH": str(folder.absolute()),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _add(path: Path, values: Mapping[str, Any]) -> None:
    """Put more values into a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8")) | dict(values)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")
