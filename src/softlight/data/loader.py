"""Batches for training: decoded once, augmented afresh, the same for the same seed.

Every sample of every epoch has a random generator of its own, seeded by (seed, epoch, position),
so a run that is resumed at an epoch sees exactly what an uninterrupted one would have seen,
whatever the threads do.
"""

from __future__ import annotations

import math
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from softlight.config import DataConfig, Target
from softlight.data.augment import Augmenter
from softlight.data.cells import median_cell_diameter
from softlight.data.directions import turned
from softlight.data.normalize import Preprocessor
from softlight.data.samples import SHOWN_PROBLEMS, DataError, Sample
from softlight.data.single_cells import is_binary
from softlight.data.targets import TARGETS
from softlight.data.weights import pixel_weights

Change = Callable[["Decoded", np.random.Generator], "Decoded"]
CACHE_BYTES_IN_MEMORY = 2 * 1024**3
_AHEAD = 3  # batches prepared while the network works on one
_STEP_PX = 16  # of the side of crops: networks halve images some four times


@dataclass(frozen=True)
class Decoded:
    """One annotated image as the network sees it: read, normalised and resized once."""

    name: str
    image: npt.NDArray[np.float32]  # (C, Y, X)
    classes: npt.NDArray[np.int32]  # (Y, X) class index of each pixel
    valid: npt.NDArray[np.bool_] | None  # (Y, X), False where the annotation says nothing
    pixel_size_um: float | None = None  # of the raw image, where known
    cell_diameter_px: float = math.nan  # median of the annotated cells, on the network's grid
    labels: npt.NDArray[np.int32] | None = None  # (Y, X) single cells, where they are learned
    maps: npt.NDArray[np.float32] | None = None  # (K, Y, X) what divides them, where known
    levels: npt.NDArray[np.float64] | None = None  # (C, 2) of no light, and of the brightest
    whole: npt.NDArray[np.float32] | None = None  # (C, Y, X) the image that a crop is of
    clean: npt.NDArray[np.float32] | None = None  # (C, Y, X) as it was, where it was made worse
    origin: str = ""  # the data set that it is of, where there are several


class Batch(NamedTuple):
    """What one training step sees."""

    image: torch.Tensor  # float32 (N, C, Y, X)
    target: torch.Tensor  # int64 (N, Y, X)
    weight: torch.Tensor  # float32 (N, Y, X), 0 = ignored
    maps: torch.Tensor | None = None  # float32 (N, K, Y, X), where cells are told apart
    parted: torch.Tensor | None = None  # float32 (N,), 0 where an image has no maps; None: all have
    clean: torch.Tensor | None = None  # float32 (N, C, Y, X), where images were made worse


def to_classes(
    labels: npt.NDArray[np.int32], class_count: int, *, name: str
) -> npt.NDArray[np.int32]:
    """Class index of each pixel: of two classes any label is a cell, of more its value counts."""
    if class_count == 2:
        return (labels > 0).astype(np.int32)
    highest = int(labels.max(initial=0))
    if highest >= class_count:
        raise DataError(
            f"{name} holds the label {highest}, but there are only the classes 0 to "
            f"{class_count - 1}. Correct the label image or name more classes in the recipe."
        )
    return labels


