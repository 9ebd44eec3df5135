"""Losses: one formula each, the LOSSES dict, and the weighted sum that a recipe names.

Every loss takes ``logits`` (N, C, Y, X), the ``target`` and an optional ``weight`` (N, Y, X) where
0 marks a pixel that is ignored. One channel of logits means background or foreground (0 or 1);
more mean a softmax over that many classes. Values are computed in float32 whatever comes in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from softlight.config import LossConfig, LossTerm

# Share of the annotated area that is added above and below in Tversky's fraction. An area, not a
# count of pixels, so that the loss does not change with the size of the patch.
SMOOTH = 1e-4
# No class weighs more than so many times the commonest one: beyond it, one mislabelled pixel of a
# rare class outweighs whole cells.
MAX_CLASS_RATIO = 50.0
SSIM_SIGMA, SSIM_REACH = 1.5, 5  # pixels
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


def bce(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Mean binary cross-entropy: ``-log p`` on the foreground, ``-log(1 - p)`` elsewhere.

    ``class_weights`` are two numbers that multiply the loss of background and foreground pixels.
    """
    _check_classes(logits, target, weight)
    if logits.shape[1] != 1:
        raise ValueError(
            f"bce needs one output channel, the network has {logits.shape[1]}. "
            "Use cross_entropy or set out_channels = 1."
        )
    target = _known(target, weight)
    loss = F.binary_cross_entropy_with_logits(
        logits[:, 0].float(), target.float(), reduction="none"
    )
    return _mean(loss, _times_class(weight, target, class_weights, n_classes=2), weight)


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy of the softmax over classes: ``-log p[target]``."""
    _check_classes(logits, target, weight)
    if logits.shape[1] == 1:
        raise ValueError(
            "cross_entropy needs two or more output channels, the network has 1. "
            "Use bce or set out_channels to the number of classes."
        )
    target = _known(target, weight)
    loss = F.cross_entropy(logits.float(), target, reduction="none")
    pixel = _times_class(weight, target, class_weights, n_classes=logits.shape[1])
    return _mean(loss, pixel, weight)


def focal(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    class_weights: Tensor | None = None,
    gamma: float = 2.0,
) -> Tensor:
    """Mean of ``-(1 - p)^gamma log p``, p being the probability of the true class.

    Lin et al. 2017, https://arxiv.org/abs/1708.02002. Gamma 0 is cross-entropy. Their alpha is
    what ``class_weights`` are here.
    """
    _check_classes(logits, target, weight)
    target = _known(target, weight)
    logits = logits.float()
    if logits.shape[1] == 1:
        signed = torch.where(target > 0, logits[:, 0], -logits[:, 0])
        log_p, log_rest = F.logsigmoid(signed), F.logsigmoid(-signed)
    else:
        index = target[:, None]
        log_all = logits.log_softmax(1)
        log_p = log_all.gather(1, index)[:, 0]
        log_rest = log_all.scatter(1, index, -torch.inf).logsumexp(1)
    # (1 - p) by its logarithm: the power of an exact zero has no gradient when gamma < 1.
    loss = -torch.exp(gamma * log_rest) * log_p
    pixel = _times_class(weight, target, class_weights, n_classes=max(2, logits.shape[1]))
    return _mean(loss, pixel, weight)


def tversky(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = SMOOTH,
) -> Tensor:
    """One minus Tversky's index: ``TP / (TP + alpha FP + beta FN)``, ``smooth`` added to both.

    Salehi et al. 2017, https://arxiv.org/abs/1706.05721. ``alpha`` weighs false positives and
    ``beta`` false negatives. TP, FP and FN are sums of probabilities over the whole batch as
    shares of its annotated area. With several classes: the mean over all but the background.
    Without any foreground the loss is ``alpha FP / (alpha FP + smooth)``: it still falls as false
    foreground goes away.
    """
    _check_classes(logits, target, weight)
    target = _known(target, weight)
    if logits.shape[1] == 1:
        probability = logits.float().sigmoid()  # (N, 1, Y, X)
        truth = target[:, None].float()
    else:
        probability = logits.float().softmax(1)[:, 1:]  # (N, C-1, Y, X)
        truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)[:, 1:].float()
    pixel = torch.ones_like(target, dtype=torch.float32) if weight is None else weight.float()
    area = _or_one(pixel.sum())
    pixel = pixel[:, None]
    over = (0, 2, 3)
    both = (pixel * probability * truth).sum(over) / area
    false_positive = (pixel * probability).sum(over) / area - both
    false_negative = (pixel * truth).sum(over) / area - both
    index = (both + smooth) / (both + alpha * false_positive + beta * false_negative + smooth)
    return (1 - index).mean()


def dice(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """One minus the soft Dice coefficient: Tversky with alpha = beta = 0.5."""
    return tversky(logits, target, weight, alpha=0.5, beta=0.5)


def jaccard(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """One minus the soft Jaccard index (IoU): Tversky with alpha = beta = 1."""
    return tversky(logits, target, weight, alpha=1.0, beta=1.0)


def focal_tversky(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 0.75,
) -> Tensor:
    """Tversky's loss to the power gamma; below 1 it pushes on when most is right already.

    Abraham and Khan 2019, https://arxiv.org/abs/1810.07842, who write 1/gamma with gamma = 4/3.
    """
    loss = tversky(logits, target, weight, alpha=alpha, beta=beta)
    tiny = 1e-6  # the power's slope is infinite at zero
    value: Tensor = (loss.clamp_min(0) + tiny) ** gamma - tiny**gamma
    return value


def mse(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference of the outputs and a target of the same shape."""
    return _regression(logits, target, weight, F.mse_loss)


