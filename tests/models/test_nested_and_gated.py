"""U-Net++ and the Attention U-Net: what is told of them, counted and computed by hand."""

import pytest
import torch
import torch.nn.functional as F

from softlight.config import ModelConfig
from softlight.models.attention_unet import AttentionGate, AttentionUNet
from softlight.models.family import FAMILY
from softlight.models.registry import build_model


def build(name: str, seed: int = 2, **changes: object) -> torch.nn.Module:
    torch.manual_seed(seed)
    settings = {"name": name, "depth": 3, "width": 4, "out_channels": 2} | changes
    return build_model(ModelConfig.model_validate(settings)).eval()


IMAGE = torch.rand(1, 1, 24, 40, generator=torch.Generator().manual_seed(1))


def double(n_in: int, n_out: int) -> int:  # two 3x3 convolutions without bias, two batch norms
    return 9 * n_in * n_out + 9 * n_out * n_out + 4 * n_out


def count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_nodes_of_unetpp_are_those_counted_by_hand() -> None:
    model = build("unetpp", depth=2, width=8)
    encoder = double(1, 8) + double(8, 16) + double(16, 32)
    first = (16 * 8 + 8) + double(8 + 8, 8)  # (0, 1) joins (0, 0) and (1, 0)
    lower = (32 * 16 + 16) + double(16 + 16, 16)  # (1, 1) joins (1, 0) and (2, 0)
    last = (16 * 8 + 8) + double(2 * 8 + 8, 8)  # (0, 2) joins (0, 0), (0, 1) and (1, 1)
    head = 8 * 2 + 2
    assert count(model) == encoder + first + lower + last + head
    assert list(model.nodes) == ["0_1", "1_1", "0_2"]


def test_at_depth_one_all_of_the_family_are_one_network() -> None:
    shapes = {
        name: sorted(tuple(p.shape) for p in build(name, depth=1).parameters()) for name in FAMILY
    }
    assert shapes["unetpp"] == shapes["attention-unet"] == shapes["unet"]


def test_the_gates_are_those_counted_by_hand() -> None:
    extra = count(build("attention-unet")) - count(build("unet"))
    gates = 0
    for skip, gate in ((16, 32), (8, 16)):  # every level but the finest, of 4 channels
        inner = skip // 2
        gates += 4 * skip * inner + (gate * inner + inner) + (inner + 1)
    assert extra == gates


def test_a_gate_is_the_formula_of_the_paper() -> None:
    torch.manual_seed(0)
    gate = AttentionGate(6, 8)
    skip, signal = torch.rand(2, 6, 8, 10), torch.rand(2, 8, 4, 5)
    joined = F.conv2d(skip, gate.of_skip.weight, stride=2)
    joined = joined + F.conv2d(signal, gate.of_gate.weight, gate.of_gate.bias)
    coarse = F.conv2d(joined.clamp_min(0), gate.psi.weight, gate.psi.bias).sigmoid()
    fine = F.interpolate(coarse, size=(8, 10), mode="bilinear")
    torch.testing.assert_close(gate(skip, signal), skip * fine)
    attention = gate.attention(skip, signal)
    assert attention.shape == (2, 1, 8, 10)
    assert attention.min() > 0
    assert attention.max() < 1


@torch.no_grad()
def test_closed_gates_let_nothing_through_and_open_ones_all() -> None:
    model, plain = build("attention-unet"), build("unet")
    assert isinstance(model, AttentionUNet)
    shared = {k: v for k, v in model.state_dict().items() if not k.startswith("gates.")}
    plain.load_state_dict(shared)
    for gate in model.gates:
        gate.psi.weight.zero_()
        gate.psi.bias.fill_(100)
    torch.testing.assert_close(model(IMAGE).logits, plain(IMAGE).logits)
    for gate in model.gates:
        gate.psi.bias.fill_(-100)
    assert not torch.allclose(model(IMAGE).logits, plain(IMAGE).logits)


class TestDeepSupervision:
    @pytest.mark.parametrize("name", sorted(FAMILY))
    @pytest.mark.parametrize("depth", [1, 2, 4])
    def test_every_level_but_the_last_answers_beside_it(self, name: str, depth: int) -> None:
        said = build(name, depth=depth, deep_supervision=True)(torch.rand(2, 1, 17, 23))
        assert list(said.auxiliary or {}) == [f"side{n}" for n in range(1, depth)]
        for answer in (said.auxiliary or {}).values():
            assert answer.shape == (2, 2, 17, 23)
            assert answer.dtype == torch.float32
            assert answer.isfinite().all()

    @pytest.mark.parametrize("name", sorted(FAMILY))
    def test_without_it_nothing_else_is_said_and_the_last_answer_is_the_same(
        self, name: str
    ) -> None:
        deep, plain = build(name, deep_supervision=True), build(name)
        plain.load_state_dict(
            {k: v for k, v in deep.state_dict().items() if not k.startswith("side_heads.")}
        )
        assert plain(IMAGE).auxiliary is None
        assert torch.equal(plain(IMAGE).logits, deep(IMAGE).logits)

    @pytest.mark.parametrize("name", sorted(FAMILY))
    def test_a_side_teaches_what_lies_before_it_alone(self, name: str) -> None:
        model = build(name, deep_supervision=True).train()
        model(IMAGE).auxiliary["side1"].square().mean().backward()
        learned = {n for n, p in model.named_parameters() if p.grad is not None}
        assert any(n.startswith("side_heads.0") for n in learned)
        assert not any(n.startswith(("head.", "side_heads.1")) for n in learned)
        last = "nodes.0_3" if name == "unetpp" else "ups.2"
        assert not any(n.startswith(last) for n in learned)

    def test_the_first_side_of_unetpp_is_a_unet_of_depth_one(self) -> None:
        deep = build("unetpp", deep_supervision=True)
        small = build("unet", depth=1)
        state = deep.state_dict()
        small.load_state_dict(
            {
                **{k: v for k, v in state.items() if k.startswith(("stem.", "downs.0."))},
                **{
                    k.replace("nodes.0_1.", "ups.0."): v
                    for k, v in state.items()
                    if k.startswith("nodes.0_1.")
                },
                "head.weight": state["side_heads.0.weight"],
                "head.bias": state["side_heads.0.bias"],
            }
        )
        side = deep(IMAGE).auxiliary["side1"]
        torch.testing.assert_close(small(IMAGE).logits, side)
