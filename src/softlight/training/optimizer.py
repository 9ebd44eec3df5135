"""The optimiser of a recipe, and the running mean of the weights that it moves."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from softlight.config import OptimizerConfig
from softlight.training.muon import Muon


def build_optimizer(config: OptimizerConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser by its name; weight decay only on kernels, not on biases and norms."""
    groups = [
        {
            "params": [p for p in network.parameters() if p.ndim > 1],
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
    if config.name == "muon":
        return Muon(groups, lr=config.learning_rate, momentum=config.momentum)
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=config.learning_rate)


def average_weights(network: nn.Module, decay: float) -> AveragedModel:
    """A running mean of the network's weights and buffers, quick at first and then slow.

    After n updates the old mean keeps ``min(decay, (1 + n) / (10 + n))``.
    """

    def blend(old: Any, new: Any, count: Any) -> Any:
        share = min(decay, (1 + int(count)) / (10 + int(count)))
        return old + (1 - share) * (new - old) if old.is_floating_point() else new

    return AveragedModel(network, avg_fn=blend, use_buffers=True)
