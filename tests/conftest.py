"""What every test may use."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: threads would only wait

REAL_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images beside the project, or a skip that says so."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real images are not at {REAL_DATA.parent.name}/{REAL_DATA.name}")
    return REAL_DATA
