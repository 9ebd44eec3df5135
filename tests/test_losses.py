import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from sklearn.metrics import f1_score, jaccard_score

from softlight.config import LossConfig, LossTerm
from softlight.losses import (
    LOSSES,
    MAX_CLASS_RATIO,
    SMOOTH,
    _dissimilarity,
    automatic_class_weights,
    bce,
    build_loss,
    cross_entropy,
    dice,
    focal,
    focal_tversky,
    jaccard,
    l1,
    mse,
    ssim,
    tversky,
)

REGRESSION = ("l1", "mse", "ssim")
BINARY = [name for name in LOSSES if name not in (*REGRESSION, "cross_entropy")]
MULTICLASS = [name for name in LOSSES if name not in (*REGRESSION, "bce")]


def logits_for(probabilities):
    """Logits (1, 1, 1, X) whose sigmoids are these."""
    return torch.logit(torch.tensor(probabilities, dtype=torch.float32))[None, None, None]


def random_case(classes=1, *, seed=0, shape=(2, 7, 9)):
    generator = torch.Generator().manual_seed(seed)
    n, height, width = shape
    logits = torch.randn(n, classes, height, width, generator=generator)
    target = torch.randint(0, max(2, classes), shape, generator=generator)
    weight = torch.rand(shape, generator=generator)
    return logits, target, weight


def cases():
    for name in LOSSES:
        if name in REGRESSION:
            logits, _, weight = random_case(2)
            yield pytest.param(LOSSES[name], logits, random_case(2, seed=1)[0], weight, id=name)
        for kind, names in ((1, BINARY), (3, MULTICLASS)):
            if name in names:
                yield pytest.param(LOSSES[name], *random_case(kind), id=f"{name}-{kind}")


every_loss = pytest.mark.parametrize(("loss", "logits", "target", "weight"), list(cases()))


def test_every_loss_is_in_the_shared_cases():
    seen = {case.id.split("-")[0] for case in cases()}
    assert seen == set(LOSSES)


# ---- formulas


def test_tversky_with_alpha_unlike_beta_is_the_arithmetic_by_hand():
    logits = logits_for([0.9, 0.6, 0.3, 0.2])
    target = torch.tensor([[[1, 1, 0, 0]]])
    true_positive, false_positive, false_negative = 0.9 + 0.6, 0.3 + 0.2, 0.1 + 0.4
    assert false_positive == pytest.approx(false_negative)  # so only their weights matter below
    logits_2 = logits_for([0.9, 0.6, 0.3, 0.1])
    for given, fp in ((logits, 0.5), (logits_2, 0.4)):
        expected = 1 - (1.5 / 4 + SMOOTH) / (
            1.5 / 4 + 0.2 * fp / 4 + 0.9 * false_negative / 4 + SMOOTH
        )
        found = tversky(given, target, alpha=0.2, beta=0.9)
        assert float(found) == pytest.approx(expected, rel=1e-5)
    assert true_positive == pytest.approx(1.5)
    swapped = tversky(logits_2, target, alpha=0.9, beta=0.2)
    assert float(swapped) != pytest.approx(float(tversky(logits_2, target, alpha=0.2, beta=0.9)))


def test_alpha_weighs_false_positives_and_beta_false_negatives():
    target = torch.tensor([[[1, 1, 0, 0]]])
    too_much, too_little = (
        logits_for([0.99, 0.99, 0.99, 0.01]),
        logits_for([0.99, 0.01, 0.01, 0.01]),
    )
    assert tversky(too_much, target, alpha=0.9, beta=0.1) > tversky(
        too_little, target, alpha=0.9, beta=0.1
    )
    assert tversky(too_much, target, alpha=0.1, beta=0.9) < tversky(
        too_little, target, alpha=0.1, beta=0.9
    )


def test_dice_and_jaccard_of_hard_masks_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    truth, found = rng.random((2, 1, 20, 30)) < [[[[0.3]]], [[[0.4]]]]
    logits = torch.from_numpy(np.where(found, 40.0, -40.0))[:, None]
    target = torch.from_numpy(truth).long()
    expected = f1_score(truth.ravel(), found.ravel()), jaccard_score(truth.ravel(), found.ravel())
    assert float(1 - dice(logits, target)) == pytest.approx(expected[0], abs=2e-3)
    assert float(1 - jaccard(logits, target)) == pytest.approx(expected[1], abs=2e-3)
    assert expected[0] != pytest.approx(expected[1], abs=0.1)