class Cache:
    """Decoded samples, in memory up to a limit and beyond it in a temporary folder.

    The folder is removed when the ``with`` block ends; what was kept must not be used after it.
    """

    def __init__(self, limit_bytes: int = CACHE_BYTES_IN_MEMORY) -> None:
        self._limit = limit_bytes
        self._used = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files = 0

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def keep(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same array, or a read-only view of it on disk once memory is spent."""
        if self._used + array.nbytes <= self._limit:
            self._used += array.nbytes
            return array
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="softlight-cache-")
        path = Path(self._folder.name) / f"{self._files}.npy"
        self._files += 1
        np.save(path, array, allow_pickle=False)
        kept: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return kept


def decode(
    samples: Sequence[Sample],
    preprocessor: Preprocessor,
    class_count: int,
    *,
    target: Target = "classes",
    membrane: int | None = None,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Decoded]:
    """Every sample read, normalised and resized, ready for all epochs; in memory, or in a cache.

    ``membrane`` is the value of the class that parts cells, where there is such a class. Masks in
    which touching cells are one teach no maps, unless there is nothing else.
    """
    decoded, problems = [], []
    some_of_cells = not all(is_binary(sample) for sample in samples)
    for index, sample in enumerate(samples):
        annotated = sample.read()
        try:
            to_classes(annotated.labels, class_count, name=sample.name)
        except DataError as error:
            problems.append(str(error))
            continue
        image = preprocessor.image(annotated.image, pixel_size_um=annotated.pixel_size_um)
        scale = {"pixel_size_um": annotated.pixel_size_um}
        labels = preprocessor.labels(annotated.labels, **scale)
        valid = None if annotated.valid is None else preprocessor.mask(annotated.valid, **scale)
        classes = to_classes(labels, class_count, name=sample.name)
        of_cells = not is_binary(sample) or not some_of_cells
        parts = target in TARGETS and of_cells
        # Labels are single cells, but of several classes they are the classes: then pieces count.
        cells = labels if class_count == 2 else (labels > 0).astype(np.int32)
        if membrane is not None:
            cells = (labels != membrane).astype(np.int32)
        decoded.append(
            Decoded(
                name=sample.name,
                image=_kept(image, cache),
                classes=_kept(classes, cache),
                valid=None if valid is None else _kept(valid, cache),
                pixel_size_um=annotated.pixel_size_um,
                cell_diameter_px=median_cell_diameter(cells) if of_cells else math.nan,
                labels=_kept(labels, cache) if parts else None,
                maps=_kept(TARGETS[target](labels), cache) if parts else None,
                levels=preprocessor.levels(annotated.image),
                origin=sample.tags.get("set", ""),
            )
        )
        if progress is not None:
            progress(index + 1, len(samples))
    if problems:
        raise DataError(problems[0] if len(problems) == 1 else _together(problems))
    return decoded


def _together(problems: Sequence[str]) -> str:
    return f"{len(problems)} images cannot be used:\n" + "\n".join(problems[:SHOWN_PROBLEMS])


def _kept(array: npt.NDArray[Any], cache: Cache | None) -> npt.NDArray[Any]:
    return array if cache is None else cache.keep(array)


def count_classes(decoded: Sequence[Decoded], class_count: int) -> npt.NDArray[np.int64]:
    """Pixels of each class where the annotation is valid."""
    counts = np.zeros(class_count, np.int64)
    for item in decoded:
        classes = item.classes if item.valid is None else item.classes[item.valid]
        counts += np.bincount(classes.ravel(), minlength=class_count)
    return counts


def to_batch(
    items: Sequence[Decoded], *, border_weight: float = 0.0, border_px: float = 3.0
) -> Batch:
    """Equal-sized samples as one batch of tensors."""
    weights = [
        pixel_weights(item.classes, item.valid, border_weight=border_weight, border_px=border_px)
        for item in items
    ]
    known = [item.maps for item in items if item.maps is not None]
    maps = [np.zeros_like(known[0]) if item.maps is None else item.maps for item in items if known]
    clean = [item.clean for item in items if item.clean is not None]
    return Batch(
        image=torch.from_numpy(np.stack([item.image for item in items])),
        target=torch.from_numpy(np.stack([item.classes for item in items]).astype(np.int64)),
        weight=torch.from_numpy(np.stack(weights)),
        maps=torch.from_numpy(np.stack(maps)) if maps else None,
        parted=torch.tensor([float(item.maps is not None) for item in items])
        if 0 < len(known) < len(items)
        else None,
        clean=torch.from_numpy(np.stack(clean)) if clean else None,
    )


class TrainingBatches:
    """Augmented batches of one training set, prepared by a thread while the network works.

    Args:
        decoded: the images.
        augmenter: cuts and changes the crops.
        config: size and number of the crops.
        seed: of every random choice.
        directions: maps are vectors, which turn with the crop.
        change: what is done to each crop after that.
    """

    def __init__(
        self,
        decoded: Sequence[Decoded],
        augmenter: Augmenter,
        config: DataConfig,
        *,
        seed: int,
        directions: bool = False,
        change: Change | None = None,
    ) -> None:
        if not decoded:
            raise DataError("No image is left to train on. Give more images or validate on fewer.")
        self._decoded = list(decoded)
        self._augmenter = augmenter
        self._config = config
        self._seed = seed
        self._directions = directions
        self._change = change
        self._patch = self._patch_shape()
        self.samples_per_epoch = config.samples_per_epoch or len(self._decoded)
        self._turns = self._turns_of_images()

    def __len__(self) -> int:
        return -(-self.samples_per_epoch // self._config.batch_size)

    def _patch_shape(self) -> tuple[int, int]:
        """Crops of the asked size, but not larger than any image; whole images get the largest."""
        shapes = [item.classes.shape for item in self._decoded]
        height, width = max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)
        if not self._config.patch_px:
            return height, width
        fits_all = _STEP_PX * math.ceil(max(height, width) / _STEP_PX)
        side = min(self._config.patch_px, fits_all)  # padding beyond would cost, and teach nothing
        return side, side

    def _turns_of_images(self) -> npt.NDArray[np.int64]:
        """The index of each image as often as it comes in a round."""
        turns = np.ones(len(self._decoded))
        if self._config.by_area:
            turns = np.array([item.classes.size for item in self._decoded]) / math.prod(self._patch)
        if self._config.balance_sets:
            _, of_set = np.unique([item.origin for item in self._decoded], return_inverse=True)
            sums = np.bincount(of_set, turns)
            turns = turns * (sums.max() / sums)[of_set]
        return np.repeat(np.arange(len(turns)), np.maximum(np.rint(turns), 1).astype(np.int64))

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Which image each sample of the epoch comes from: all in turn before any again."""
        rng = np.random.default_rng([self._seed, epoch])
        rounds = -(-self.samples_per_epoch // len(self._turns))
        order = np.concatenate([rng.permutation(self._turns) for _ in range(rounds)])
        return order[: self.samples_per_epoch]

    def sample(self, epoch: int, position: int, image_index: int) -> Decoded:
        """One augmented crop, a function of the seed and its arguments alone."""
        item = self._decoded[image_index]
        rng = np.random.default_rng([self._seed, epoch, position])
        center = None
        if self._config.foreground_bias > rng.random():
            foreground = np.flatnonzero(item.classes)
            if foreground.size:
                chosen = int(foreground[rng.integers(foreground.size)])
                row, column = divmod(chosen, item.classes.shape[1])
                center = (row, column)
        # What is moved beside the image is where each pixel comes from: then all else is looked up.
        places = np.arange(item.classes.size, dtype=np.int32).reshape(item.classes.shape)
        image, source, _ = self._augmenter(
            item.image, places, None, rng, patch=self._patch, center=center
        )
        maps = None if item.maps is None else item.maps.reshape(len(item.maps), -1)[:, source]
        if maps is not None and self._directions:
            maps = turned(maps, source, item.classes.shape[1])
        crop = Decoded(
            item.name,
            image,
            classes=item.classes.ravel()[source],
            valid=None if item.valid is None else item.valid.ravel()[source],
            maps=maps,
            levels=item.levels,
            whole=item.image,
        )
        return crop if self._change is None else self._change(crop, rng)

    def _prepare(self, epoch: int) -> Iterator[Batch]:
        order = self._order(epoch)
        size = self._config.batch_size
        for start in range(0, len(order), size):
            indices = order[start : start + size]
            yield to_batch(
                [self.sample(epoch, start + i, int(index)) for i, index in enumerate(indices)],
                border_weight=self._config.border_weight,
                border_px=self._config.border_px,
            )

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch; an error while preparing is raised here."""
        ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=_AHEAD)
        abandoned = threading.Event()

        def offer(item: Batch | BaseException | None) -> bool:
            while not abandoned.is_set():
                try:
                    ready.put(item, timeout=0.1)
                except queue.Full:
                    continue
                return True
            return False

        def work() -> None:
            try:
                for batch in self._prepare(number):
                    if not offer(batch):
                        return
                offer(None)
            except BaseException as error:  # noqa: BLE001  handed to the thread that waits
                offer(error)

        thread = threading.Thread(target=work, name="softlight-batches", daemon=True)
        thread.start()
        try:
            while (item := ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            abandoned.set()
            thread.join()
