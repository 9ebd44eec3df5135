"""Automatic preprocessing: filters, translated images, and how the answers are merged."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from softlight.config import ModelConfig
from softlight.models.autoprep import AutoPrep
from softlight.models.family import FAMILY
from softlight.models.registry import build_model


def build(seed: int = 1, **changes: object) -> AutoPrep:
    settings = {"name": "autoprep", "depth": 2, "width": 4, "out_channels": 3} | changes
    torch.manual_seed(seed)
    model = build_model(ModelConfig.model_validate(settings))
    assert isinstance(model, AutoPrep)
    return model.eval()


IMAGE = torch.rand(2, 1, 17, 22, generator=torch.Generator().manual_seed(0))


def stack(model: AutoPrep) -> torch.Tensor:
    """The answers (N, M + 1, C, Y, X) that are merged."""
    auxiliary = model(IMAGE).auxiliary
    return torch.stack([auxiliary[name] for name in model.answers], dim=1)


@torch.no_grad()
def give_weights(model: AutoPrep, weights: list[float]) -> None:
    model.weights.copy_(torch.tensor(weights))


class TestEnsemble:
    def test_learned_is_the_weighted_sum_by_hand(self) -> None:
        model = build()
        weights = [0.7, -0.2, 0.4, 1.5]
        give_weights(model, weights)
        said = model(IMAGE)
        by_hand = sum(
            weight * said.auxiliary[name]
            for weight, name in zip(
                weights, ["stage1", "translated1", "translated2", "translated3"], strict=True
            )
        )
        torch.testing.assert_close(said.logits, by_hand)

    def test_it_is_the_papers_3d_convolution_of_one_pixel(self) -> None:
        model = build()
        weights = [0.7, -0.2, 0.4, 1.5]
        give_weights(model, weights)
        kernel = torch.tensor(weights).reshape(1, 4, 1, 1, 1)
        merged = F.conv3d(stack(model), kernel)[:, 0]
        torch.testing.assert_close(model(IMAGE).logits, merged)

    @pytest.mark.parametrize("chosen", range(4))
    def test_one_hot_weights_give_that_answer(self, chosen: int) -> None:
        model = build()
        give_weights(model, [float(i == chosen) for i in range(4)])
        assert torch.equal(model(IMAGE).logits, stack(model)[:, chosen])

    def test_learned_begins_as_fixed_which_is_the_mean(self) -> None:
        learned, fixed = build(), build(ensemble="fixed")
        fixed.load_state_dict({k: v for k, v in learned.state_dict().items() if k != "weights"})
        torch.testing.assert_close(learned(IMAGE).logits, fixed(IMAGE).logits)
        torch.testing.assert_close(fixed(IMAGE).logits, stack(fixed).mean(1))

    def test_none_is_one_answer_of_the_second_network_that_costs_once(self) -> None:
        model = build(ensemble="none")
        said = model(IMAGE)
        assert sorted(said.auxiliary) == ["stage1", "translated2", "translated3"]
        padded = F.pad(IMAGE, (0, 2, 0, 3), mode="reflect")
        first = model.translate(padded).images[:, 0]
        torch.testing.assert_close(said.logits, model.second(first).logits[..., :17, :22])

    def test_the_three_kinds_differ(self) -> None:
        weights = build().state_dict()
        answers = []
        for kind in ("none", "fixed", "learned"):
            model = build(ensemble=kind)
            model.load_state_dict(weights, strict=kind == "learned")
            if kind == "learned":
                give_weights(model, [0.1, 0.2, 0.3, 0.4])
            answers.append(model(IMAGE).logits)
        assert not torch.allclose(answers[0], answers[1])
        assert not torch.allclose(answers[0], answers[2])
        assert not torch.allclose(answers[1], answers[2])


class TestTranslation:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_each_filter_is_added_to_every_channel(self, channels: int) -> None:
        model = build(in_channels=channels)
        image = torch.rand(2, channels, 17, 22)
        said = model.translate(image)
        assert said.filters.shape == (2, 3, 17, 22)
        assert said.images.shape == (2, 3, channels, 17, 22)
        assert said.filters.min() >= 0.5  # a sigmoid of what a ReLU let through
        assert said.filters.max() < 1
        for m in range(3):
            for c in range(channels):
                torch.testing.assert_close(said.images[:, m, c], image[:, c] + said.filters[:, m])

    def test_the_answer_of_the_first_network_reads_the_maps_that_are_filters(self) -> None:
        model = build()
        said = model.translate(IMAGE)
        maps = torch.logit(said.filters.double()).float()
        torch.testing.assert_close(model.head(maps), said.logits, atol=1e-4, rtol=1e-4)
        assert torch.equal(said.logits, model(IMAGE).auxiliary["stage1"])

    @pytest.mark.parametrize("norm", ["batch", "group", "none"])
    @pytest.mark.parametrize("seed", range(3))
    def test_no_map_begins_silent(self, norm: str, seed: int) -> None:
        model = build(seed, norm=norm).train()
        filters = model.translate(IMAGE).filters
        assert ((filters > 0.5).float().mean((0, 2, 3)) > 0).all()

    def test_one_logit_is_of_two_classes(self) -> None:
        model = build(out_channels=1)
        assert model.translate(IMAGE).filters.shape[1] == 2
        assert model(IMAGE).logits.shape == (2, 1, 17, 22)


@pytest.mark.parametrize("base", sorted(FAMILY))
@pytest.mark.parametrize("second", ["", "unet", "unetpp"])
def test_any_of_the_family_can_be_inside(base: str, second: str) -> None:
    model = build(base=base, second_base=second, deep_supervision=True)
    assert type(model.first) is FAMILY[base]
    assert type(model.second) is FAMILY[second or base]
    assert model(IMAGE).logits.shape == (2, 3, 17, 22)


def test_under_deep_supervision_the_second_networks_levels_answer_too() -> None:
    model = build(deep_supervision=True)
    expected = {"stage1"} | {f"translated{m}{side}" for m in (1, 2, 3) for side in ("", "_side1")}
    for training in (False, True):
        auxiliary = model.train(training)(IMAGE).auxiliary
        assert set(auxiliary) == expected
        assert all(answer.shape == (2, 3, 17, 22) for answer in auxiliary.values())


def test_one_batch_or_one_after_the_other_is_the_same_without_batch_norm() -> None:
    model = build(norm="group", deep_supervision=True)
    alone, together = model(IMAGE), model.train()(IMAGE)
    torch.testing.assert_close(alone.logits, together.logits)
    for name, answer in alone.auxiliary.items():
        torch.testing.assert_close(answer, together.auxiliary[name])


def _steps(model: torch.nn.Module) -> torch.Tensor:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(3):
        said = model.train()(IMAGE)
        loss = sum(a.square().mean() for a in (said.logits, *said.auxiliary.values()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()(IMAGE).logits


def test_two_runs_with_one_seed_agree_and_another_seed_differs() -> None:
    make: Callable[..., AutoPrep] = build
    assert torch.equal(_steps(make(3)), _steps(make(3)))
    assert not torch.equal(_steps(make(3)), _steps(make(4)))


def test_training_moves_the_weights_of_the_ensemble() -> None:
    model = build()
    _steps(model)
    assert not torch.equal(model.weights, torch.full((4,), 0.25))


def test_merging_stays_exact_where_convolutions_are_bfloat16() -> None:
    model = build()
    with torch.autocast("cpu", torch.bfloat16):
        said = model(IMAGE)
        merged = stack(model).mean(1)
    assert said.logits.dtype == torch.float32
    torch.testing.assert_close(said.logits, merged, atol=1e-5, rtol=1e-5)
