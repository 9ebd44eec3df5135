import json
from pathlib import Path

import numpy as np

from softlight.io.strict_json import write_json


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    values = {
        "a": float("nan"),
        "b": [1.5, float("inf"), (-np.inf, np.float64(2))],
        "c": {"d": np.float64("nan"), "e": None, "f": "nan", "g": True},
    }
    write_json(tmp_path / "a.json", values)
    read = json.loads((tmp_path / "a.json").read_text(), parse_constant=no_constant)
    assert read == {
        "a": None,
        "b": [1.5, None, [None, 2.0]],
        "c": {"d": None, "e": None, "f": "nan", "g": True},
    }
