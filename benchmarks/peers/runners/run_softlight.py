"""Softlight, by its own commands: see benchmarks/README.md."""

import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from job import predict, read_job, write_result

PROGRAM = [sys.executable, "-c", "from softlight.apps.cli import main; main()"]


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Train for the minutes, by the command, and say how long that took."""
    words = ["train", job["recipe"], "--data", job["data"], "--out", job["model"]]
    words += ["--minutes", str(job["minutes"]), "--seed", str(job["seed"]), "--device", "cpu"]
    if job["held_out"]:
        words += ["--validation", ",".join(job["held_out"])]
    else:
        words += ["--set", "data.validation_fraction=0.0"]
    began = time.perf_counter()
    done = subprocess.run([*PROGRAM, *words], check=False)
    if done.returncode:
        sys.exit(done.returncode)  # it has said why
    whole = time.perf_counter() - began
    with Path(job["model"], "training", "history.csv").open(encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    trained_s = 60 * float(last["minutes"])
    return {
        "train_s": trained_s,
        "tune_s": None,  # within the command, with reading, pictures and report
        "steps": int(last["step"]),
        "settings": {"recipe": job["recipe"], "command_s": whole},
    }


def main() -> None:
    """Do the job."""
    verb, job = read_job()
    if verb == "train":
        write_result(job, train(job))
        return
    from softlight.inference.predict import Segmenter
    from softlight.recipes.segment import segment

    def segment_file(model: Segmenter, source: Path, target: Path) -> None:
        (result,) = segment([source], model, target.parent.parent)  # into labels/ there
        if result.error:
            raise ValueError(result.error)

    write_result(
        job,
        predict(job, lambda: Segmenter.from_saved(job["model"], device="cpu"), segment_file),
    )


if __name__ == "__main__":
    main()
