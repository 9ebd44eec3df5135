import math

import numpy as np
import pytest
import torch
from torch import nn

from softlight.data.loader import Batch, Decoded
from softlight.losses import cross_entropy
from softlight.models.outputs import NetworkOutput
from softlight.training.tasks import SegmentationTask


class Says(nn.Module):
    """Answers with the class that stands in the image itself."""

    def forward(self, x: torch.Tensor) -> NetworkOutput:
        classes = torch.arange(3.0).view(1, 3, 1, 1)
        return NetworkOutput(-10 * (x - classes) ** 2)


def image(said: list[int], true: list[int], valid: list[bool] | None = None) -> Decoded:
    return Decoded(
        "i",
        np.array([[said]], np.float32),
        np.array([true], np.int32),
        None if valid is None else np.array([valid]),
    )


def validated(*images: Decoded) -> dict[str, float]:
    def loss(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor):  # type: ignore[no-untyped-def]
        return cross_entropy(logits, target, weight), {}

    def same(batch: Batch) -> Batch:
        return batch

    return SegmentationTask(loss, 3).validate(Says(), images, move=same, autocast=torch.no_grad)


def test_classes_are_scored_over_all_images_together() -> None:
    found = validated(image([0, 0, 1, 2], [0, 1, 1, 1]), image([2, 2, 2, 0], [2, 2, 0, 0]))
    # Class by class: both 2, 1 and 2 pixels, either 4, 3 and 4.
    assert found["miou"] == pytest.approx((2 / 4 + 1 / 3 + 2 / 4) / 3)
    assert found["mdice"] == pytest.approx((4 / 6 + 2 / 4 + 4 / 6) / 3)
    # Of the images, the classes but the first: 1/3 and 0, then 2/3.
    assert found["iou"] == pytest.approx((1 / 6 + 2 / 3) / 2)


def test_unknown_pixels_and_absent_classes_do_not_count() -> None:
    found = validated(image([0, 1, 2], [0, 1, 1], [True, True, False]))
    assert found["miou"] == 1
    assert found["pixel_accuracy"] == 1
    nothing = validated(image([0, 1, 2], [0, 1, 1], [False] * 3))
    assert math.isnan(nothing["miou"])
