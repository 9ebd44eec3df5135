import pytest
import torch

from softlight.models.outputs import activated


def test_each_kind_of_output_is_in_its_own_range() -> None:
    logits = torch.tensor([-50.0, 0.0, 50.0]).reshape(1, 3, 1, 1)
    assert activated(logits[:, 1:2], "classes").flatten().tolist() == [0.5]
    assert float(activated(logits, "classes").sum()) == pytest.approx(1)
    assert activated(logits, "flow").flatten().tolist() == pytest.approx([0, 0, 1], abs=1e-6)
