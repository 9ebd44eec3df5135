"""Tasks: what a batch costs and how a network is judged on validation images."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from softlight.config import Target
from softlight.data.loader import Batch, Decoded, to_batch
from softlight.losses import mse
from softlight.models.outputs import NetworkOutput, activated

Named = dict[str, torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, Named]]
MapLoss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


MEASURES = (
    "loss",
    "dice",
    "iou",
    "precision",
    "recall",
    "pixel_accuracy",
    "mdice",
    "miou",
    "foreground",
    "foreground_true",
)


class Task(ABC):
    """What a batch costs, and how good a network is on validation images."""

    measures: tuple[str, ...]  # what ``validate`` gives
    auxiliary_weight = 1.0  # of each output beside the last one
    restored: MapLoss = staticmethod(mse)  # of the image that a part restores, by what it was
    restored_weight = 1.0

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """The named losses of one batch; ``loss`` is the one to minimise.

        What the network's parts say costs as much as what it says in the end, times their weight.
        So does the image that a part restores, where it is known what it was.
        """
        output: NetworkOutput = network(batch.image)
        total, named = self.cost(output.logits, batch)
        for name, logits in (output.auxiliary or {}).items():
            part, _ = self.cost(logits, batch)
            total = total + self.auxiliary_weight * part
            named = {**named, name: part.detach()}
        if output.restored is not None and batch.clean is not None and self.restored_weight:
            part = self.restored(output.restored, batch.clean, batch.weight)
            total = total + self.restored_weight * part
            named = {**named, "restored": part.detach()}
        return {"loss": total, **named}

    @abstractmethod
    def cost(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, Named]:
        """What these outputs cost, in all and by name."""

    @abstractmethod
    def validate(
        self,
        network: nn.Module,
        images: Sequence[Decoded],
        *,
        move: Callable[[Batch], Batch],
        autocast: Callable[[], Any],
    ) -> dict[str, float]:
        """The measures over whole images, ``loss`` among them."""


class SegmentationTask(Task):
    """Each pixel has one class; judged by the confusion matrix of the validation images."""

    measures = MEASURES

    def __init__(self, loss: Loss, class_count: int, *, threshold: float = 0.5) -> None:
        self.loss = loss
        self.class_count = class_count
        self.threshold = threshold

    def cost(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, Named]:
        """What these outputs cost, in all and by name."""
        return self.loss(logits, batch.target, batch.weight)

    def predict(self, logits: torch.Tensor) -> torch.Tensor:
        """Class index of each pixel, (N, Y, X)."""
        if logits.shape[1] == 1:
            return (logits[:, 0].sigmoid() >= self.threshold).long()
        return logits.argmax(1)

    @torch.inference_mode()
    def validate(
        self,
        network: nn.Module,
        images: Sequence[Decoded],
        *,
        move: Callable[[Batch], Batch],
        autocast: Callable[[], Any],
    ) -> dict[str, float]:
        """The MEASURES over whole images.

        Dice and IoU are means over the images, without the background; mdice and miou are means
        over all classes with it, the pixels of all images counted together.
        """
        network.eval()
        totals = torch.zeros(self.class_count, self.class_count, dtype=torch.int64)
        losses, dices, ious = [], [], []
        for item in images:
            batch = move(to_batch([item]))
            with autocast():
                logits = network(batch.image).logits.float()
            losses.append(float(self.cost(logits, batch)[0]))
            matrix = self._confusion(self.predict(logits), batch)
            dices.append(_mean_dice(matrix))
            ious.append(_mean_iou(matrix))
            totals += matrix
        network.train()
        pixels = max(int(totals.sum()), 1)
        found = [sum(counts) for counts in zip(*_foreground(totals), strict=True)]
        positive, excess, missed = found
        return {
            "loss": sum(losses) / len(losses),
            "dice": _mean(dices),
            "iou": _mean(ious),
            "precision": positive / (positive + excess) if positive + excess else math.nan,
            "recall": positive / (positive + missed) if positive + missed else math.nan,
            "pixel_accuracy": int(totals.diagonal().sum()) / pixels,
            "mdice": _mean_of_classes(totals, _dice),
            "miou": _mean_of_classes(totals, _iou),
            "foreground": 1 - int(totals[:, 0].sum()) / pixels,
            "foreground_true": 1 - int(totals[0].sum()) / pixels,
        }

    def _confusion(self, predicted: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Pixels by (true class, predicted class)."""
        counted = batch.weight > 0
        pairs = batch.target[counted] * self.class_count + predicted[counted]
        size = self.class_count
        return torch.bincount(pairs, minlength=size * size).reshape(size, size).cpu()


class CellsTask(SegmentationTask):
    """The first output is the foreground, the others are maps that tell one cell from the next.

    Outside of the cells, where a map means nothing, it is not learned; the foreground decides.
    Nor are maps learned from images whose cells are not told apart.

    Args:
        loss: of the foreground.
        maps: of the maps, by target, prediction and pixel weight.
        weight: of the maps beside the foreground.
        target: what the maps are.
    """

    def __init__(self, loss: Loss, maps: MapLoss, *, weight: float, target: Target) -> None:
        super().__init__(loss, class_count=2)
        self.maps = maps
        self.weight = weight
        self.target = target

    def cost(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, Named]:
        """The foreground's losses and that of the maps."""
        total, named = self.loss(logits[:, :1], batch.target, batch.weight)
        predicted = activated(logits, self.target)[:, 1:]
        if batch.maps is None:
            return total, {**named, "maps": torch.zeros_like(total)}
        inside = batch.weight * (batch.target > 0)
        if batch.parted is not None:
            inside = inside * batch.parted[:, None, None]
        maps = self.maps(predicted, batch.maps, inside)
        return total + self.weight * maps, {**named, "maps": maps.detach()}

    def predict(self, logits: torch.Tensor) -> torch.Tensor:
        """Foreground or not, (N, Y, X)."""
        return super().predict(logits[:, :1])


Counts = tuple[int, int, int]  # true positives, false positives, false negatives


def _counts(matrix: torch.Tensor) -> list[Counts]:
    """What was right, too much and missed of every class, the background first."""
    return [
        (
            int(matrix[c, c]),
            int(matrix[:, c].sum() - matrix[c, c]),
            int(matrix[c].sum() - matrix[c, c]),
        )
        for c in range(len(matrix))
    ]


def _foreground(matrix: torch.Tensor) -> list[Counts]:
    """The same of every class but the background."""
    return _counts(matrix)[1:]


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _dice(counts: Counts) -> float:
    tp, fp, fn = counts
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan


def _iou(counts: Counts) -> float:
    tp, fp, fn = counts
    return tp / (tp + fp + fn) if tp + fp + fn else math.nan


def _mean_dice(matrix: torch.Tensor) -> float:
    """2 TP / (2 TP + FP + FN), mean over the foreground classes that occur; nan where none does."""
    return _mean([_dice(counts) for counts in _foreground(matrix)])


def _mean_iou(matrix: torch.Tensor) -> float:
    """TP / (TP + FP + FN), mean over the foreground classes that occur; nan where none does."""
    return _mean([_iou(counts) for counts in _foreground(matrix)])


def _mean_of_classes(matrix: torch.Tensor, score: Callable[[Counts], float]) -> float:
    """The score's mean over all classes that occur, with the background."""
    return _mean([score(counts) for counts in _counts(matrix)])