def l1(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference of the outputs and a target of the same shape."""
    return _regression(logits, target, weight, F.l1_loss)


def ssim(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """One minus the mean structural similarity of the outputs and a target, both of range 1.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861: means, variances and covariance under
    a Gaussian of 1.5 px cut at 5, and the paper's constants. Edges are mirrored, and what is
    ignored is 0 in both, so that it says nothing of its neighbours.
    """
    if weight is not None and logits.shape == target.shape:
        _check_weight(logits, weight)
        logits = torch.where(weight[:, None] > 0, logits, 0)
    return _regression(logits, target, weight, _dissimilarity)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "bce": bce,
    "cross_entropy": cross_entropy,
    "dice": dice,
    "focal": focal,
    "focal_tversky": focal_tversky,
    "jaccard": jaccard,
    "l1": l1,
    "mse": mse,
    "ssim": ssim,
    "tversky": tversky,
}


class WeightedLoss:
    """The weighted sum of named losses: ``total, terms = loss(logits, target, weight)``.

    ``total`` has the gradient. ``terms`` are the losses by name, for the log: detached and before
    their weights are applied. A name used twice is numbered: ``tversky``, ``tversky_2``.
    """

    def __init__(
        self,
        terms: Sequence[tuple[str, float, Callable[..., Tensor]]],
        class_weights: Tensor | None,
    ) -> None:
        self._terms = tuple(terms)
        self._class_weights = class_weights

    def __call__(
        self, logits: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and its named parts."""
        if self._class_weights is not None and self._class_weights.device != logits.device:
            self._class_weights = self._class_weights.to(logits.device)
        total = torch.zeros((), device=logits.device)
        named: dict[str, Tensor] = {}
        for name, share, function in self._terms:
            extra = (
                {"class_weights": self._class_weights} if _takes(function, "class_weights") else {}
            )
            value = function(logits, target, weight, **extra)
            total = total + share * value
            named[_unused(name, named)] = value.detach()
        return total, named


def build_loss(
    config: LossConfig, class_weights: Sequence[float] | Tensor | None = None
) -> WeightedLoss:
    """The loss that a recipe describes.

    Args:
        config: The terms, and how classes weigh.
        class_weights: Weights found from the data (``automatic_class_weights``). None: those of
            the config, if it has any.
    """
    if not config.terms:
        raise ValueError(f"The loss has no terms. Name at least one of: {_names()}.")
    terms = [(term.name, term.weight, _configured(term)) for term in config.terms]
    if class_weights is None and config.class_weights == "auto":
        raise ValueError(
            "class_weights = 'auto' needs the class weights of the training data. "
            "Pass automatic_class_weights(counts)."
        )
    if class_weights is None and config.class_weights != "none":
        class_weights = config.class_weights  # type: ignore[assignment]
    weighted = any(_takes(function, "class_weights") for _, _, function in terms)
    if config.class_weights != "none" and not weighted:
        used = ", ".join(term.name for term in config.terms)
        raise ValueError(
            f"class_weights would change nothing: {used} does not use them. "
            "Add a term of bce, cross_entropy or focal, or set class_weights = 'none'."
        )
    return WeightedLoss(terms, _as_weights(class_weights) if weighted else None)


def automatic_class_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """Class weights by inverse frequency, whose mean over all pixels is 1.

    ``r[c] = min(max(counts) / counts[c], 50)``, and ``w[c] = r[c] sum(counts) / sum(counts r)``.
    A class without a pixel gets the cap.
    """
    if not counts or min(counts) < 0 or sum(counts) == 0:
        raise ValueError(
            f"Pixel counts per class are {list(counts)}; each must be 0 or more and one above 0."
        )
    commonest = max(counts)
    ratios = [min(commonest / n, MAX_CLASS_RATIO) if n else MAX_CLASS_RATIO for n in counts]
    mean = sum(n * r for n, r in zip(counts, ratios, strict=True)) / sum(counts)
    return tuple(ratio / mean for ratio in ratios)


def _configured(term: LossTerm) -> Callable[..., Tensor]:
    function = LOSSES.get(term.name)
    if function is None:
        raise ValueError(f"There is no loss {term.name!r}. Use one of: {_names()}.")
    given = term.model_dump(include={"alpha", "beta", "gamma"}, exclude_none=True)
    for name, value in given.items():
        if not _takes(function, name):
            fitting = ", ".join(sorted(n for n, f in LOSSES.items() if _takes(f, name)))
            raise ValueError(
                f"The loss {term.name} has no parameter {name}. Leave it out, or use {fitting}."
            )
        if value < 0:
            raise ValueError(f"The loss {term.name} has {name} = {value}; it must be 0 or more.")
    return partial(function, **given)


def _names() -> str:
    return ", ".join(sorted(LOSSES))


def _takes(function: Callable[..., Any], parameter: str) -> bool:
    return parameter in inspect.signature(function).parameters


def _unused(name: str, taken: dict[str, Tensor]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _as_weights(values: Sequence[float] | Tensor | None) -> Tensor | None:
    if values is None:
        return None
    weights = torch.as_tensor(values, dtype=torch.float32)
    if weights.ndim != 1 or not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()):
        raise ValueError(
            f"Class weights are {weights.tolist()}; give one number of 0 or more for each class."
        )
    return weights


def _check_classes(logits: Tensor, target: Tensor, weight: Tensor | None) -> None:
    expected = (logits.shape[0], *logits.shape[2:])
    if logits.ndim != 4 or target.shape != expected or target.is_floating_point():
        raise ValueError(
            f"Logits are {tuple(logits.shape)} and the target is {tuple(target.shape)} of "
            f"{target.dtype}; this loss needs (N, C, Y, X) and class indices (N, Y, X)."
        )
    _check_weight(logits, weight)


def _check_weight(logits: Tensor, weight: Tensor | None) -> None:
    if weight is not None and weight.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            f"The pixel weights are {tuple(weight.shape)} and the logits {tuple(logits.shape)}; "
            "the weights must be (N, Y, X)."
        )


