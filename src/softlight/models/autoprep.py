"""Automatic preprocessing and ensemble learning (Kato and Hotta): an image made easy to segment.

The first network segments, and the maps before its last layer become filters that translate the
image, one for each class. The second network segments each translated image, and all answers are
merged. The form, in the paper's words where it has them:

- The penultimate maps of the first network are as many as there are classes, M, "and we use ReLU
  before the filter outputs": ``F = relu(norm(base(x)))``, the base network with M outputs. Its own
  answer is a 1x1 convolution of F. The paper does not name the norm; without one, a map that begins
  below zero everywhere has no gradient and stays the zero map for ever.
- The filter "is normalized from 0 to 1 by using a sigmoid function": ``f = sigmoid(F)``. Since F is
  never negative, f lies in 0.5..1: where a map is silent the image is raised by a half, which the
  second network learns to expect.
- "The generated filters are added to the input image": translated image m is ``x + f[m]``, in every
  channel of x, neither cut nor normalised again. The sigmoid is that of the filter, not of the sum:
  the text normalises it before it is added.
- One second network takes the translated images, all in one batch: fed one after the other, its
  batch norm would learn from each class's images by itself and then be used with statistics of all.
- The ensemble is a 1x1x1 convolution in 3D over the stacked answers (N, M + 1, C, Y, X): one weight
  for each answer, here without a bias and written as the weighted sum that it is, so that it stays
  float32 where convolutions are bfloat16. It begins as the mean. ``fixed`` stays the mean (the
  paper's weights of 1 give the same classes); ``none`` takes the first translated image's answer
  (the paper does not say which).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from softlight.config import ModelConfig
from softlight.models.blocks import check_input, initialize, make_norm, pad_to_multiple
from softlight.models.family import build_base
from softlight.models.outputs import NetworkOutput


class Translation(NamedTuple):
    """What the first network says of images, and what it makes of them."""

    logits: Tensor  # (N, C, Y, X): its own answer
    filters: Tensor  # (N, M, Y, X) in 0.5..1
    images: Tensor  # (N, M, input channels, Y, X): each filter added to the image


class AutoPrep(nn.Module):
    """Two networks of the family and an ensemble of their answers; see the module.

    The answers beside the last one are ``stage1`` and ``translated1`` to ``translatedM``, in the
    order of the classes; under deep supervision also those of the second network's levels.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.in_channels = config.in_channels
        self.multiple = config.multiple
        self.maps = max(config.out_channels, 2)  # one logit is of two classes
        self.ensemble = config.ensemble
        self.first = build_base(config, out_channels=self.maps, deep_supervision=False)
        self.norm = make_norm(config.norm, self.maps)
        self.head = nn.Conv2d(self.maps, config.out_channels, 1)
        initialize(self.head)
        self.second = build_base(config, second=True)
        if config.ensemble == "learned":
            self.weights = nn.Parameter(torch.full((self.maps + 1,), 1 / (self.maps + 1)))
        if config.norm == "none":
            nn.init.ones_(self.first.head.bias)  # type: ignore[arg-type, union-attr]

    def forward(self, image: Tensor) -> NetworkOutput:
        """The merged logits of images (N, C, Y, X), and beside them each single answer."""
        check_input(image, self.in_channels)
        height, width = image.shape[-2:]
        translation = self._translate(pad_to_multiple(image, self.multiple))
        every = {"stage1": translation.logits} | self._segmented(translation.images)
        auxiliary = {name: answer[..., :height, :width] for name, answer in every.items()}
        answers = [auxiliary[name] for name in self.answers]
        if self.ensemble == "none":  # it is the last answer, and must not cost twice
            return NetworkOutput(auxiliary.pop("translated1"), auxiliary)
        return NetworkOutput(self._merged(torch.stack(answers, dim=1)), auxiliary)

    @property
    def answers(self) -> list[str]:
        """The names of the answers in the order of the ensemble's weights."""
        return ["stage1", *(f"translated{number}" for number in range(1, self.maps + 1))]

    def translate(self, image: Tensor) -> Translation:
        """The first network's answer to images (N, C, Y, X), its filters, the translated images."""
        check_input(image, self.in_channels)
        height, width = image.shape[-2:]
        padded = self._translate(pad_to_multiple(image, self.multiple))
        return Translation(*(part[..., :height, :width] for part in padded))

    def _translate(self, image: Tensor) -> Translation:
        maps = self.norm(self.first(image).logits).relu()
        filters = maps.float().sigmoid()
        return Translation(self.head(maps).float(), filters, image[:, None] + filters[:, :, None])

    def _segmented(self, images: Tensor) -> dict[str, Tensor]:
        """The second network's answers to translated images (N, M, C, Y, X), by name."""
        if self.training:
            outputs = [self.second(images.flatten(0, 1))]
        else:  # the same one after the other, in a third of the memory for three classes
            outputs = [self.second(one) for one in images.unbind(1)]
        kinds = {"": [output.logits for output in outputs]}
        for name in outputs[0].auxiliary or {}:
            kinds[f"_{name}"] = [output.auxiliary[name] for output in outputs]
        found = {}
        for suffix, parts in kinds.items():
            split = parts[0].unflatten(0, (-1, self.maps)).unbind(1) if self.training else parts
            for number, answer in enumerate(split, start=1):
                found[f"translated{number}{suffix}"] = answer
        return found

    def _merged(self, stack: Tensor) -> Tensor:
        """One answer (N, C, Y, X) of the stack (N, M + 1, C, Y, X)."""
        if self.ensemble == "fixed":
            return stack.mean(1)
        return (stack * self.weights[:, None, None, None]).sum(1)
