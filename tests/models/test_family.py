"""How one network is built as a part of another."""

import pytest
import torch

from softlight.config import ModelConfig
from softlight.models.family import FAMILY, build_base
from softlight.models.registry import build_model


@pytest.mark.parametrize("name", sorted(FAMILY))
def test_the_part_is_the_network_of_that_name(name: str) -> None:
    config = ModelConfig(name="whole", base=name, depth=1, width=4)
    alone = build_model(ModelConfig(name=name, depth=1, width=4, out_channels=3))
    part = build_base(config, out_channels=3)
    assert type(part) is type(alone)
    assert [p.shape for p in part.parameters()] == [p.shape for p in alone.parameters()]


def test_the_second_part_is_as_the_first_unless_it_is_named() -> None:
    assert isinstance(build_base(ModelConfig(depth=1), second=True), FAMILY["unet"])


@pytest.mark.parametrize("key", ["base", "second_base"])
def test_an_unknown_part_is_refused_even_where_it_is_not_used(key: str) -> None:
    config = ModelConfig.model_validate({key: "unett"})
    with pytest.raises(ValueError, match=rf"no network 'unett' for model\.{key}; there are: unet"):
        build_model(config)


def test_the_weights_are_drawn_as_those_of_the_network_alone() -> None:
    torch.manual_seed(3)
    alone = build_model(ModelConfig(depth=1, width=4))
    torch.manual_seed(3)
    part = build_base(ModelConfig(name="whole", depth=1, width=4))
    for one, other in zip(alone.parameters(), part.parameters(), strict=True):
        assert torch.equal(one, other)
