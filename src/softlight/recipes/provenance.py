"""Where a result comes from: versions, time and settings, in every file that we write."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from softlight.config import ConfigError


def stamp() -> dict[str, str]:
    """The versions and the moment that belong to a result."""
    return {
        "softlight": version("softlight"),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def sources(names: Sequence[str], licences: str | Sequence[str]) -> dict[str, str]:
    """What a model's card says of these data sets and their licences.

    Args:
        names: of the sets.
        licences: one for all sets, or as many as there are sets, in their order.
    """
    given = [licences] if isinstance(licences, str) else list(licences)
    given = [one.strip() for one in given] or [""]
    if len(given) not in (1, len(names)):
        raise ConfigError(
            f"{len(given)} licences were given for {len(names)} data sets. Give one for all of "
            "them, or one for each, in their order."
        )
    told = [one or "not stated" for one in given]
    if len(told) > 1:
        told = [f"{name}: {one}" for name, one in zip(names, told, strict=True)]
    return {"data": ", ".join(names), "licence_of_data": "; ".join(told)}
