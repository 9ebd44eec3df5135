import pytest
import torch

from softlight.models import device as module
from softlight.models.device import (
    DeviceError,
    available_devices,
    choose_device,
    describe_device,
    is_fast_in_bf16,
)


def test_cpu_is_always_there():
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu") == torch.device("cpu")


def test_auto_takes_the_fastest(monkeypatch):
    monkeypatch.setattr(module, "available_devices", lambda: ["cuda:0", "cuda:1", "cpu"])
    assert choose_device("auto") == torch.device("cuda:0")
    assert choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setattr(module, "available_devices", lambda: ["cpu"])
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "gpu", ""])
def test_an_absent_device_is_an_error_that_says_what_is_there(monkeypatch, name):
    monkeypatch.setattr(module, "available_devices", lambda: ["cpu"])
    with pytest.raises(DeviceError, match="this machine has cpu"):
        choose_device(name)


def test_the_description_names_the_device():
    threads = torch.get_num_threads()
    assert describe_device(torch.device("cpu")) == f"cpu ({threads} threads)"


def test_bf16_is_fast_only_where_the_processor_has_it(monkeypatch):
    cpu = torch.device("cpu")
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, check, lambda: False, raising=False)
    assert not is_fast_in_bf16(cpu)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert is_fast_in_bf16(cpu)
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, check)
    assert not is_fast_in_bf16(cpu)
    assert not is_fast_in_bf16(torch.device("mps"))