def _known(target: Tensor, weight: Tensor | None) -> Tensor:
    """The target with 0 where it is ignored, since any value may stand there."""
    target = target.long()
    return target if weight is None else torch.where(weight > 0, target, 0)


def _times_class(
    weight: Tensor | None, target: Tensor, class_weights: Tensor | None, *, n_classes: int
) -> Tensor | None:
    if class_weights is None:
        return weight
    if class_weights.shape != (n_classes,):
        raise ValueError(
            f"There are {class_weights.numel()} class weights for {n_classes} classes; "
            "give one for each class, background first."
        )
    by_pixel = class_weights.to(target.device, torch.float32)[target]
    return by_pixel if weight is None else by_pixel * weight


def _mean(loss: Tensor, pixel: Tensor | None, weight: Tensor | None) -> Tensor:
    """The sum of ``pixel * loss`` over the sum of ``weight``; 0 where all is ignored.

    Class weights count above the line only: dividing by them too would give a patch that holds
    nothing but background the same pull as one full of cells, and so undo the balance.
    """
    if pixel is None:
        return loss.mean()
    total = (loss * pixel.float()).sum()
    if weight is None:
        return total / loss.numel()
    return total / _or_one(weight.float().sum())


def _or_one(total: Tensor) -> Tensor:
    """The divisor of a sum that is 0 itself where the total is."""
    return torch.where(total > 0, total, 1.0)


def _regression(
    output: Tensor, target: Tensor, weight: Tensor | None, formula: Callable[..., Tensor]
) -> Tensor:
    if output.shape != target.shape or not target.is_floating_point():
        raise ValueError(
            f"Outputs are {tuple(output.shape)} and the target is {tuple(target.shape)} of "
            f"{target.dtype}; mse, l1 and ssim need a float target of the outputs' shape."
        )
    _check_weight(output, weight)
    if weight is not None:
        target = torch.where(weight[:, None] > 0, target, 0)
    loss = formula(output.float(), target.float(), reduction="none").mean(1)  # (N, Y, X)
    return _mean(loss, weight, weight)


def _dissimilarity(output: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    """One minus the structural similarity at each pixel (N, C, Y, X); mirrored at the edges."""
    assert reduction == "none"
    with torch.autocast(output.device.type, enabled=False):  # differences of squares need 32 bits
        mean_x, mean_y = _smoothed(output), _smoothed(target)
        variance_x = _smoothed(output * output) - mean_x**2
        variance_y = _smoothed(target * target) - mean_y**2
        covariance = _smoothed(output * target) - mean_x * mean_y
    means = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    return 1 - means * (2 * covariance + SSIM_C2) / (variance_x + variance_y + SSIM_C2)


def _smoothed(x: Tensor) -> Tensor:
    """Each channel (N, C, Y, X) under a Gaussian of 1.5 px, 11 x 11 pixels."""
    offsets = torch.arange(-SSIM_REACH, SSIM_REACH + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (offsets / SSIM_SIGMA) ** 2)
    kernel = kernel / kernel.sum()
    planes = x.reshape(-1, 1, *x.shape[-2:])
    for axis in (-2, -1):
        size, reach = planes.shape[axis], SSIM_REACH
        pad = (0, 0, reach, reach) if axis == -2 else (reach, reach, 0, 0)
        planes = F.pad(planes, pad, mode="reflect" if size > reach else "replicate")
        shape = (1, 1, -1, 1) if axis == -2 else (1, 1, 1, -1)
        planes = F.conv2d(planes, kernel.reshape(shape))
    return planes.reshape(x.shape)
