"""Simulated stand-ins for the published data sets, so that every recipe can be tried offline."""

from __future__ import annotations

from pathlib import Path

from softlight.io.files import replacing
from softlight.simulate.movie import simulate
from softlight.simulate.scene import Scene
from softlight.simulate.write import write_paired

_SCENES = {
    "livecell-unet": [
        {"modality": "phase", "morphology": morphology, "cells": cells}
        for morphology, cells in (("spindly", 25), ("round", 60), ("sheet", 60), ("neurites", 30))
    ],
    "ctc-unet": [
        {"modality": "fluorescence", "morphology": "round", "cells": cells, "bit_depth": 8}
        for cells in (10, 14, 18, 22)
    ],
    "is-this-cell-alive": [
        {"modality": "fluorescence", "morphology": "spindly", "cells": cells, "bit_depth": 16}
        for cells in (20, 30, 40)
    ],
}
_SIDE_PX = {True: 192, False: 384}
_FRAMES = {True: 1, False: 3}


def simulate_stand_in(name: str, folder: Path, *, quick: bool) -> Path:
    """A folder of simulated images and labels of the kind that this system was made for."""
