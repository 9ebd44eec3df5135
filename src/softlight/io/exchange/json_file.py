"""JSON that somebody else wrote: read whole, with one sentence for what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from softlight.io.errors import reading
from softlight.io.exchange.movie import ExchangeError

_MAX_BYTES = 4 << 30


def read_json_file(path: Path, what: str) -> Any:
    """What the JSON file holds; an ExchangeError where it is empty, huge, cut off or no JSON."""
    with reading(path, f"{what} file"):
        if path.is_dir():
            raise ExchangeError(f"{path} is a folder; give the {what} file in it.")
        size = path.stat().st_size
        if size == 0:
            raise ExchangeError(f"{path.name} is empty (0 bytes); copy it again from the source.")
        if size > _MAX_BYTES:
            raise ExchangeError(f"{path.name} has {size / 1e9:.0f} GB; split it by movie.")
        try:
            return json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ExchangeError(
                f"{path.name} is not readable JSON ({' '.join(str(error).split())[:80]}); "
                "it may be cut off, so copy it again."
            ) from None


def as_whole(value: Any, what: str) -> int:
    """The value as a whole number of at most 2^31; an ExchangeError where it is none."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) < 2**31
        or value != value // 1
    ):
        raise ExchangeError(f"{what} is {value!r:.40}; it must be a whole number.")
    return int(value)
