"""Cellpose 3 from scratch, by its own ``train_seg``: see benchmarks/README.md."""

import contextlib
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from cellpose import dynamics, metrics
from cellpose.models import CellposeModel
from cellpose.train import train_seg
from job import predict, read_job, read_pairs, write_labels, write_result

GREY = [0, 0]
BATCH = 8
# By optimiser: learning rate and weight decay. SGD as Cellpose's window and manual train, AdamW as
# train_seg does if nothing is said.
STEPS = {"sgd": (0.1, 1e-4), "adamw": (0.005, 1e-5)}
WARM_UP_STEPS = 10
SETTLING = 0.25  # the last part of the run, in which Cellpose halves the step ten times
# Cellpose's own first: of equally good ones the first is taken.
CELL_THRESHOLDS = (0.0, -1.0, 1.0, -2.0, 2.0, -3.0)
FLOW_THRESHOLDS = (0.4, 0.6, 0.2, 0.8, 1.0)
IOUS = np.arange(10, 20) / 20  # what is scored is what is tuned


class TimeIsUpError(Exception):
    """The minutes are over; the network holds what it learnt."""


class Paced:
    """An optimiser whose steps follow Cellpose's schedule by the clock, until time is up.

    The schedule is that of ``train_seg``: up in a straight line, flat, halved ten times at the end.
    There it goes by a number of epochs, which a budget in minutes does not know.
    """

    seconds = 0.0
    current: "Paced"

    def __init__(self, parameters: Any, **settings: Any) -> None:
        super().__init__(parameters, **settings)
        self.began = time.perf_counter()
        self.learning_rate = settings["lr"]
        self.steps = 0
        Paced.current = self

    @property
    def elapsed(self) -> float:
        """Seconds since training began."""
        return time.perf_counter() - self.began

    def factor(self) -> float:
        """Share of the learning rate for the next step."""
        left = 1 - self.elapsed / self.seconds
        halvings = 0 if left >= SETTLING else min(10, 1 + int(10 * (1 - left / SETTLING)))
        return min(1, self.steps / WARM_UP_STEPS) / 2**halvings

    def step(self, closure: Any = None) -> Any:
        """One step, or the end."""
        self.steps += 1
        for group in self.param_groups:
            group["lr"] = self.learning_rate * self.factor()
        result = super().step(closure)
        if self.elapsed >= self.seconds:
            raise TimeIsUpError
        return result


class PacedSGD(Paced, torch.optim.SGD):
    """SGD by the clock."""


class PacedAdamW(Paced, torch.optim.AdamW):
    """AdamW by the clock."""


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Train for the minutes, tune both thresholds, and say how long each took."""
    torch.manual_seed(job["seed"])
    images, labels = read_pairs(job["data"], job["train"])
    model = CellposeModel(gpu=False, pretrained_model=False, diam_mean=30.0)
    Paced.seconds = 60 * job["minutes"]
    torch.optim.SGD, torch.optim.AdamW = PacedSGD, PacedAdamW  # train_seg makes its own
    learning_rate, weight_decay = STEPS[job["optimizer"]]
    folder = Path(job["model"])
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(TimeIsUpError):
        train_seg(
            model.net,
            train_data=images,
            train_labels=labels,
            channels=GREY,
            normalize=True,
            rescale=True,
            batch_size=BATCH,
            SGD=job["optimizer"] == "sgd",
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            n_epochs=100_000,
            # Whole batches: a rest of one image would teach batch normalisation nonsense.
            nimg_per_epoch=-(-len(images) // BATCH) * BATCH,
            min_train_masks=5,
            save_path=folder,
            save_every=100_000_000,
        )
    clock = Paced.current
    trained_s = clock.elapsed
    model.net.save_model(str(folder / "weights"))
    diameter = float(model.net.diam_labels.item())
    began = time.perf_counter()
    thresholds = tune(load(job), *read_pairs(job["data"], job["tune"]))
    return {
        "train_s": trained_s,
        "tune_s": time.perf_counter() - began,
        "steps": clock.steps,
        "settings": {"diameter": diameter, **thresholds},
    }


def tune(
    model: CellposeModel, images: list[np.ndarray], labels: list[np.ndarray]
) -> dict[str, float]:
    """The thresholds with the highest mean AP: the one of cells first, then the one of flows."""
    model.net.eval()
    outputs = [model.eval(image, channels=GREY, compute_masks=False)[1][1:3] for image in images]
    steps = int(200 * model.diam_labels / model.diam_mean)

    def score(cell: float, flow: float) -> float:
        found = [
            dynamics.resize_and_compute_masks(
                flows, cells, niter=steps, cellprob_threshold=cell, flow_threshold=flow
            )
            for flows, cells in outputs
        ]
        return float(np.nanmean(metrics.average_precision(labels, found, threshold=IOUS)[0]))

    cell = max(CELL_THRESHOLDS, key=lambda value: score(value, FLOW_THRESHOLDS[0]))
    flow = max(FLOW_THRESHOLDS, key=lambda value: score(cell, value))
    return {"cellprob_threshold": cell, "flow_threshold": flow}


def load(job: dict[str, Any]) -> CellposeModel:
    """The model trained before, or published weights."""
    path = Path(job["model"]) if job.get("pretrained") else Path(job["model"]) / "weights"
    return CellposeModel(gpu=False, pretrained_model=str(path))


def main() -> None:
    """Do the job."""
    logging.basicConfig(level=logging.INFO)
    verb, job = read_job()
    torch.set_num_threads(job["threads"])
    if verb == "train":
        write_result(job, train(job))
        return
    settings = {name: value for name, value in job["settings"].items() if value is not None}

    def segment_file(model: CellposeModel, source: Path, target: Path) -> None:
        masks, _, _ = model.eval(tifffile.imread(source), channels=GREY, **settings)
        write_labels(target, masks)

    write_result(job, predict(job, lambda: load(job), segment_file))


if __name__ == "__main__":
    main()
