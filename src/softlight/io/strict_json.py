"""JSON that every reader takes: numbers that are not finite are null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from softlight.io.files import replacing


def write_json(path: Path, values: Any) -> None:
    """The values in a file, whole or not at all.

    Python would write NaN and Infinity, which JSON does not have and most programs refuse.
    """
    text = json.dumps(plain(values), indent=2, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def plain(value: Any) -> Any:
    """The value as JSON knows it: numpy's numbers as Python's, None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
