"""StarDist 2D from scratch, with the settings of its own examples: see benchmarks/README.md."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tifffile
from csbdeep.utils import normalize
from csbdeep.utils.tf import keras_import
from job import predict, read_job, read_pairs, write_labels, write_result
from stardist import calculate_extents, fill_label_holes
from stardist.models import Config2D, StarDist2D

PATCH_PX = 256
EPOCH_STEPS = 20
WITHOUT_GAIN = 0.1  # of the run, then the step is halved: its 40 of 400 epochs
IOUS = tuple(step / 20 for step in range(10, 20))  # what is scored is what is tuned
FEWEST_STEPS = 50  # before, candidates are everywhere, and to choose among them takes hours
WHOLE_PX = 2048 * 2048  # larger images go through in tiles


class Clock(keras_import("callbacks", "Callback")):
    """Ends training when its minutes are over, and fits StarDist's patience to them.

    The first batch, in which TensorFlow builds its graph, is not counted.
    """

    def __init__(self, seconds: float, plateau: Any) -> None:
        super().__init__()
        self.seconds, self.plateau = seconds, plateau
        self.began: float | None = None
        self.trained_s = 0.0
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the step; stop when time is over."""
        del batch, logs
        now = time.perf_counter()
        self.began = now if self.began is None else self.began
        self.steps += 1
        self.trained_s = now - self.began
        if self.trained_s >= self.seconds:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Give the plateau its share of the epochs that will fit."""
        del logs
        epochs = self.seconds / max(self.trained_s / (epoch + 1), 1e-3)
        self.plateau.patience = max(2, round(WITHOUT_GAIN * epochs))


def prepare(image: np.ndarray) -> np.ndarray:
    """The image as StarDist wants it: percentiles 1 and 99.8 become 0 and 1."""
    return normalize(image, 1, 99.8, axis=(0, 1))


class Augmenter:
    """Mirrors and turns; makes brighter or darker; adds a little noise."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Another view of the image, with labels that fit it."""
        random = self.random
        turns = random.integers(4)
        image, labels = np.rot90(image, turns), np.rot90(labels, turns)
        if random.random() < 0.5:
            image, labels = image[:, ::-1], labels[:, ::-1]
        image = image * random.uniform(0.6, 2) + random.uniform(-0.2, 0.2)
        return image + 0.02 * random.uniform() * random.normal(size=image.shape), labels


def configure(labels: list[np.ndarray], grid: int) -> Config2D:
    """StarDist's settings on this grid, patches no larger than the smallest image."""
    multiple = 8 * grid
    side = min(min(image.shape) for image in labels)
    patch = min(PATCH_PX, side // multiple * multiple)
    return Config2D(
        n_rays=32,
        grid=(grid, grid),
        n_channel_in=1,
        train_patch_size=(patch, patch),
        train_batch_size=4,
        train_tensorboard=False,
    )


def build(labels: list[np.ndarray], folder: str) -> StarDist2D:
    """A new network; on the grid of four pixels where the cells are too large for that of two."""
    model = StarDist2D(configure(labels, 2), name="model", basedir=folder)
    seen = np.array(model._axes_tile_overlap("YX"))
    if (calculate_extents(labels, np.median) > seen).any():
        model = StarDist2D(configure(labels, 4), name="model", basedir=folder)
    return model


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Train for the minutes, tune both thresholds, and say how long each took."""
    tf.keras.utils.set_random_seed(job["seed"])
    images, labels = read_pairs(job["data"], job["train"])
    images, labels = [prepare(image) for image in images], [fill_label_holes(x) for x in labels]
    judged_images, judged = read_pairs(job["data"], job["tune"])
    judged_images = [prepare(image) for image in judged_images]
    model = build(labels, job["model"])
    model.prepare_for_training()
    clock = Clock(60 * job["minutes"], model.callbacks[0])
    model.callbacks.append(clock)
    model.train(
        images,
        labels,
        validation_data=(judged_images, [fill_label_holes(x) for x in judged]),
        augmenter=Augmenter(job["seed"]),
        epochs=100_000,
        steps_per_epoch=EPOCH_STEPS,
    )
    began = time.perf_counter()
    thresholds = {}
    if clock.steps >= FEWEST_STEPS:
        thresholds = model.optimize_thresholds(judged_images, judged, iou_threshs=IOUS)
    tuned_s = time.perf_counter() - began
    return {
        "train_s": clock.trained_s,
        "tune_s": tuned_s,
        "steps": clock.steps,
        "settings": {"grid": list(model.config.grid), **thresholds},
    }


def load(job: dict[str, Any]) -> StarDist2D:
    """The saved model, or published weights: the folder that holds config.json and weights."""
    folder = Path(job["model"])
    if not job["pretrained"]:
        folder = folder / "model"
    return StarDist2D(None, name=folder.name, basedir=str(folder.parent))


def segment_file(model: StarDist2D, source: Path, target: Path) -> None:
    """From the file of an image to the file of its cells."""
    image = tifffile.imread(source)
    tiles = model._guess_n_tiles(image) if image.size > WHOLE_PX else None
    labels, _ = model.predict_instances(prepare(image), n_tiles=tiles, show_tile_progress=False)
    write_labels(target, labels)


def main() -> None:
    """Do the job."""
    verb, job = read_job()
    tf.config.threading.set_intra_op_parallelism_threads(job["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(job["threads"])
    if verb == "train":
        write_result(job, train(job))
    else:
        write_result(job, predict(job, lambda: load(job), segment_file))


if __name__ == "__main__":
    main()
