"""Muon (Jordan 2024): every direction of a kernel's step counts alike, however small its gradient.

AdamW brings each number of a kernel to the same pace. Muon does it for the kernel as a matrix, from
all inputs to all outputs: the step keeps the directions of the gradient and makes their lengths
equal, so that what few pixels ask for is learned as soon as what all of them repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor

# Of the polynomial x (a + b x^2 + c x^4) that drives all lengths towards 1 in five rounds (Jordan).
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5
_LIKE_ADAMW = 0.2  # a step is as long as AdamW's of the same learning rate (Liu 2025)
_BETAS = (0.9, 0.999)  # of AdamW, by which all goes that is no kernel


class Muon(torch.optim.Optimizer):
    """Kernels by Muon with Nesterov's momentum; biases and norms by AdamW.

    Args:
        groups: parameters and their ``weight_decay``.
        lr: the learning rate of both.
        momentum: of the kernels.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], *, lr: float, momentum: float = 0.95
    ) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                state = self.state[parameter]
                if parameter.ndim > 1:
                    step = _kernel_step(parameter.grad, state, group["momentum"])
                else:
                    step = _adam_step(parameter.grad, state)
                parameter.add_(step, alpha=-group["lr"])
        return loss


def evened(matrix: Tensor) -> Tensor:
    """The matrix with its directions (singular vectors) kept and their lengths near 1."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    # The rounds work on the small square x x^T alone: half the time of working on x.
    gram = x @ x.T
    factor = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    for _ in range(_ROUNDS):
        of_round = torch.addmm(gram, gram, gram, beta=_B, alpha=_C)
        of_round.diagonal().add_(_A)
        factor = of_round @ factor
        gram = of_round @ gram @ of_round
    result: Tensor = factor @ x
    return result.T if tall else result


def _kernel_step(gradient: Tensor, state: dict[str, Tensor], momentum: float) -> Tensor:
    if not state:
        state["momentum_buffer"] = torch.zeros_like(gradient)
    kept = state["momentum_buffer"].mul_(momentum).add_(gradient)
    matrix = (gradient + momentum * kept).flatten(1)
    length: float = _LIKE_ADAMW * max(matrix.shape) ** 0.5
    return evened(matrix).reshape(gradient.shape) * length


def _adam_step(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    if not state:
        state["step"] = torch.zeros(())
        state["exp_avg"] = torch.zeros_like(gradient)
        state["exp_avg_sq"] = torch.zeros_like(gradient)
    state["step"] += 1
    count = float(state["step"])
    mean = state["exp_avg"].lerp_(gradient, 1 - _BETAS[0]) / (1 - _BETAS[0] ** count)
    square = state["exp_avg_sq"].lerp_(gradient.square(), 1 - _BETAS[1]) / (1 - _BETAS[1] ** count)
    step: Tensor = mean / (square.sqrt() + 1e-8)
    return step