def test_two_classes_give_the_same_region_loss_as_one_logit():
    logits, target, weight = random_case(1)
    both = torch.cat([torch.zeros_like(logits), logits], 1)
    for name in ("dice", "jaccard", "tversky", "focal_tversky", "focal"):
        assert torch.allclose(
            LOSSES[name](logits, target, weight), LOSSES[name](both, target, weight)
        )


def test_region_loss_of_several_classes_is_the_mean_over_all_but_background():
    logits, target, _ = random_case(4)
    p = logits.softmax(1)
    parts = []
    for c in (1, 2, 3):
        t = (target == c).float()
        tp = (p[:, c] * t).mean()
        fp, fn = (p[:, c] * (1 - t)).mean(), ((1 - p[:, c]) * t).mean()
        parts.append(1 - (tp + SMOOTH) / (tp + 0.3 * fp + 0.7 * fn + SMOOTH))
    assert float(tversky(logits, target)) == pytest.approx(float(sum(parts) / 3), rel=1e-5)


def test_bce_equals_torch():
    logits, target, weight = random_case(1)
    expected = F.binary_cross_entropy_with_logits(logits[:, 0], target.float())
    assert torch.allclose(bce(logits, target), expected)
    weighted = F.binary_cross_entropy_with_logits(
        logits[:, 0], target.float(), weight=weight, reduction="sum"
    )
    assert torch.allclose(bce(logits, target, weight), weighted / weight.sum())


def test_class_weights_of_bce_equal_torchs_weight_and_pos_weight():
    logits, target, _ = random_case(1)
    class_weights = torch.tensor([1.0, 3.5])
    expected = F.binary_cross_entropy_with_logits(
        logits[:, 0], target.float(), pos_weight=torch.tensor(3.5)
    )
    found = bce(logits, target, class_weights=class_weights)
    assert torch.allclose(found, expected)
    assert not torch.allclose(found, bce(logits, target))


def test_cross_entropy_equals_torch():
    logits, target, weight = random_case(3)
    class_weights = torch.tensor([0.2, 1.0, 3.0])
    assert torch.allclose(cross_entropy(logits, target), F.cross_entropy(logits, target))
    each = F.cross_entropy(logits, target, weight=class_weights, reduction="none")
    found = cross_entropy(logits, target, weight, class_weights=class_weights)
    assert torch.allclose(found, (each * weight).sum() / weight.sum())


@pytest.mark.parametrize("classes", [1, 3])
def test_focal_is_its_formula_and_cross_entropy_at_gamma_0(classes):
    logits, target, weight = random_case(classes)
    if classes == 1:
        p = logits[:, 0].sigmoid()
        true = torch.where(target > 0, p, 1 - p)
        plain = bce(logits, target, weight)
    else:
        true = logits.softmax(1).gather(1, target[:, None])[:, 0]
        plain = cross_entropy(logits, target, weight)
    expected = (weight * -((1 - true) ** 1.7) * true.log()).sum() / weight.sum()
    assert torch.allclose(focal(logits, target, weight, gamma=1.7), expected, rtol=1e-4)
    assert torch.allclose(focal(logits, target, weight, gamma=0.0), plain)


def test_focal_of_a_certain_and_right_network_has_a_gradient():
    for classes in (1, 2):
        logits = torch.full((1, classes, 2, 2), -80.0)
        logits[:, 0] = 200.0
        logits.requires_grad_()
        target = torch.full((1, 2, 2), 1 if classes == 1 else 0)
        loss = focal(logits, target, gamma=0.5)
        loss.backward()
        assert float(loss.detach()) == 0
        assert torch.isfinite(logits.grad).all()


def test_focal_tversky_is_tversky_to_its_power():
    logits, target, weight = random_case(1)
    base = float(tversky(logits, target, weight, alpha=0.2, beta=0.6))
    found = focal_tversky(logits, target, weight, alpha=0.2, beta=0.6, gamma=1.5)
    assert float(found) == pytest.approx(base**1.5, rel=1e-4)


