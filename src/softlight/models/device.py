"""Which processor runs the network: asked for by name, never silently another one."""

from __future__ import annotations

import torch


class DeviceError(ValueError):
    """A device was asked for that this machine does not have."""


def available_devices() -> list[str]:
    """The names of the devices that work here, the fastest first; the last is ``cpu``."""
    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def choose_device(name: str = "auto") -> torch.device:
    """The device of this name; ``auto`` is the fastest there is, ``cuda`` the first card."""
    present = available_devices()
    wanted = {"auto": present[0], "cuda": "cuda:0"}.get(name, name)
    if wanted not in present:
        raise DeviceError(
            f"Device {name!r} was asked for, but this machine has {', '.join(present)}. "
            'Choose one of these or "auto".'
        )
    return torch.device(wanted)


def describe_device(device: torch.device) -> str:
    """The device in words, for the user to see: ``cpu (2 threads)``, ``cuda:0 (NVIDIA H200)``."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return str(device)
