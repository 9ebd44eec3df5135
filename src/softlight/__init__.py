"""Softlight measures live cells from gentle imaging.

The names below are all that most programs need; each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0.dev0"

_HOMES = {
    "AnalyzeSettings": "softlight.recipes.analysis.settings",
    "Movie": "softlight.io.images",
    "Options": "softlight.recipes.divide",
    "PlanSettings": "softlight.recipes.plan.settings",
    "Reading": "softlight.recipes.segment",
    "Recipe": "softlight.config",
    "Scene": "softlight.simulate.scene",
    "Segmenter": "softlight.inference.predict",
    "Tolerances": "softlight.recipes.plan.settings",
    "analyze": "softlight.recipes.analysis.analyze",
    "cross_validate": "softlight.recipes.crossval",
    "evaluate_folder": "softlight.recipes.evaluate",
    "expand": "softlight.data.expand",
    "fetch": "softlight.data.fetch",
    "list_models": "softlight.models.saved",
    "list_recipes": "softlight.recipes.library",
    "load_recipe": "softlight.recipes.library",
    "measure_frame": "softlight.measure.morphology",
    "open_dataset": "softlight.data.sets",
    "open_movie": "softlight.io.images",
    "plan": "softlight.recipes.plan.plan",
    "pretrain": "softlight.recipes.pretrain",
    "read_labels": "softlight.io.labels",
    "reproduce": "softlight.recipes.reproduce",
    "report_on": "softlight.recipes.pages",
    "run_demo": "softlight.recipes.demo",
    "segment": "softlight.recipes.segment",
    "shrink": "softlight.recipes.shrink",
    "simulate_movie": "softlight.simulate.movie",
    "simulate_varied": "softlight.recipes.simulation",
    "track_cells": "softlight.track.movie",
    "train": "softlight.recipes.train_folder",
    "write_labels": "softlight.io.labels",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"softlight has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), _NAMES_AT_HOME.get(name, name))


# No public name is that of a folder: importing softlight.evaluate.pixel would hide it.
_NAMES_AT_HOME = {
    "evaluate_folder": "evaluate",
    "list_models": "list_shipped",
    "report_on": "run_page",
    "simulate_movie": "simulate",
    "train": "train_folder",
}


def __dir__() -> list[str]:
    return __all__