@pytest.mark.parametrize("shape", [(40, 33), (12, 30)])
def test_ssim_is_that_of_another_library(shape):
    generator = torch.Generator().manual_seed(0)
    one = torch.rand(1, 1, *shape, generator=generator)
    other = (0.6 * one + 0.3 * torch.rand(1, 1, *shape, generator=generator)).clamp(0, 1)
    _, expected = structural_similarity(
        one[0, 0].numpy(),
        other[0, 0].numpy(),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    found = 1 - _dissimilarity(one, other, reduction="none")[0, 0].numpy()
    inside = (slice(5, -5), slice(5, -5))  # at the edges the libraries mirror in different ways
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)
    assert ssim(one, one).item() == pytest.approx(0, abs=1e-6)


def test_ssim_takes_images_smaller_than_its_window():
    small = torch.rand(1, 2, 3, 1)
    assert ssim(small, small).item() == pytest.approx(0, abs=1e-6)
    assert 0 < ssim(small, 1 - small).item() < 2


def test_ssim_of_two_gradients_falls_as_they_are_learned():
    target = torch.rand(1, 1, 16, 16)
    output = torch.zeros_like(target, requires_grad=True)
    optimizer = torch.optim.Adam([output], lr=0.05)
    first = ssim(output, target).item()
    for _ in range(60):
        optimizer.zero_grad()
        ssim(output, target).backward()
        optimizer.step()
    assert ssim(output, target).item() < 0.2 * first


def test_mse_and_l1_equal_torch_and_weigh_pixels():
    output, other, weight = random_case(2)[0], random_case(2, seed=5)[0], random_case(2)[2]
    assert torch.allclose(mse(output, other), F.mse_loss(output, other))
    assert torch.allclose(l1(output, other), F.l1_loss(output, other))
    expected = (weight[:, None] * (output - other).abs()).sum() / (2 * weight.sum())
    assert torch.allclose(l1(output, other, weight), expected)


# ---- what must hold for all


@pytest.mark.parametrize("name", BINARY)
def test_an_empty_target_still_penalises_false_positives(name):
    target = torch.zeros(1, 32, 32, dtype=torch.long)
    losses = []
    for share in (0.0, 0.001, 0.01, 0.1, 0.5):
        logits = torch.full((1, 1, 32, 32), -20.0)
        logits.view(-1)[: round(share * 1024)] = 3.0
        losses.append(float(LOSSES[name](logits, target)))
    assert losses[0] == pytest.approx(0, abs=1e-3)
    assert all(b > a for a, b in itertools.pairwise(losses))
    logits = torch.full((1, 1, 32, 32), -2.0, requires_grad=True)
    LOSSES[name](logits, target).backward()
    assert (logits.grad > 0).all()


@every_loss
def test_a_perfect_answer_costs_nearly_nothing_and_a_wrong_one_more(loss, logits, target, weight):
    if target.is_floating_point():
        right, wrong = target, target + 1
    elif logits.shape[1] == 1:
        right = torch.where(target > 0, 30.0, -30.0)[:, None]
        wrong = -right
    else:
        right = 60.0 * F.one_hot(target, logits.shape[1]).movedim(-1, 1).float()
        wrong = -right
    assert float(loss(right, target, weight)) == pytest.approx(0, abs=1e-5)
    assert float(loss(wrong, target, weight)) > 0.5


@every_loss
def test_ignored_pixels_change_neither_value_nor_gradient(loss, logits, target, weight):
    weight = weight.clone()
    weight[:, 2:5] = 0
    values, gradients = [], []
    for fill in (0, 1):
        given = logits.clone()
        given[:, :, 2:5] += 7.0 * fill
        given.requires_grad_()
        changed = target.clone()
        changed[..., 2:5, :] = (255, torch.nan)[target.is_floating_point()] if fill else 0
        value = loss(given, changed, weight)
        value.backward()
        values.append(float(value.detach()))
        gradients.append(given.grad)
    assert values[0] == values[1]
    assert torch.equal(gradients[0], gradients[1])
    assert not gradients[0][:, :, 2:5].any()
    assert gradients[0].any()
    assert values[0] != pytest.approx(float(loss(logits, target, None)))


