"""Where a result comes from: versions, time and settings, in every file that we write."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version


def stamp() -> dict[str, str]:
    """The versions and the moment that belong to a result."""
    return {
        "softlight": version("softlight"),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
