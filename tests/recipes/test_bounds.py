import math

import numpy as np
import pytest

from softlight.config import ModelSpec, TrustConfig
from softlight.evaluate.intervals import fit_confluence_error, fit_count_error
from softlight.models.saved import load_model
from softlight.recipes.bounds import Bounds, bounds, holding

KNOWN = Bounds(90, 110, 0.2, 0.4)


@pytest.mark.parametrize(
    ("count", "confluence", "within"),
    [(90, 0.4, (1, 1)), (89, 0.3, (0, 1)), (111, 0.41, (0, 0)), (110, 0.2, (1, 1))],
)
def test_the_ends_of_an_interval_belong_to_it(count, confluence, within) -> None:
    assert tuple(holding(KNOWN, count=count, confluence=confluence).values()) == within


def test_where_there_is_no_interval_nothing_is_said() -> None:
    unknown = Bounds(math.nan, math.nan, math.nan, math.nan)
    assert all(math.isnan(value) for value in holding(unknown, count=3, confluence=0.1).values())


def spec_with_errors() -> ModelSpec:
    groups = [str(n) for n in range(6)]
    trust = TrustConfig(
        source="images held out",
        images=6,
        count=fit_count_error([50.0] * 6, [45, 50, 52, 55, 48, 51], groups, per_cell=0.1),
        confluence=fit_confluence_error([0.3] * 6, [0.28, 0.3, 0.31, 0.33, 0.29, 0.3], groups),
    )
    return load_model("phase-sim")[1].model_copy(update={"trust": trust})


def test_of_images_unlike_the_training_nobody_knows() -> None:
    scores, spec = np.full(60, 0.9), spec_with_errors()
    here = bounds(scores, 0.3, spec, known=True)
    assert here.count_low < 54 < here.count_high
    assert here.confluence_low < 0.3 < here.confluence_high
    assert all(math.isnan(value) for value in bounds(scores, 0.3, spec, known=False))