@every_loss
def test_a_wholly_ignored_batch_is_zero_with_a_gradient(loss, logits, target, weight):
    logits = logits.clone().requires_grad_()
    value = loss(logits, target, torch.zeros_like(weight))
    value.backward()
    assert float(value.detach()) == pytest.approx(0, abs=1e-7)
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@every_loss
def test_weights_of_one_are_no_weights_and_their_scale_does_not_matter(
    loss, logits, target, weight
):
    assert torch.allclose(loss(logits, target, torch.ones_like(weight)), loss(logits, target))
    assert torch.allclose(loss(logits, target, weight * 8), loss(logits, target, weight))


@every_loss
def test_half_precision_in_gives_float32_out_under_autocast(loss, logits, target, weight):
    half = logits.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(half, target, weight)
    assert found.dtype == torch.float32
    assert torch.equal(found, loss(half.float(), target, weight))


@every_loss
def test_gradient_is_that_of_finite_differences(loss, logits, target, weight):
    logits = logits[:1, :, :2, :3].clone().requires_grad_()
    cut = (slice(1), slice(2), slice(3))
    target = target[:1, ..., :2, :3]
    value = loss(logits, target, weight[cut])
    value.backward()
    step = 1e-2
    for index in ((0, 0, 0, 1), (0, logits.shape[1] - 1, 1, 2)):
        moved = []
        for sign in (1, -1):
            given = logits.detach().clone()
            given[index] += sign * step
            moved.append(float(loss(given, target, weight[cut])))
        slope = (moved[0] - moved[1]) / (2 * step)
        assert float(logits.grad[index]) == pytest.approx(slope, rel=0.02, abs=1e-4)


@every_loss
def test_extreme_logits_stay_finite(loss, logits, target, weight):
    logits = (1e4 * logits).requires_grad_()
    value = loss(logits, target, weight)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()


@every_loss
def test_wrong_shapes_are_refused(loss, logits, target, weight):
    with pytest.raises(ValueError, match="need"):
        loss(logits[:, :, 1:], target, weight)
    with pytest.raises(ValueError, match="weights must be"):
        loss(logits, target, weight[:, 1:])


def test_wrong_kinds_of_output_are_refused():
    logits, target, _ = random_case(3)
    with pytest.raises(ValueError, match="bce needs one output channel, the network has 3"):
        bce(logits, target)
    with pytest.raises(ValueError, match="cross_entropy needs two or more"):
        cross_entropy(logits[:, :1], target)
    with pytest.raises(ValueError, match="float target"):
        mse(logits[:, :1], target)
    with pytest.raises(ValueError, match="class indices"):
        dice(logits[:, :1], target.float())
    with pytest.raises(ValueError, match="2 class weights for 3 classes"):
        cross_entropy(logits, target, class_weights=torch.ones(2))


def test_region_loss_does_not_change_with_the_size_of_the_patch():
    logits, target, _ = random_case(1)
    tiled = logits.repeat(1, 1, 3, 3), target.repeat(1, 3, 3)
    assert torch.allclose(tversky(*tiled), tversky(logits, target), rtol=1e-5)


# ---- the weighted sum


def test_the_sum_is_that_of_its_weighted_terms():
    config = LossConfig(
        terms=(
            LossTerm(name="bce", weight=0.3),
            LossTerm(name="tversky", weight=2.0, alpha=0.1, beta=0.8),
            LossTerm(name="tversky", alpha=0.8, beta=0.1),
        )
    )
    logits, target, weight = random_case(1)
    logits.requires_grad_()
    total, terms = build_loss(config)(logits, target, weight)
    assert list(terms) == ["bce", "tversky", "tversky_2"]
    expected = (
        0.3 * bce(logits, target, weight)
        + 2 * tversky(logits, target, weight, alpha=0.1, beta=0.8)
        + tversky(logits, target, weight, alpha=0.8, beta=0.1)
    )
    assert torch.allclose(total, expected)
    assert torch.allclose(terms["bce"], bce(logits, target, weight))
    assert total.requires_grad
    assert not any(term.requires_grad for term in terms.values())


