import pytest
import torch

from softlight.config import OptimizerConfig
from softlight.training.checkpoint import optimizer_tensors, restore_optimizer
from softlight.training.muon import Muon, evened
from softlight.training.optimizer import build_optimizer


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (8, 8), (1, 9)])
def test_directions_stay_and_their_lengths_become_alike(shape):
    torch.manual_seed(0)
    left, lengths, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    spread = left * torch.logspace(0, -2, len(lengths)) @ right
    result = left.T @ evened(spread) @ right.T
    assert result.diagonal().min() > 0.5
    assert result.diagonal().max() < 1.4
    off = result - result.diagonal().diag()
    assert off.abs().max() < 0.15


def test_a_gradient_of_zero_moves_nothing():
    assert evened(torch.zeros(4, 6)).abs().max() == 0


@pytest.mark.parametrize("inputs", [16, 1])
def test_a_step_is_as_long_as_one_of_adamw(inputs):
    torch.manual_seed(0)
    kernel = torch.nn.Parameter(torch.zeros(32, inputs, 3, 3))
    kernel.grad = torch.randn_like(kernel)
    Muon([{"params": [kernel]}], lr=0.01).step()
    assert kernel.square().mean().sqrt().item() == pytest.approx(0.2 * 0.01, rel=0.2)


def test_what_is_no_kernel_goes_by_adamw():
    mine, theirs = (torch.nn.Parameter(torch.ones(5)) for _ in range(2))
    muon = Muon([{"params": [mine], "weight_decay": 0.1}], lr=0.01)
    adamw = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.1)
    for seed in range(5):
        torch.manual_seed(seed)
        mine.grad = torch.randn(5)
        theirs.grad = mine.grad.clone()
        muon.step()
        adamw.step()
    torch.testing.assert_close(mine, theirs)


def test_the_recipe_names_it_and_biases_do_not_decay():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8))
    config = OptimizerConfig(name="muon", learning_rate=0.01, weight_decay=0.1, momentum=0.95)
    optimizer = build_optimizer(config, network)
    assert isinstance(optimizer, Muon)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    assert {group["momentum"] for group in optimizer.param_groups} == {0.95}


def test_it_goes_on_as_if_it_had_not_been_interrupted():
    def stepped(network, optimizer, seeds):
        for seed in seeds:
            torch.manual_seed(seed)
            network(torch.randn(2, 1, 8, 8)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    config = OptimizerConfig(name="muon", learning_rate=0.01)
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 4, 3)
    optimizer = build_optimizer(config, network)
    stepped(network, optimizer, range(3))
    again = torch.nn.Conv2d(1, 4, 3)
    again.load_state_dict(network.state_dict())
    resumed = build_optimizer(config, again)
    restore_optimizer(resumed, {k: v.clone() for k, v in optimizer_tensors(optimizer).items()})
    stepped(network, optimizer, range(3, 6))
    stepped(again, resumed, range(3, 6))
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
