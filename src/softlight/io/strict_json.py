"""JSON that every reader takes: numbers that are not finite are null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from softlight.io.files import replacing


def write_json(path: Path, values: Any) -> None:
    """The values in a file, whole or not at all.

    Python would write NaN and Infinity, which JSON does not have and most programs refuse.
    """
    text = json.dumps(_finite(values), indent=2, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