@pytest.mark.parametrize("name", list(LOSSES))
def test_each_loss_can_be_named(name):
    loss = build_loss(LossConfig(terms=(LossTerm(name=name),)))
    if name in REGRESSION:
        logits, target = random_case(1)[0], random_case(1, seed=2)[0]
    else:
        logits, target, _ = random_case(3 if name == "cross_entropy" else 1)
    total, terms = loss(logits, target)
    assert torch.equal(total, terms[name])
    assert torch.equal(total, LOSSES[name](logits, target))


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("tversky", "alpha"), ("tversky", "beta"), ("focal", "gamma")]
    + [("focal_tversky", parameter) for parameter in ("alpha", "beta", "gamma")],
)
def test_each_parameter_reaches_its_loss(name, parameter):
    logits, target, _ = random_case(1)
    values = [
        float(build_loss(LossConfig(terms=(term,)))(logits, target)[0])
        for term in (LossTerm(name=name), LossTerm(name=name, **{parameter: 1.9}))
    ]
    assert values[1] == pytest.approx(float(LOSSES[name](logits, target, **{parameter: 1.9})))
    assert values[0] != pytest.approx(values[1])


def test_class_weights_reach_the_terms_that_use_them():
    logits, target, _ = random_case(1)
    terms = (LossTerm(name="bce"), LossTerm(name="dice"))
    plain = build_loss(LossConfig(terms=terms))(logits, target)[1]
    for loss in (
        build_loss(LossConfig(terms=terms, class_weights=(1.0, 4.0))),
        build_loss(LossConfig(terms=terms, class_weights="auto"), (1.0, 4.0)),
        build_loss(LossConfig(terms=terms), torch.tensor([1.0, 4.0])),
    ):
        found = loss(logits, target)[1]
        expected = bce(logits, target, class_weights=torch.tensor([1.0, 4.0]))
        assert torch.equal(found["bce"], expected)
        assert not torch.allclose(found["bce"], plain["bce"])
        assert torch.equal(found["dice"], plain["dice"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (LossConfig(terms=(LossTerm(name="dise"),)), "no loss 'dise'.*bce, cross_entropy, dice"),
        (LossConfig(terms=(LossTerm(name="bce", alpha=0.3),)), "bce has no parameter alpha"),
        (LossConfig(terms=(LossTerm(name="dice", beta=0.3),)), "or use focal_tversky, tversky"),
        (LossConfig(terms=(LossTerm(name="tversky", gamma=2),)), "tversky has no parameter gamma"),
        (LossConfig(terms=(LossTerm(name="tversky", alpha=-1),)), "alpha = -1.0; it must be 0"),
        (LossConfig(terms=()), "no terms"),
        (LossConfig(class_weights="auto"), "automatic_class_weights"),
        (
            LossConfig.model_construct(terms=(LossTerm(name="bce"),), class_weights=(1.0, -2.0)),
            "0 or more for each class",
        ),
        (
            LossConfig(terms=(LossTerm(name="dice"),), class_weights=(1.0, 2.0)),
            "change nothing: dice does not use them",
        ),
    ],
)
def test_a_loss_that_cannot_be_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_loss(config)


# ---- class weights


def test_automatic_class_weights_by_hand():
    assert automatic_class_weights([80, 20]) == pytest.approx((0.625, 2.5))
    assert automatic_class_weights([50, 50]) == pytest.approx((1, 1))
    assert automatic_class_weights([60, 30, 10]) == pytest.approx((1 / 1.8, 2 / 1.8, 6 / 1.8))


def test_automatic_class_weights_have_a_mean_of_one_and_a_cap():
    for counts in ([99_999, 1], [7, 13, 1000], [500, 0]):
        weights = automatic_class_weights(counts)
        mean = sum(n * w for n, w in zip(counts, weights, strict=True)) / sum(counts)
        assert mean == pytest.approx(1)
        assert max(weights) / min(weights) <= MAX_CLASS_RATIO * (1 + 1e-9)
        assert all(math.isfinite(weight) for weight in weights)


@pytest.mark.parametrize("counts", [[], [0, 0], [-1, 5]])
def test_counts_without_sense_are_refused(counts):
    with pytest.raises(ValueError, match="0 or more and one above 0"):
        automatic_class_weights(counts)
